import ArgumentParser
import Foundation
import NormConvKit

struct Diff: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Shows where two versions of a network part: how far their values are from each other, layer by layer.",
        discussion: """
            EXAMPLES
              normconv diff resnet.h5 gn.h5 --data images.h5
              normconv diff resnet.h5 gn.h5 --data images.h5 --all --images 64
              normconv diff resnet.h5 gn.h5 --data images.h5 --json | jq '.layers[]'

            'error' is the squared difference in units of how much the first
            network's values vary around each channel's mean: 0 where the two agree,
            1 where the second tells no more than those means would, – where the
            first one's values do not vary. Norms, sums and dense layers are shown: a
            conversion may scale or turn over what is between them.
            """)

    @Argument(help: "The first network, as a rule the one that was converted.", completion: .file())
    var first: String

    @Argument(help: "The second network.", completion: .file())
    var second: String

    @Option(help: "Images: any split that eval reads. Labels are not needed.", completion: .file())
    var data: String

    @Option(help: "How many of the images to look at.")
    var images = 256

    @Option(
        help: "Preprocessing for both. Default: what goes with each.",
        transform: Preprocessing.init(parsing:))
    var preprocess: Preprocessing?

    @Flag(help: "Show all layers.")
    var all = false

    @OptionGroup var arrays: ArrayOptions

    @OptionGroup var imageOptions: ImageOptions

    @OptionGroup var architecture: ArchitectureOptions

    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard images > 0 else { throw ValidationError("--images must be at least 1.") }
    }

    func run() throws {
        let models = try architecture.models([first, second], quiet: output.quiet)
        let (a, b) = (models[0], models[1])
        var options = arrays.splitOptions
        options.requiresLabels = false
        let split = try imageOptions.split(data, for: [a], options: options, quiet: output.quiet)
        let progress = ProgressLine(
            URL(fileURLWithPath: second).lastPathComponent, total: min(images, split.count),
            isOn: !output.quiet)
        defer { progress.finish() }
        let report = try a.diff(
            b, on: split, images: images, preprocessing: preprocess, progress: progress.advance)
        progress.finish()
        try output.show(report, report.lines(all: all))
    }
}

extension DiffReport {
    /// A table of the layers that keep their meaning in a conversion, or of all.
    func lines(all: Bool) -> [String] {
        var table = TextTable([
            ("layer", .left), ("kind", .left), ("error", .right), ("cosine", .right), ("mean", .right),
            ("spread", .right),
        ])
        func pair(_ first: Double, _ second: Double) -> String {
            "\(Formatting.fixed(first, digits: 2)) → \(Formatting.fixed(second, digits: 2))"
        }
        for layer in layers where all || ["norm", "sum", "dense"].contains(layer.kind) {
            table.add(
                layer.layer, layer.kind, layer.relativeError.map { Formatting.fixed($0, digits: 4) } ?? "–",
                Formatting.fixed(layer.cosine, digits: 4), pair(layer.firstMean, layer.secondMean),
                pair(layer.firstDeviation, layer.secondDeviation))
        }
        var lines = [
            Terminal.bold("\(first) → \(second)"), "  \(Formatting.grouped(images)) images of \(data)", "",
        ]
        lines += table.lines
        if !unmatched.isEmpty { lines += ["", "Only in one of them: " + unmatched.listed()] }
        return lines
    }
}
