import NormConvKit

/// `--compare-recipes`.
extension Convert {
    /// Prints what other conversions keep of the network.
    func compare() async throws {
        let model = try await calibration.refreshed(
            architecture.model(input), preprocessing: preprocess, quiet: outputOptions.quiet)
        func split(_ images: String?, training: Bool) throws -> Split? {
            try images.map {
                try calibration.split($0, model, takesTrainingPart: training, quiet: outputOptions.quiet)
            }
        }
        let line = StageLine("comparing", isOn: !outputOptions.quiet)
        defer { line.finish() }
        let report = try await model.comparingRecipes(
            on: split(data, training: false), calibratingOn: split(calibration.calibrate, training: true),
            calibration.options,
            options: ConversionOptions(
                standardizationEpsilon: wsEps ?? .bit, epsilon: epsilon ?? 1e-5,
                assumesAdjacent: assumeAdjacent),
            preprocessing: preprocess, progress: line.show)
        line.finish()
        try outputOptions.show(report, report.lines)
    }
}

extension RecipeComparison {
    /// A table of groups and options, and what to do for the best.
    var lines: [String] {
        let names = unique(rows.map(\.name))
        var table = TextTable([("groups", .left)] + names.map { ($0, .right) })
        for groups in unique(rows.map(\.groups)) {
            table.add(
                [groups] + names.map { name in cell(rows.first { $0.name == name && $0.groups == groups }) })
        }
        table.add(
            ["seconds, at most"]
                + names.map { name in
                    Formatting.fixed(rows.filter { $0.name == name }.map(\.seconds).max() ?? 0, digits: 1)
                })
        let images = Formatting.grouped(images)
        var lines = [
            Terminal.bold(
                data.map { "Agreement with \(input) in %, on \(images) images of \($0)" }
                    ?? "Estimated agreement with \(input) in %, on \(images) synthetic images")
        ]
        lines += table.lines.map { "  " + $0 }
        lines += legend
        lines += best("Best") { _ in true }
        lines += best("Best with standardized weights") { !$0.arguments.contains("off") }
        lines += unique(rows.compactMap(\.error)).map { "Failed (–): \($0)" }
        return lines
    }

    /// The options of each column.
    private var legend: [String] {
        unique(rows.map(\.name)).compactMap { name in
            rows.first { $0.name == name }.map { row in
                let options = row.arguments.dropFirst(2).joined(separator: " ")
                let recipes = ["--ws auto": "fast", "--ws auto --init noise": "data-free"]
                let recipe = recipes[options].map { "; with near:16: --recipe \($0)" } ?? ""
                return "  \(name): \(options)\(recipe)"
            }
        }
    }

    private func cell(_ row: Row?) -> String {
        row?.agreement.map { Formatting.fixed($0 * 100, digits: 1) } ?? "–"
    }

    private func best(_ title: String, _ isMeant: (Row) -> Bool) -> [String] {
        let found = rows.filter(isMeant).max { ($0.agreement ?? -1) < ($1.agreement ?? -1) }
        guard let found, let agreement = found.agreement else { return [] }
        return [
            "\(title): \(found.arguments.joined(separator: " ")) (\(Formatting.fixed(agreement * 100, digits: 1)))"
        ]
    }
}

/// The values in order, each once.
private func unique(_ values: [String]) -> [String] {
    values.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
}
