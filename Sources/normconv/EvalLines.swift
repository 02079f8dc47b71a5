import NormConvKit

extension EvalReport {
    /// The printed report, in 80 columns. `isAlone`: it is about one network; a second one is its baseline.
    func lines(isAlone: Bool) -> [String] {
        guard isAlone, let first = models.first else { return tables }
        var lines = [
            Terminal.bold(first.model),
            "  images        \(Formatting.grouped(images)) of \(data), preprocessing \(first.preprocess)",
        ]
        lines += split + first.lines + [""] + classLines([first])
        if let comparison = first.comparison, let other = models.first(where: { $0.model == baseline }) {
            lines += [""] + other.lines(against: comparison)
        }
        return lines
    }

    /// The labels, and how image files were read.
    private var split: [String] {
        var lines = labels?.lines ?? []
        if let transform { lines.append("  images are    \(transform)") }
        if let broken {
            lines.append("  broken        \(Formatting.counted(broken.count, "image")), left out")
        }
        return lines
    }

    /// Several networks, side by side.
    private var tables: [String] {
        var table = TextTable([
            ("network", .left), ("top-1", .right), ("95 %", .left), ("top-5", .right), ("NLL", .right),
            ("ECE", .right), ("images/s", .right),
        ])
        for model in models {
            let score = model.evaluation
            let top1 = Formatting.interval(score.top1).components(separatedBy: "  ")
            table.add(
                "", top1[0], top1[1],
                score.top5.map { Formatting.percent($0.value) } ?? "–",
                score.nll.map { Formatting.fixed($0.value, digits: 3) } ?? "–",
                score.reliability.map { Formatting.fixed($0.ece, digits: 3) } ?? "–",
                Formatting.rate(model.imagesPerSecond))
        }
        table.fill(0, width: 78, networkNames.fitting)
        let heads = zip(models, networkNames.fitting(18)).compactMap { model, name in
            model.head.description.map { "  outputs       \(name): \($0)" }
        }
        var lines = [Terminal.bold("\(Formatting.grouped(images)) images of \(data)")]
        lines += split + heads + table.lines.map { "  " + $0 } + [""] + classLines(models)
        guard let baseline else { return lines }
        return lines + ["", Terminal.bold("against \(baseline)")] + comparisons.map { "  " + $0 }
    }

    private var comparisons: [String] {
        var table = TextTable([
            ("network", .left), ("agreement", .right), ("top-1", .right), ("95 %", .left), ("lost", .right),
            ("gained", .right), ("p", .right),
        ])
        var compared: [Int] = []
        for (index, model) in models.enumerated() {
            guard let comparison = model.comparison, let paired = comparison.paired else { continue }
            compared.append(index)
            let difference = Formatting.points(paired.difference).components(separatedBy: "  ")
            table.add(
                "", Formatting.percent(comparison.agreement.value),
                difference[0], difference[1], Formatting.grouped(paired.lost.count),
                Formatting.grouped(paired.gained.count), Formatting.probability(paired.mcNemarP))
        }
        table.fill(0, width: 78) { room in
            let names = networkNames.fitting(room)
            return compared.map { names[$0] }
        }
        return table.lines
    }

    /// All classes if they are few, otherwise the weakest: top-1 of each network, four networks per table.
    private func classLines(_ models: [Network]) -> [String] {
        guard let first = models.first else { return [] }
        let limit = 20
        let classes = first.evaluation.classes
        let shown = classes.count <= limit ? classes : weakestClasses.prefix(10).map { classes[$0] }
        let whose = self.models.count == 1 ? "" : ", lowest of all networks"
        var lines =
            classes.count <= limit
            ? [] : ["The 10 of \(classes.count) classes with the lowest top-1\(whose):"]
        let names = models.count == 1 ? ["top-1"] : networkNames.fitting(12)
        for start in stride(from: 0, to: models.count, by: 4) {
            let part = start..<min(start + 4, models.count)
            let table = classTable(
                shown, Array(models[part]), titles: Array(names[part]), isAlone: models.count == 1)
            lines += (start > 0 ? [""] : []) + table.lines.map { "  " + $0 }
        }
        return lines
    }

