import NormConvKit

/// `--output-dir`.
extension Convert {
    /// Converts all networks into a folder. One that fails does not keep the others from being converted.
    func runAll(into folder: OutputFolder) async throws {
        let inputs = [input] + output
        let outputs = try folder.outputs(for: inputs)
        if !dryRun { try folder.create() }
        var report = FolderReport(folder: folder.path)
        for (input, output) in zip(inputs, outputs) {
            switch try await result(input, output) {
            case .success(let converted):
                report.add(input, converted.report)
                if !outputOptions.json, !outputOptions.quiet { try Terminal.result([converted.report.line]) }
                if !outputOptions.quiet {
                    converted.warnings.forEach { Terminal.note("warning: \(input): \($0)") }
                }
            case .failure(let error):
                let text = "\(OneLine.failure(error))"
                report.add(input, error: text)
                Terminal.note("Error: \(text)")
            }
        }
        if outputOptions.json { try outputOptions.show(report, []) }
        if report.failed > 0 { throw SomeFailed(report) }
    }

    private func result(
        _ input: String, _ output: ConversionOutput
    ) async throws -> Result<(report: ConvertReport, warnings: [String]), any Error> {
        do {
            try OutputFolder.check(input)
            return .success(try await convert(input, to: output))
        } catch let error as CancellationError {
            throw error
        } catch {
            return .failure(error)
        }
    }
}

/// Networks that were not converted, each of which has its own line.
private struct SomeFailed: Error, CustomStringConvertible {
    let description: String

    init(_ report: FolderReport) {
        let names = report.files.filter { $0.error != nil }.map(\.input)
        description =
            "\(report.failed) of \(report.files.count.counted("network")) not converted: \(names.listed())"
    }
}

extension ConvertReport {
    /// What was done, in one line.
    fileprivate var line: String {
        let norms = stages.reduce(0) { $0 + $1.norms }
        let done =
            stages.isEmpty && standardized.isEmpty
            ? "norms and weights unchanged"
            : "\(Formatting.counted(norms, "batch norm")) to group norms, "
                + "\(Formatting.counted(standardized.count, "convolution")) standardized"
        let dropped =
            droppedParts.isEmpty
            ? "" : "dropped \(droppedParts.map { Formatting.head($0, width: 120) }.listed()); "
        return
            "\(input): \(architecture): \(done); \(dropped)\(output.map { "wrote \($0)" } ?? "nothing written")"
    }
}
