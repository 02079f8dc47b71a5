import ArgumentParser
import Foundation
import NormConvKit

struct Eval: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "eval",
        abstract: "Scores networks on a test split, alone or against each other.",
        discussion: """
            EXAMPLES
              normconv eval resnet.h5 --data test.h5
              normconv eval resnet-gn.h5 --data test.h5 --against resnet.h5
              normconv eval resnet.h5 gn.h5 ln.h5 --data test.h5 --html report.html
              normconv eval resnet.h5 --data test.h5 --csv images.csv
              normconv eval resnet.h5 gn.h5 --data test.h5 --json | jq '.models[].top1'
              normconv eval resnet.h5 --data test.npz --preprocess 0.5,0.25 --json
              normconv eval r50.safetensors --data imagenette/val --classes names.txt
              normconv eval pets.h5 --data annotations/test.txt --skip-broken

            A split is
              a folder with a folder of JPEG or PNG files for each class, in sorted
              order, or with --classes;
              a text or CSV file that lists paths and labels, as Oxford-IIIT Pet's
              annotations/test.txt;
              CIFAR-10's or CIFAR-100's binary files or MNIST's IDX files (.gz too),
              a file or their folder;
              HDF5 or npz with images (uint8, or float) and labels under 'images' and
              'labels', 'x_test' and 'y_test', or 'X' and 'y'.

            Several networks are scored in one pass over the images, and compared
            with the first unless --against names another. Intervals are of 95 %:
            Wilson's for shares, the percentile bootstrap (2,000 draws, seed 0) for
            means, Tango's for the difference of two networks on the same images.
            """)

    @Argument(help: "The networks.", completion: .file())
    var models: [String]

    @Option(help: "The test split: a folder, a list, or a file of arrays.", completion: .file())
    var data: String

    @Option(
        help: "The network to compare with, image by image. Default: the first of several.",
        completion: .file())
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

    @Option(help: "Write a report to look at: one HTML file that needs no other.", completion: .file())
    var html: String?

    @Option(
        help: "Write what each network says of each image: label, prediction, probability, correct.",
        completion: .file())
    var csv: String?

    @Option(
        help: "Write the values before softmax, [images, classes], as a numpy file; of one network.",
        completion: .file())
    var outputs: String?

    @Flag(help: "Overwrite the files of --html, --csv and --outputs if they exist.")
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
        if outputs != nil, models.count > 1 {
            throw ValidationError("--outputs goes with one network only; --csv takes several.")
        }
        let files = [html, csv, outputs].compactMap { $0 }
        if Set(files).count < files.count {
            throw ValidationError("--html, --csv and --outputs must name different files.")
        }
    }

    func run() throws {
        for file in [html, csv, outputs].compactMap({ $0 }) { try AtomicFile.check(file, overwrite: force) }
        let paths = against.map { models.contains($0) ? models : models + [$0] } ?? models
        let networks = try paths.map(architecture.model)
        var options = SplitOptions()
        options.layout = layout
        options.scale = scale
        options.classes = try classes.indices()
        let split = try images.split(data, for: networks[0], options: options, quiet: output.quiet)
        let scores = try run(networks, on: split)
        let report = try EvalReport(
            models: networks, outputs: scores, on: split, engine: engine,
            baseline: paths.count > 1 ? against.flatMap(paths.firstIndex) ?? 0 : nil)
        try write(report, networks, scores, split)
        if output.json {
            try Terminal.result(JSONReport.text(report))
        } else {
            try Terminal.result(report.lines(isAlone: models.count == 1))
        }
    }

    /// Runs all networks in one pass.
    private func run(_ networks: [Model], on split: Split) throws -> [Outputs] {
        let first = URL(fileURLWithPath: networks[0].path).lastPathComponent
        let title = networks.count == 1 ? first : "\(networks.count) networks"
        let progress = ProgressLine(title, total: split.count, isOn: !output.quiet)
        defer { progress.finish() }
        return try split.run(
            networks, preprocessing: preprocess, engine: engine, workers: workers, progress: progress.advance)
    }

    /// Writes the files that are asked for.
    private func write(
        _ report: EvalReport, _ networks: [Model], _ scores: [Outputs], _ split: Split
    ) throws {
        if let outputs { try write(scores[0].logits.npy, to: outputs) }
        guard csv != nil || html != nil else { return }
        let outcomes = try scores.map(split.outcomes)
        if let csv {
            let table = try OutcomeTable(
                Array(zip(networks.map(\.path), outcomes)), classNames: split.classNames, paths: split.files)
            try write(Data(table.csv.utf8), to: csv)
        }
        if let html {
            let page = try EvalPage(
                report, outcomes: outcomes, classNames: split.classNames, paths: split.files,
                command: ["normconv"] + CommandLine.arguments.dropFirst()
            ) { try split.picture($0) }
            try write(Data(page.html().utf8), to: html)
        }
    }

    private func write(_ data: Data, to path: String) throws {
        try AtomicFile.write(to: path, overwrite: force) { temporary in
            try data.write(to: URL(fileURLWithPath: temporary))
        }
    }
}