    /// The recall of each class; also precision and F1 if there is one network.
    private func classTable(
        _ shown: [ClassScores], _ models: [Network], titles: [String], isAlone: Bool
    ) -> TextTable {
        var columns: [(title: String, alignment: TextTable.Alignment)] = [
            ("class", .left), ("images", .right),
        ]
        columns += titles.map { ($0, .right) }
        if isAlone { columns += [("precision", .right), ("F1", .right)] }
        var table = TextTable(columns)
        let share = { (share: Double?) in share.map { Formatting.percent($0) } ?? "–" }
        for entry in shown {
            var cells = ["", Formatting.grouped(entry.images)]
            cells += models.map { share($0.evaluation.classes[entry.index].recall?.value) }
            if isAlone { cells += [share(entry.precision?.value), share(entry.f1)] }
            table.add(cells)
        }
        table.fill(0, width: 78) { room in
            shown.map { Formatting.tail($0.name ?? "\($0.index)", width: min(room, 24)) }
        }
        return table
    }
}

extension EvalReport.Labels {
    /// The source of the labels, and the classes.
    fileprivate var lines: [String] {
        var lines = ["  labels        \(Formatting.head("\(source), \(order)", width: 64))"]
        if let classes, classes.enumerated().contains(where: { $1 != "\($0)" }) {
            let named = classes.prefix(64).enumerated().map { "\($0) \($1)" }.joined(separator: ", ")
            lines.append("  classes       \(Formatting.head(named, width: 64))")
        }
        if let doubt { lines.append("  warning       \(doubt)") }
        return lines
    }
}

extension EvalReport.Network {
    /// The figures of one network.
    fileprivate var lines: [String] {
        let score = evaluation
        var lines = head.description.map { ["  outputs       \($0)"] } ?? []
        lines += ["  top-1         \(Formatting.interval(score.top1))"]
        if let top5 = score.top5 { lines.append("  top-5         \(Formatting.interval(top5))") }
        let mean = score.meanPerClass
        let ends = [mean.low, mean.high].map { Formatting.fixed($0 * 100, digits: 1) }
        lines += [
            "  per class     \(Formatting.percent(mean.value))  [\(ends[0]), \(ends[1])]",
            "  NLL           \(score.nll.map { Formatting.interval($0) } ?? "not finite")",
        ]
        if let brier = score.brier { lines.append("  Brier         \(Formatting.interval(brier))") }
        if let reliability = score.reliability {
            lines.append("  ECE           \(Formatting.fixed(reliability.ece, digits: 4))")
        }
        lines.append("  speed         \(Formatting.rate(imagesPerSecond)) images/s")
        if score.nonFinite > 0 {
            lines.append("  not finite    \(Formatting.counted(score.nonFinite, "image")), counted as wrong")
        }
        return lines
    }

    /// This network as the baseline of a comparison.
    fileprivate func lines(against comparison: Comparison) -> [String] {
        var lines = [
            Terminal.bold("against \(model)"),
            "  its top-1     \(Formatting.interval(evaluation.top1))",
        ]
        if let paired = comparison.paired {
            lines.append("  difference    \(Formatting.points(paired.difference)) points")
        }
        lines.append("  agreement     \(Formatting.interval(comparison.agreement))")
        if let difference = comparison.largestDifference {
            lines.append("  largest output difference  \(Formatting.fixed(difference, digits: 6))")
        }
        guard let paired = comparison.paired else { return lines }
        return lines + [
            "  lost          \(Self.images(paired.lost))", "  gained        \(Self.images(paired.gained))",
            "  McNemar's exact p  \(Formatting.probability(paired.mcNemarP))",
        ]
    }

    private static func images(_ indices: [Int]) -> String {
        let shown = indices.prefix(6).map(String.init).joined(separator: ", ")
        let rest = indices.count > 6 ? ", … (--json lists them)" : ""
        let images = indices.count == 1 ? "image" : "images"
        return "\(Formatting.grouped(indices.count)) \(images)" + (indices.isEmpty ? "" : ": \(shown)\(rest)")
    }
}
