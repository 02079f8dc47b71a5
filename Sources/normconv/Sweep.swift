import ArgumentParser
import Foundation
import NormConvKit

struct Sweep: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measures the error at several batch sizes, with batch statistics as in training.",
        discussion: """
            EXAMPLES
              normconv sweep resnet.h5 resnet-gn.h5 --data test.h5
              normconv sweep resnet.h5 resnet-gn.h5 --data test.h5 --html report.html
              normconv sweep resnet.h5 --data test.h5 --batch-sizes 2,8,32 --shuffles 10
              normconv sweep resnet.h5 --data test.h5 --json | jq '.models[].points'

            Batch norms use the mean and variance of the current batch, as in training
            (Ioffe & Szegedy 2015), instead of the stored ones. Networks without batch
            norms do not depend on the batch and run once. This repeats the batch size
            comparison of Wu & He (Group Normalization, 2018) on trained networks.

            The split is shuffled and divided into batches. Every image is scored once:
            if the last batch is not full, images from the start of the shuffle fill it
            and are not scored again. All networks and batch sizes use the same
            shuffles. 'stored' is the error with the stored statistics, as in eval.
            """)

    @Argument(help: "The networks. At least one must have batch norms.", completion: .file())
    var models: [String]

    @Option(
        help: "The test split, in any format that eval reads (see normconv help eval).", completion: .file())
    var data: String

    @Option(help: "Batch sizes, separated by commas.")
    var batchSizes = BatchSizes(SweepOptions().batchSizes)

    @Option(help: "Number of shuffles of the split.")
    var shuffles = SweepOptions().shuffles

    @Option(help: "Random seed of the shuffles.")
    var seed: UInt64 = 0

    @Option(
        help: "Preprocessing for all networks. Default: each network's own.",
        completion: .preprocessing, transform: Preprocessing.init(parsing:))
    var preprocess: Preprocessing?

    @Option(help: "Number of threads. Does not change the results. Default: all cores.")
    var workers: Int?

    @Option(
        help: "Write a self-contained HTML report with a chart to this file.", completion: .file())
    var html: String?

    @Flag(help: "Overwrite the file of --html if it exists.")
    var force = false

    @OptionGroup var images: ImageOptions

    @OptionGroup var labels: LabelledSplitOptions

    @OptionGroup var head: HeadOptions

    @OptionGroup var architecture: ArchitectureOptions

    @OptionGroup var output: OutputOptions

    func validate() throws {
        if let size = batchSizes.sizes.first(where: { $0 < 1 }) {
            throw ValidationError("--batch-sizes must be at least 1, not \(size).")
        }
        guard (1...1000).contains(shuffles) else {
            throw ValidationError("--shuffles must be between 1 and 1000.")
        }
        if let workers, !(1...1024).contains(workers) {
            throw ValidationError("--workers must be between 1 and 1024.")
        }
    }

    func run() throws {
        try checkPage()
        let networks = try head.applied(to: architecture.models(models, quiet: output.quiet))
        let split = try images.split(
            data, for: networks, options: labels.splitOptions, preprocessing: preprocess,
            quiet: output.quiet)
        let progress = ProgressLine(
            "sweep", total: split.sweepLength(networks, options: options), isOn: !output.quiet)
        defer { progress.finish() }
        let report = try split.sweep(networks, options: options, progress: progress.advance)
        progress.finish()
        try writePage(report)
        try output.show(report, report.lines)
    }

    private var options: SweepOptions {
        var options = SweepOptions()
        options.batchSizes = batchSizes.sizes
        options.shuffles = shuffles
        options.seed = seed
        options.preprocessing = preprocess
        options.workers = workers
        return options
    }

    /// Throws where the page cannot be written, before anything is read.
    private func checkPage() throws {
        guard let html else { return }
        let inputs = models + [data] + architecture.files + labels.inputs
        try OutputIsInput.check(html, inputs)
        try AtomicFile.check(html, overwrite: force)
    }

    private func writePage(_ report: SweepReport) throws {
        guard let html else { return }
        let page = SweepPage(
            report, command: ["normconv"] + CommandLine.arguments.dropFirst(), date: Date())
        try AtomicFile.write(Data(page.html().utf8), to: html, overwrite: force)
    }
}

/// `1,2,4`
struct BatchSizes: ExpressibleByArgument {
    var sizes: [Int]

    init(_ sizes: [Int]) { self.sizes = sizes }

    init?(argument: String) {
        let numbers = argument.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
        guard !numbers.contains(nil) else { return nil }
        sizes = numbers.compactMap { $0 }
    }

    var defaultValueDescription: String { sizes.map(String.init).joined(separator: ",") }
}

extension SweepReport {
    /// Tables in 80 columns, of up to five networks each.
    var lines: [String] {
        let shuffles = self.shuffles == 1 ? "1 shuffle" : "\(self.shuffles) shuffles"
        var lines = [
            Terminal.bold("\(Formatting.grouped(images)) images of \(data), \(shuffles), seed \(seed)"),
            "top-1 error in %" + (self.shuffles > 1 ? ", mean ± standard deviation over shuffles" : ""),
        ]
        if let transform { lines.append("images are \(transform)") }
        if let broken { lines.append("broken: \(Formatting.counted(broken.count, "image")), left out") }
        let cell = (models.flatMap(\.points).map { Columns.count($0.text) } + [10]).max() ?? 10
        let count = min(max(68 / (cell + 2), 1), 5)
        for first in stride(from: 0, to: models.count, by: count) {
            lines += table(first..<min(first + count, models.count))
        }
        return lines
    }

    private func table(_ part: Range<Int>) -> [String] {
        let names = networkNames.fitting(min(24, 68 / part.count - 2))
        var table = TextTable(
            [(title: "batch size", alignment: .right)]
                + part.map { (title: names[$0], alignment: .right) })
        for row in models[part.lowerBound].points.indices {
            table.add(
                ["\(models[part.lowerBound].points[row].batchSize)"]
                    + part.map { models[$0].points[row].text })
        }
        table.add(["stored"] + part.map { Formatting.fixed(models[$0].stored.value * 100, digits: 1) })
        return [""] + table.lines.map { "  " + $0 }
    }
}
