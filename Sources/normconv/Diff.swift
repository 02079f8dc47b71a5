import ArgumentParser
import Foundation
import NormConvKit

struct Diff: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Compares two versions of a network layer by layer, on the same images.",
        discussion: """
            EXAMPLES
              normconv diff resnet.h5 gn.h5 --data images.h5
              normconv diff resnet.h5 gn.h5 --data images.h5 --all --images 64
              normconv diff resnet.h5 gn.h5 --data images.h5 --json | jq '.layers[]'

            'error' is the mean squared difference, divided by the variance of the
            first network's values in each channel. 0 means that both networks agree.
            1 is the error of predicting each channel's mean. '–' means that the first network's values do not vary. The table shows norms, residual additions
            and dense layers, because a conversion may change the scale and sign of the
            values between them.
            """)

    @Argument(help: "The first network, usually the original.", completion: .file())
    var first: String

    @Argument(help: "The second network, usually the converted one.", completion: .file())
    var second: String

    @Option(help: "Images, in any format that eval reads. Labels are not needed.", completion: .file())
    var data: String

    @Option(help: "Number of images to compare on.")
    var images = 256

    @Option(
        help: "Preprocessing for both networks. Default: each network's own.",
        completion: .preprocessing, transform: Preprocessing.init(parsing:))
    var preprocess: Preprocessing?

    @Flag(help: "Show all layers.")
    var all = false

    @OptionGroup var arrays: ArrayOptions

    @Option(help: ArrayOptions.imagesHelp)
    var imageArray: String?

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
        options.imagesName = imageArray
        let split = try imageOptions.split(
            data, for: [a], options: options, preprocessing: preprocess, quiet: output.quiet)
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
    /// A table of the layers that a conversion does not rescale, or of all layers.
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
