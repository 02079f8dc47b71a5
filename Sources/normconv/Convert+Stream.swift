import NormConvKit

extension Convert {
    /// Converts a network to standard output; what was done goes to standard error.
    func streamOutput() async throws {
        let stream = try StreamedNetwork()
        defer { stream.remove() }
        let layout = layout?.choice ?? .layout(.safetensors)
        var (report, warnings) = try await convert(
            input, to: ConversionOutput(stream.path, layout: layout, replaces: .nothing))
        if input == StandardStreams.name { report.input = "standard input" }
        report.output = dryRun ? nil : "standard output"
        if dryRun {
            if outputOptions.json { try outputOptions.show(report, []) }
        } else {
            try stream.send()
        }
        if !outputOptions.quiet {
            (report.lines + warnings.map { "warning: \($0)" }).forEach(Terminal.note)
        }
    }
}
