import ArgumentParser
import Foundation
import NormConvKit

struct Benchmark: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Times a network on random images: speed, latency, where the time goes, memory.",
        usage: "normconv benchmark [<options>] <model>",
        discussion: """
            EXAMPLES
              normconv benchmark resnet50.h5
              normconv benchmark resnet50-gn.h5 --layers
              normconv benchmark resnet20.h5 --input 32x32x3 --batch 16
              normconv benchmark resnet50.h5 --workers 1 --images 64 --repeats 9
              normconv benchmark resnet50.h5 --json | jq .imagesPerSecond.median

            Images are in memory, already scaled. Each worker runs batches of its own;
            the latency is that of one image that all threads share. Batch norms,
            sums and rectifiers count with the convolution that they are fused into.
            Kinds and layers are measured in the workers' time on a processor, which
            other programs disturb less; a multiply-add is two operations, and GFLOP/s
            are those of all workers together. Memory is the program's peak before the
            latency is measured, start the time from opening the file to the first
            outputs.
            """)

    @Argument(help: "A network: .h5, .keras, .weights.h5, .safetensors, .pth, .npz.", completion: .file())
    var model: String

    @Option(
        help: """
            Rows, columns and channels of an image, as 224x224x3. Default: what the file says, else 224x224; 480x480 \
            for BiT, 32x32 for CIFAR ResNets.
            """)
    var input: ImageSize?

    @Option(help: "Images of a repeat, rounded up to a batch for each worker. Default: about a second's.")
    var images: Int?

    @Option(help: "Repeats, of which median, smallest and largest are shown.")
    var repeats = 5

    @Option(help: "Threads. Default: all cores.")
    var workers: Int?

    @Option(help: "Images that a worker runs at once. Default: what suits their size, 4 for 224x224.")
    var batch: Int?

    @Option(help: "f32, or bf16 where the processor multiplies bfloat16 numbers. Default: f32.")
    var precision = Precision.float32

    @Flag(help: "Show every layer.")
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
            path: model, architecture: try architecture.text, norms: architecture.normKind, options: options)
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
    /// What people read, in 80 columns.
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
                "  disturbed     workers had a processor \(Formatting.percent(processorShare)) of the time")
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
