import Networks
import Tensors
import Threads

/// How long the fast engine takes for images.
package struct EngineTimings: Sendable {
    /// Images of a repeat: whole batches, as many for each worker.
    package let images: Int
    /// Wall-clock seconds of each repeat.
    package let repeats: [Double]
    /// Seconds that a worker spends on an image in each layer, in the order of `OneDNNEngine.layers`.
    package let layerSeconds: [Double]
    /// Seconds that a worker spends on an image in all, copying it and its outputs included.
    package let workerSeconds: Double
    /// Share of the time for which the workers had a processor: below 1 where other programs ran. A worker whose team
    /// has several threads is one of them.
    package let processorShare: Double

    /// Images per second of each repeat.
    package var imagesPerSecond: [Double] { repeats.map { Double(images) / $0 } }
}

extension OneDNNEngine {
    /// Times the engine on random images that are in memory.
    ///
    /// All workers run without a pause from before the first repeat until after the last: a repeat lasts from one
    /// batch's end to another's, so that starting and stopping threads is no part of it. Each worker's first batch does
    /// not count.
    ///
    /// - Parameters:
    ///   - images: of a repeat, rounded up to a batch for each worker.
    ///   - repeats: at least 1.
    ///   - clock: what layers are measured in.
    ///   - progress: receives the number of images done since the last call, from any thread: in all `timedImages(images)` for each
    ///     repeat. Batches that end before all workers are warm, or after the last repeat, do not count.
    package func timings(
        images: Int, repeats: Int, clock: LayerClock = .processor,
        progress: @escaping @Sendable (Int) -> Void = { _ in }
    ) throws -> EngineTimings {
        let timedImages = timedImages(images)
        let recorder = BenchmarkRecorder(workers: workers, repeats: repeats, batches: timedImages / batchSize)
        let failure = FirstFailure()
        onThreads(workers) { index in
            failure.attempt {
                var stopwatch = try Stopwatch(self, clock: clock, seed: UInt64(index))
                _ = try stopwatch.runBatch()
                recorder.warmedUp()
                var spent = Spent(layers: self.layers.count)
                while !failure.occurred, !recorder.isComplete {
                    spent.add(try stopwatch.runBatch())
                    if recorder.finishedBatch() { progress(self.batchSize) }
                }
                recorder.add(spent)
            }
        }
        try failure.rethrow()
        return recorder.timings(images: timedImages, batchSize: batchSize)
    }

    /// So many images rounded up to a batch for each worker.
    package func timedImages(_ images: Int) -> Int {
        let round = workers * batchSize
        return max((images + round - 1) / round, 1) * round
    }
}

/// Time that went into batches.
package struct Spent: Sendable {
    package var batches = 0
    /// By layer, in the clock that was chosen.
    package var layers: [Double]
    /// In the clock that was chosen.
    package var total = 0.0
    package var processor = 0.0
    package var wall = 0.0

    package init(layers: Int) { self.layers = Array(repeating: 0, count: layers) }

    package mutating func add(_ other: Spent) {
        batches += other.batches
        for index in layers.indices { layers[index] += other.layers[index] }
        total += other.total
        processor += other.processor
        wall += other.wall
    }
}

/// A worker on images of its own, and the time that it takes.
private struct Stopwatch {
    private let worker: Worker
    private let batch: Int
    private let clock: LayerClock
    private let pixels: [Float]
    private var outputs: [Float]

    init(_ engine: OneDNNEngine, clock: LayerClock, seed: UInt64) throws {
        worker = try engine.makeOwnWorker()
        batch = engine.batchSize
        self.clock = clock
        var random = SplitMix64(seed: seed)
        pixels = (0..<batch * engine.imageShape.count).map { _ in Float.random(in: -2...2, using: &random) }
        outputs = [Float](repeating: 0, count: batch * engine.outputCount)
    }

    mutating func runBatch() throws -> Spent {
        let (processor, wall) = (LayerClock.processor.seconds, LayerClock.wall.seconds)
        _ = worker.input(0, count: batch).update(fromContentsOf: pixels)
        let layers = try worker.timedRun(count: batch, clock: clock)
        let result = worker.output(0, count: batch)
        outputs.withUnsafeMutableBufferPointer { _ = $0.update(fromContentsOf: result) }
        var spent = Spent(layers: layers.count)
        (spent.batches, spent.layers) = (1, layers)
        spent.processor = LayerClock.processor.seconds - processor
        spent.wall = LayerClock.wall.seconds - wall
        spent.total = clock == .processor ? spent.processor : spent.wall
        return spent
    }
}
