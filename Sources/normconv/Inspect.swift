import ArgumentParser
import NormConvKit

struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows the network in a file, its norms, and what convert would change.",
        discussion: """
            EXAMPLES
              normconv inspect resnet50.h5
              normconv inspect resnet50.h5 --json | jq .norms
            """)

    @Argument(
        help: "The network: .h5, .keras, .weights.h5, .safetensors, .safetensors.index.json, .pth, .npz.",
        completion: .file())
    var model: String

    @OptionGroup var architecture: ArchitectureOptions

    @OptionGroup var output: OutputOptions

    func run() throws {
        let model = try architecture.model(model)
        let report = InspectReport(model)
        try output.show(report, report.lines)
    }
}

extension InspectReport {
    var lines: [String] {
        var lines = [
            Terminal.bold(file),
            "  network       \(architecture), by \(recognizedBy == "names" ? "names and shapes" : "its configuration")",
            "  layout        \(layoutDescription)" + (producer.map { ", \($0)" } ?? ""),
            "  input         \(input), preprocessing \(preprocess)",
            "  classes       \(classes.map(Formatting.grouped) ?? "unknown")",
            "  parameters    \(Formatting.grouped(parameters)) in \(Formatting.grouped(tensors)) tensors",
        ]
        if let networkKeys, !networkKeys.others.isEmpty {
            lines.append(
                "  read under    '\(networkKeys.chosen)'; also \(networkKeys.others.map { "'\($0)'" }.listed(8)) (--key)"
            )
        }
        if let converted { lines.append("  converted     \(converted)") }
        if let fineTuned { lines.append("  fine-tuned    \(fineTuned.text)") }
        for assumption in assumptions { lines.append("  assumed       \(assumption)") }
        for difference in otherModules { lines.append("  differs       \(difference)") }
        if !outputs.isEmpty { lines.append("  outputs       \(outputs.listed(8))") }
        for layer in notComputed {
            lines.append("  not computed  \(layer)" + (layer.reason.map { ": \($0)" } ?? ""))
        }
        for name in unused { lines.append("  not used      \(name)") }
        lines.append("")
        if norms.isEmpty {
            lines.append("No norm layers.")
        } else {
            var table = TextTable([
                ("norm", .left), ("kind", .left), ("channels", .right), ("ε", .right), ("groups", .right),
                ("convolution", .left),
            ])
            let guesses = Dictionary(pairs.map { ($0.norm, $0) }, uniquingKeysWith: { first, _ in first })
            for norm in norms {
                let guess = guesses[norm.layer].flatMap { pair in
                    pair.convolution.map { "\($0)? by \(pair.pairing)" } ?? "unknown"
                }
                table.add(
                    norm.layer, norm.kind, "\(norm.channels)", "\(norm.epsilon)",
                    norm.groups.map(String.init) ?? "→ \(norm.autoGroups)",
                    norm.convolution ?? guess ?? "no convolution")
            }
            lines += table.lines
        }
        let summary = pairs.summary
        if !summary.isEmpty { lines += [""] + summary }
        let open = pairs.openConvolutions
        let listed = exempt.filter { !open.contains($0.layer) }
        if !listed.isEmpty {
            lines += ["", "Convolutions that are not standardized:"]
            lines += listed.map { "  \($0.layer): \($0.reason)" }
        }
        return lines
    }
}
