import ArgumentParser
import Foundation
import NormConvKit

struct Benchmark: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measures speed, latency, memory and time per layer on random images.",
        usage: "normconv benchmark [<options>] <model>",
        discussion: """
            EXAMPLES
              normconv benchmark resnet50.h5
              normconv benchmark resnet50-gn.h5 --layers
              normconv benchmark resnet20.h5 --input 32x32x3 --batch 16
              normconv benchmark resnet50.h5 --workers 1 --images 64 --repeats 9
              normconv benchmark resnet50.h5 --json | jq .imagesPerSecond.median

            Images are in memory, already preprocessed. Each worker runs its own batches. Latency is the time for one image with all threads working on it. Batch norms,
            sums and ReLUs count with the convolution that they are fused into.
            Times per layer and per kind of layer are the workers' CPU time, which other programs affect less than elapsed time. A multiply-add counts as two operations. GFLOP/s is the total of all workers. Memory is the program's peak before the latency is measured. 'start' is the time from opening the file to the first outputs.
            """)

    @Argument(help: "The network: .h5, .keras, .weights.h5, .safetensors, .pth, .npz.", completion: .file())
    var model: String

    @Option(
        help: """
            Height, width and channels of the input, such as 224x224x3. Default: the size in the file, otherwise 224x224 \
            (BiT: 480x480, CIFAR ResNets: 32x32).
            """)
    var input: ImageSize?

    @Option(
        help: "Images per repeat, rounded up to one batch per worker. Default: enough for about one second.")
    var images: Int?

    @Option(help: "Number of repeats. The report shows their median, minimum and maximum.")
    var repeats = 5

    @Option(help: "Number of threads. Default: all cores.")
    var workers: Int?

    @Option(help: "Images per batch. Default: depends on the image size; 8 for 224x224.")
    var batch: Int?

    @Option(help: "f32, or bf16 on a processor with bfloat16 instructions.")
    var precision = Precision.float32

    @Flag(help: "Show the time of every layer.")
    var layers = false

    @OptionGroup var architecture: ArchitectureOptions

    @OptionGroup var output: OutputOptions

    func validate() throws {
        let counts = [
            ("--images", images, 1_000_000), ("--repeats", repeats, 1000), ("--workers", workers, 1024),
            ("--batch", batch, 1024),
        ]
        for (name, count, most) in counts {
            guard 1...most ~= count ?? 1 else {
                throw ValidationError("\(name) must be between 1 and \(most).")
            }
        }
    }

    func run() throws {
        let job = try BenchmarkJob(
            path: model, architecture: try architecture.text, norms: architecture.normKind,
            key: architecture.key,
            options: options)
        let progress = ProgressLine(
            URL(fileURLWithPath: model).lastPathComponent, total: job.totalImages, isOn: !output.quiet)
        defer { progress.finish() }
        let report = try job.run(progress: progress.advance)
        progress.finish()
        try output.show(report, report.lines(layers: layers))
    }

    private var options: BenchmarkOptions {
        var options = BenchmarkOptions()
        options.input = input?.shape
        options.images = images
        options.repeats = repeats
        options.workers = workers
        options.batch = batch
        options.precision = precision
        return options
    }
}

/// `224x224x3`: rows, columns, channels.
struct ImageSize: ExpressibleByArgument {
    let shape: Shape

    init?(argument: String) {
        let extents = argument.lowercased().split(separator: "x", omittingEmptySubsequences: false).map {
            Int($0)
        }
        let known = extents.compactMap(\.self)
        guard extents.count == 3, known.count == 3, known.allSatisfy({ 1...16384 ~= $0 }) else { return nil }
        shape = Shape(known)
    }
}

extension BenchmarkReport {
    /// The printed report, in 80 columns.
    func lines(layers showsLayers: Bool) -> [String] {
        let extents = input.map(String.init).joined(separator: "×")
        let workers = self.workers == 1 ? "1 worker" : "\(self.workers) workers"
        let threads = latencyThreads == 1 ? "1 thread" : "\(latencyThreads) threads"
        let milliseconds = { (seconds: Double) in Formatting.fixed(seconds * 1000, digits: 1) }
        let speed = imagesPerSecond
        var lines = [
            Terminal.bold(model),
            "  network       \(architecture), input \(extents)",
            "  engine        \(library); \(workers), batch \(batch)",
            "  speed         \(Formatting.rate(speed.median)) images/s  "
                + "[\(Formatting.rate(speed.min)), \(Formatting.rate(speed.max))]  "
                + "\(speed.repeats) × \(Formatting.grouped(images)) images",
            "  latency       \(milliseconds(latency.median)) ms  "
                + "[\(milliseconds(latency.min)), \(milliseconds(latency.max))]  one image, \(threads)",
            "  arithmetic    \(Formatting.fixed(multiplyAdds / 1e9, digits: 3)) G multiply-adds an image, "
                + "\(Formatting.fixed(gigaflops, digits: 1)) GFLOP/s",
        ]
        if processorShare < 0.95 {
            lines.append(
                "  disturbed     other programs ran: workers got \(Formatting.percent(processorShare)) of the time"
            )
        }
        if let peakMemory { lines.append("  memory        \(Formatting.bytes(peakMemory))") }
        lines += ["  start         \(Formatting.fixed(startSeconds, digits: 2)) s", ""]
        lines += kindTable.lines.map { "  " + $0 }
        if showsLayers { lines += [""] + layerTable.lines.map { "  " + $0 } }
        return lines
    }

    private var kindTable: TextTable {
        var table = TextTable([
            ("kind", .left), ("share", .right), ("ms/image", .right), ("GFLOP/s", .right),
            ("of latency", .right),
        ])
        for row in kinds {
            table.add(
                row.kind, Formatting.percent(row.share), Formatting.fixed(row.seconds * 1000, digits: 2),
                row.gigaflops.map { Formatting.fixed($0, digits: 1) } ?? "–",
                Formatting.percent(row.latencyShare))
        }
        return table
    }

    private var layerTable: TextTable {
        var table = TextTable([
            ("layer", .left), ("kind", .left), ("shape", .left), ("ms", .right), ("GFLOP/s", .right),
        ])
        for row in layers {
            let kind = row.kind.replacing("convolution", with: "conv")
            table.add(
                Formatting.tail(row.layer, width: 18), Formatting.head(kind, width: 13),
                Formatting.tail(row.shape, width: 25),
                Formatting.fixed(row.seconds * 1000, digits: 2),
                row.gigaflops.map { Formatting.fixed($0, digits: 1) } ?? "–")
        }
        return table
    }
}
