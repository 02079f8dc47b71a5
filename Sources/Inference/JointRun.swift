import Synchronization
import Tensors

/// Several engines on the same images, in one pass: what two of them read alike is loaded once.
public struct JointRun: Sendable {
    private let engines: [any Engine]
    private let sources: [ImageSource]
    private let sourceOf: [Int]

    /// What an engine gave, and the time that it took.
    public struct Result: Sendable {
        /// [images, outputCount] in row-major order.
        public let outputs: [Float]
        /// The engine's share of the run's wall-clock seconds, loading its images included: about what it would have
        /// taken alone.
        public let seconds: Double
    }

    /// Engine i reads source `sourceOf[i]`; without `sourceOf` all read the first. Sources have as many images as each
    /// other.
    public init(_ engines: [any Engine], on sources: [ImageSource], sourceOf: [Int]? = nil) {
        let sourceOf = sourceOf ?? engines.map { _ in 0 }
        precondition(sourceOf.count == engines.count && sourceOf.allSatisfy(sources.indices.contains))
        precondition(sources.allSatisfy { $0.count == sources.first?.count })
        self.engines = engines
        self.sources = sources
        self.sourceOf = sourceOf
    }

    /// Runs every engine on every image and returns what each gave. Rethrows the first error of a source or an engine.
    /// `progress` is told how many more images all engines are done with, from any thread.
    public func run(progress: @escaping @Sendable (Int) -> Void = { _ in }) throws -> [Result] {
        for (engine, source) in zip(engines, sourceOf) where sources[source].shape != engine.imageShape {
            throw InferenceError.wrongImageShape(found: sources[source].shape, expected: engine.imageShape)
        }
        let count = sources.first?.count ?? 0
        let step = engines.map(\.batchSize).max() ?? 1
        let threads = min(engines.map(\.workers).max() ?? 1, max((count + step - 1) / step, 1))
        let results = engines.map { SharedResults(count: count * $0.outputCount) }
        let spent = Mutex(Spent(engines: engines.count, sources: sources.count))
        let failure = FirstFailure()
        let next = Atomic<Int>(0)
        let clock = ContinuousClock()
        let start = clock.now
        onThreads(threads) { _ in
            failure.attempt {
                var passage = try Passage(self, step: step)
                while !failure.occurred {
                    let first = next.wrappingAdd(step, ordering: .relaxed).oldValue
                    guard first < count else { break }
                    let range = first..<min(first + step, count)
                    try passage.run(range, into: results)
                    progress(range.count)
                }
                spent.withLock { [spentHere = passage.spent] in $0.add(spentHere) }
            }
        }
        try failure.rethrow()
        let seconds = spent.withLock { $0.shares(of: (clock.now - start) / .seconds(1), sourceOf) }
        return zip(results, seconds).map { Result(outputs: $0.values, seconds: $1) }
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
        private(set) var spent: Spent

        init(_ run: JointRun, step: Int) throws {
            self.run = run
            workers = try run.engines.map { try $0.makeWorker() }
            let floats = { (sizes: [Int]) in step * (sizes.max() ?? 0) * MemoryLayout<Float>.stride }
            pixels = try AlignedMemory(bytes: floats(run.sources.map(\.shape.count)))
            outputs = try AlignedMemory(bytes: floats(run.engines.map(\.outputCount)))
            spent = Spent(engines: run.engines.count, sources: run.sources.count)
        }

        /// Loads a range of images from each source and runs the engines that read it.
        mutating func run(_ range: Range<Int>, into results: [SharedResults]) throws {
            for (index, source) in run.sources.enumerated() {
                let size = range.count * source.shape.count
                spent.loading[index] += try Self.seconds {
                    try source.load(range, UnsafeMutableBufferPointer(start: pixels.floats, count: size))
                }
                for engine in run.engines.indices where run.sourceOf[engine] == index {
                    spent.running[engine] += try Self.seconds {
                        try runEngine(engine, range, into: results[engine])
                    }
                }
            }
        }

        /// Runs an engine on the images that are loaded, a batch of its own at a time.
        private func runEngine(_ index: Int, _ range: Range<Int>, into results: SharedResults) throws {
            let engine = run.engines[index]
            let size = engine.imageShape.count
            for first in stride(from: 0, to: range.count, by: engine.batchSize) {
                let count = min(engine.batchSize, range.count - first)
                let found = UnsafeMutableBufferPointer(
                    start: outputs.floats, count: count * engine.outputCount)
                try workers[index].run(
                    UnsafeBufferPointer(start: pixels.floats + first * size, count: count * size),
                    count: count,
                    into: found)
                results.store(found, at: (range.lowerBound + first) * engine.outputCount)
            }
        }

        private static func seconds(_ body: () throws -> Void) rethrows -> Double {
            try ContinuousClock().measure(body) / .seconds(1)
        }
    }
}
