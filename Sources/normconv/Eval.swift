import ArgumentParser
import Foundation
import NormConvKit

struct Eval: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "eval",
        abstract: "Scores a network on a test split, alone or against another network.",
        discussion: """
            EXAMPLES
              normconv eval resnet.h5 --data test.h5
              normconv eval resnet-gn.h5 --data test.h5 --against resnet.h5
              normconv eval resnet.h5 --data test.npz --preprocess 0.5,0.25 --json
              normconv eval resnet50.safetensors --data imagenette/val --classes imagenette.txt
              normconv eval pets.h5 --data annotations/test.txt --skip-broken

            A split is
              a folder with a folder of JPEG or PNG files for each class, in sorted order, or with --classes;
              a text or CSV file that lists paths and labels, as Oxford-IIIT Pet's annotations/test.txt;
              CIFAR-10's or CIFAR-100's binary files or MNIST's IDX files (.gz too), a file or their folder;
              HDF5 or npz with images (uint8, or float) and labels under 'images' and 'labels', 'x_test' and
              'y_test', or 'X' and 'y'.
            """)

    @Argument(help: "The network.", completion: .file())
    var model: String

    @Option(help: "The test split: a folder, a list, or a file of arrays.", completion: .file())
    var data: String

    @Option(help: "Another network to compare with, image by image.", completion: .file())
    var against: String?

    @Option(
        help: """
            raw, unit, torch, caffe, tf, or MEAN,STD on the scale of 0…1 (0.5,0.25 or one value a channel: \
            0.49:0.48:0.45,0.25:0.24:0.26). Default: what the file remembers, else its family's.
            """)
    var preprocess: Preprocessing?

    @Option(help: "Order of the images' dimensions, where 1 or 3 channels do not tell it: nhwc or nchw.")
    var layout: ImageLayout?

    @Option(help: "What float images hold: bytes (0…255) or unit (0…1).")
    var scale = PixelScale.bytes

    @Option(help: "fast (oneDNN) or reference (plain, every sum in double, slow).")
    var engine = EngineKind.fast

    @Option(help: "Threads; the figures do not depend on it. Default: all cores.")
    var workers: Int?

    @Option(help: "Write the values before softmax, [images, classes], as a numpy file.", completion: .file())
    var outputs: String?

    @Flag(help: "Overwrite the file of --outputs if it exists.")
    var force = false

    @OptionGroup var images: ImageOptions

    @OptionGroup var classes: ClassesOption

    @OptionGroup var architecture: ArchitectureOptions

    @OptionGroup var output: OutputOptions

    func validate() throws {
        if let workers, !(1...1024).contains(workers) {
            throw ValidationError("--workers must be between 1 and 1024.")
        }
        if workers != nil, engine == .reference {
            throw ValidationError("--workers goes with the fast engine only.")
        }
    }

    func run() throws {
        if let outputs, !force, FileManager.default.fileExists(atPath: outputs) {
            throw CheckpointError.targetExists(path: outputs)
        }
        let network = try architecture.model(model)
        let other = try against.map(architecture.model)
        var options = SplitOptions()
        options.layout = layout
        options.scale = scale
        options.classes = try classes.indices()
        let split = try images.split(data, for: network, options: options, quiet: output.quiet)
        let scores = try run(network, on: split)
        if let outputs {
            try AtomicFile.write(to: outputs, overwrite: force) { temporary in
                try scores.logits.npy.write(to: URL(fileURLWithPath: temporary))
            }
        }
        var report = try EvalReport(model: network, split: split, outputs: scores, engine: engine)
        if let other {
            try report.compare(scores, with: other, try run(other, on: split), on: split)
        }
        if output.json {
            try Terminal.result(JSONReport.text(report))
        } else {
            try Terminal.result(report.lines)
        }
    }

    private func run(_ network: Model, on split: Split) throws -> Outputs {
        let name = URL(fileURLWithPath: network.path).lastPathComponent
        let progress = ProgressLine(name, total: split.count, isOn: !output.quiet)
        defer { progress.finish() }
        return try network.run(
            on: split, preprocessing: preprocess, engine: engine, workers: workers,
            progress: progress.advance)
    }
}

extension EvalReport {
    var lines: [String] {
        var lines = [
            Terminal.bold(model),
            "  images        \(Formatting.grouped(images)) of \(data), preprocessing \(preprocess)",
            "  top-1         \(Formatting.interval(top1))",
        ]
        if let transform { lines.insert("  images are    \(transform)", at: 2) }
        if let broken {
            lines.insert("  broken        \(Formatting.grouped(broken.count)) images, left out", at: 2)
        }
        if let top5 { lines.append("  top-5         \(Formatting.interval(top5))") }
        lines += [
            "  per class     \(Formatting.percent(meanPerClass)) on average",
            "  NLL           \(nll.map { Formatting.fixed($0, digits: 4) } ?? "not finite")",
            "  speed         \(Formatting.fixed(imagesPerSecond, digits: imagesPerSecond < 100 ? 1 : 0)) images/s",
        ]
        if nonFinite > 0 {
            lines.append("  not finite    \(Formatting.grouped(nonFinite)) images, counted wrong")
        }
        lines += [""] + classLines
        if let against { lines += [""] + against.lines }
        return lines
    }

    /// All classes where they are few, otherwise the ones that fare worst.
    private var classLines: [String] {
        let limit = 20
        let worst = classes.filter { $0.accuracy != nil }.sorted { ($0.accuracy ?? 0) < ($1.accuracy ?? 0) }
        let shown = classes.count <= limit ? classes : Array(worst.prefix(10))
        var table = TextTable([("class", .left), ("images", .right), ("top-1", .right)])
        for entry in shown {
            table.add(
                entry.name ?? "\(entry.index)", Formatting.grouped(entry.images),
                entry.accuracy.map { Formatting.percent($0) } ?? "–")
        }
        let title = classes.count <= limit ? [] : ["The 10 weakest of \(classes.count) classes:"]
        return title + table.lines.map { "  " + $0 }
    }
}

extension EvalReport.Against {
    fileprivate var lines: [String] {
        var lines = [
            Terminal.bold("against \(model)"),
            "  top-1 there   \(Formatting.interval(top1))",
            "  agreement     \(Formatting.interval(comparison.agreement))",
        ]
        if let difference = comparison.largestDifference {
            lines.append("  largest difference of two outputs  \(difference)")
        }
        guard let paired = comparison.paired else { return lines }
        lines += [
            "  lost          \(Self.images(paired.lost))",
            "  gained        \(Self.images(paired.gained))",
            "  McNemar's exact p  \(paired.mcNemarP)",
        ]
        return lines
    }

    private static func images(_ indices: [Int]) -> String {
        let shown = indices.prefix(8).map(String.init).joined(separator: ", ")
        let rest = indices.count > 8 ? ", … (--json lists them)" : ""
        return "\(Formatting.grouped(indices.count)) images" + (indices.isEmpty ? "" : ": \(shown)\(rest)")
    }
}
