import Synchronization
import Tensors
import Threads

/// Several engines on the same images, in one pass: what two of them read alike is loaded once.
package struct JointRun: Sendable {
    private let engines: [any Engine]
    private let sources: [ImageSource]
    private let sourceOf: [Int]

    /// An engine's outputs and its time.
    package struct Result: Sendable {
        /// [images, outputCount] in row-major order.
        package let outputs: [Float]
        /// The engine's share of the run's wall-clock seconds, loading its images included: about what it would have
        /// taken alone.
        package let seconds: Double
    }

    /// Engine i reads source `sourceOf[i]`; without `sourceOf` all read the first. Sources have as many images as each
    /// other.
    package init(_ engines: [any Engine], on sources: [ImageSource], sourceOf: [Int]? = nil) {
        let sourceOf = sourceOf ?? engines.map { _ in 0 }
        precondition(sourceOf.count == engines.count && sourceOf.allSatisfy(sources.indices.contains))
        precondition(sources.allSatisfy { $0.count == sources.first?.count })
        self.engines = engines
        self.sources = sources
        self.sourceOf = sourceOf
    }

    /// The engines' outputs on consecutive images.
    package struct Block: Sendable {
        /// The images.
        package let images: Range<Int>
        /// For each engine [images, outputCount] in row-major order.
        package let outputs: [[Float]]
        /// For each engine the seconds that a thread took for it, loading its images included, divided by the threads.
        package let seconds: [Double]
    }

    /// Runs every engine on every image and returns what each gave. Rethrows the first error of a source or an engine.
    /// `progress` receives the number of images that all engines finished since the last call, from any thread.
    package func run(progress: @escaping @Sendable (Int) -> Void = { _ in }) throws -> [Result] {
        let count = sources.first?.count ?? 0
        let results = engines.map { SharedResults(count: count * $0.outputCount) }
        let seconds = try run(on: [0..<count]) { block in
            for (engine, result) in zip(engines.indices, results) {
                result.store(
                    block.outputs[engine], at: block.images.lowerBound * engines[engine].outputCount)
            }
            progress(block.images.count)
        }
        return zip(results, seconds).map { Result(outputs: $0.values, seconds: $1) }
    }

    /// Runs every engine on the images of disjoint ranges and hands what they give to `receive` as soon as it is there,
    /// from any thread and in any order; nothing is kept. Returns each engine's seconds, as in `Result`. Rethrows the
    /// first error of a source, an engine or `receive`.
    package func run(
        on ranges: [Range<Int>], receive: @escaping @Sendable (Block) throws -> Void
    ) throws -> [Double] {
        for (engine, source) in zip(engines, sourceOf) where sources[source].shape != engine.imageShape {
            throw InferenceError.wrongImageShape(found: sources[source].shape, expected: engine.imageShape)
        }
        let step = engines.map(\.batchSize).max() ?? 1
        let blocks = ranges.flatMap { range in
            stride(from: range.lowerBound, to: range.upperBound, by: step).map {
                $0..<min($0 + step, range.upperBound)
            }
        }
        let threads = min(engines.map(\.workers).max() ?? 1, max(blocks.count, 1))
        let spent = Mutex(Spent(engines: engines.count, sources: sources.count))
        let clock = ContinuousClock()
        let start = clock.now
        try inParallel(
            blocks.count, threads: threads, worker: { _ in try Passage(self, step: step) },
            body: { passage, index in
                let (block, seconds) = try passage.run(blocks[index], threads: threads)
                spent.withLock { $0.add(seconds) }
                try receive(block)
            })
        return spent.withLock { $0.shares(of: (clock.now - start) / .seconds(1), sourceOf) }
    }

    /// Seconds of all threads, by engine and by source.
    private struct Spent: Sendable {
        var running: [Double]
        var loading: [Double]

        init(engines: Int, sources: Int) {
            running = Array(repeating: 0, count: engines)
            loading = Array(repeating: 0, count: sources)
        }

        mutating func add(_ other: Spent) {
            for index in running.indices { running[index] += other.running[index] }
            for index in loading.indices { loading[index] += other.loading[index] }
        }

        func shares(of wall: Double, _ sourceOf: [Int]) -> [Double] {
            let total = running.reduce(0, +) + loading.reduce(0, +)
            return zip(running, sourceOf).map { total > 0 ? wall * ($0 + loading[$1]) / total : wall }
        }
    }

    /// A thread's passage over its images.
    private struct Passage {
        private let run: JointRun
        private let workers: [any EngineWorker]
        private let pixels: AlignedMemory
        private let outputs: AlignedMemory
        init(_ run: JointRun, step: Int) throws {
            self.run = run
            workers = try run.engines.map { try $0.makeWorker() }
            let floats = { (sizes: [Int]) in step * (sizes.max() ?? 0) * MemoryLayout<Float>.stride }
            pixels = try AlignedMemory(bytes: floats(run.sources.map(\.shape.count)))
            outputs = try AlignedMemory(bytes: floats(run.engines.map(\.outputCount)))
        }

        /// Loads a range of images from each source and runs the engines that read it; also says how long that took.
        func run(_ range: Range<Int>, threads: Int) throws -> (Block, Spent) {
            var results = [[Float]](repeating: [], count: run.engines.count)
            var here = Spent(engines: run.engines.count, sources: run.sources.count)
            for (index, source) in run.sources.enumerated() {
                let size = range.count * source.shape.count
                here.loading[index] = try Self.seconds {
                    try source.load(range, UnsafeMutableBufferPointer(start: pixels.floats, count: size))
                }
                for engine in run.engines.indices where run.sourceOf[engine] == index {
                    here.running[engine] = try Self.seconds {
                        results[engine] = try runEngine(engine, images: range.count)
                    }
                }
            }
            let seconds = zip(here.running, run.sourceOf).map { ($0 + here.loading[$1]) / Double(threads) }
            return (Block(images: range, outputs: results, seconds: seconds), here)
        }

        /// Runs an engine on the images that are loaded, a batch of its own at a time.
        private func runEngine(_ index: Int, images: Int) throws -> [Float] {
            let engine = run.engines[index]
            let size = engine.imageShape.count
            for first in stride(from: 0, to: images, by: engine.batchSize) {
                let count = min(engine.batchSize, images - first)
                try workers[index].run(
                    UnsafeBufferPointer(start: pixels.floats + first * size, count: count * size),
                    count: count,
                    into: UnsafeMutableBufferPointer(
                        start: outputs.floats + first * engine.outputCount, count: count * engine.outputCount)
                )
            }
            return Array(UnsafeBufferPointer(start: outputs.floats, count: images * engine.outputCount))
        }

        private static func seconds(_ body: () throws -> Void) rethrows -> Double {
            try ContinuousClock().measure(body) / .seconds(1)
        }
    }
}

/// An array that several threads fill at disjoint places.
package final class SharedResults: Sendable {
    private let state: Mutex<[Float]>

    /// `count` zeros.
    package init(count: Int) { state = Mutex([Float](repeating: 0, count: count)) }

    /// Copies a block of values to its place.
    package func store(_ block: some Collection<Float>, at start: Int) {
        state.withLock { values in
            var place = start
            for value in block {
                values[place] = value
                place += 1
            }
        }
    }

    /// What has been stored.
    package var values: [Float] { state.withLock(\.self) }
}
