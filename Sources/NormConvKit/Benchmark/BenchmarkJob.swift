import Foundation
import Inference
import Networks
import Tensors

/// Options of a benchmark.
package struct BenchmarkOptions: Sendable {
    /// Height, width and channels of an image; nil for the network's own.
    package var input: Shape?
    /// Images per repeat, rounded up to one batch per worker; nil for about one second.
    package var images: Int?
    /// Number of repeats, at least 1.
    package var repeats = 5
    /// Threads, each with its own batches; nil for all cores.
    package var workers: Int?
    /// Images per batch; nil to choose by the image size.
    package var batch: Int?
    /// The precision of convolutions.
    package var precision = Precision.float32

    /// The defaults.
    package init() {}
}

/// A network that is ready to be timed on random images in memory.
package struct BenchmarkJob: Sendable {
    private let model: Model
    private let input: Shape
    private let engine: OneDNNEngine
    private let repeats: Int
    private let images: Int
    private let startSeconds: Double

    /// Opens a file, prepares the network and runs it once.
    ///
    /// `architecture` is a Keras configuration, for files that hold only weights; `norms` and `key` as `Model.init` takes them.
    /// Throws what `Model.init` and `Model.engine` throw.
    package init(
        path: String, architecture: String? = nil, norms: NormKind? = nil, key: String? = nil,
        options: BenchmarkOptions = BenchmarkOptions()
    ) throws {
        let clock = ContinuousClock()
        let start = clock.now
        var model = try Model(path: path, architecture: architecture, norms: norms, key: key)
            .running(in: options.precision)
        // The number of groups hardly changes the speed of a norm.
        model.unknownNorms = []
        self.model = model
        input = options.input ?? model.usualImageShape
        engine = try model.fastEngine(
            imageShape: input, workers: options.workers ?? ProcessInfo.processInfo.activeProcessorCount,
            batch: options.batch)
        let blank = Tensor(shape: Shape([1] + input.extents), values: Array(repeating: 0, count: input.count))
        _ = try engine.run(on: ImageSource(blank))
        startSeconds = (clock.now - start) / .seconds(1)
        repeats = max(options.repeats, 1)
        images = try options.images ?? Self.imagesOfASecond(engine.timings(images: 1, repeats: 1))
    }

    /// Images that all repeats run: whole batches for each worker, as `run` tells them to `progress`. Neither each
    /// worker's first batch nor the latency's images count.
    package var totalImages: Int { engine.timedImages(images) * repeats }

    /// Times the network. `progress` receives the number of images done since the last call, `totalImages` in all, from any thread.
    package func run(
        progress: @escaping @Sendable (Int) -> Void = { _ in }
    ) throws -> BenchmarkReport {
        let throughput = try engine.timings(images: images, repeats: repeats, progress: progress)
        let memory = peakMemory()
        let single = try model.fastEngine(imageShape: input, workers: 1, batch: 1, team: engine.workers)
        let latency = try Self.latency(of: single)
        let profile = TimeProfile(
            layers: engine.layers, throughput: throughput, latency: latency, workers: engine.workers)
        let rates = BenchmarkReport.Spread(throughput.imagesPerSecond)
        let multiplyAdds = model.logits.multiplyAdds(
            shapes: try model.network.shapes(of: input.mapExtent))
        return BenchmarkReport(
            model: model.title, architecture: model.network.architecture, library: oneDNNDescription,
            input: input.extents, images: throughput.images, batch: engine.batchSize, workers: engine.workers,
            imagesPerSecond: rates, latency: BenchmarkReport.Spread(latency.repeats),
            latencyThreads: engine.workers, multiplyAdds: multiplyAdds,
            gigaflops: 2e-9 * multiplyAdds * rates.median, processorShare: throughput.processorShare,
            peakMemory: memory, startSeconds: startSeconds,
            kinds: profile.kindRows, layers: profile.layerRows)
    }

    /// Runs one image repeatedly for about a second, at least five times.
    private static func latency(of engine: OneDNNEngine) throws -> EngineTimings {
        let repeats = imagesOfASecond(try engine.timings(images: 1, repeats: 1, clock: .wall))
        return try engine.timings(images: 1, repeats: min(max(repeats, 5), 1000), clock: .wall)
    }

    private static func imagesOfASecond(_ timings: EngineTimings) -> Int {
        Int(min(max(timings.imagesPerSecond[0], 1), 1_000_000))
    }
}

extension Model {
    /// The shape of the images that the network is made for.
    var usualImageShape: Shape {
        Shape(inputSize.all.suffix(network.input.rank - 1) + [network.input.channels])
    }
}

/// The most memory, in bytes, that the process has had in use at once; nil where the system does not say.
func peakMemory() -> Int? {
    #if os(Linux)
        // Not `getrusage`, which counts what the parent had before the program was started.
        let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = status?.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        let kilobytes = line?.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }.first
        return kilobytes.map { $0 << 10 }
    #else
        var usage = rusage()
        return getrusage(RUSAGE_SELF, &usage) == 0 ? Int(usage.ru_maxrss) : nil
    #endif
}
