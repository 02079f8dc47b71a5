import Synchronization
import Threads

/// Compiles the convolutions of a program and packs their weights, several at once.
package struct Compiler: Sendable {
    private let weights: Weights
    private let device: OneDNNDevice
    private let precision: Precision
    /// The convolutions, by step, for a part of a stage's images or all.
    private let jobs: [(step: Int, convolution: ConvolutionStep, images: Int)]

    package init(
        _ program: Program, _ stages: [Stage], precision: Precision, weights: Weights, device: OneDNNDevice
    ) {
        self.precision = precision
        self.weights = weights
        self.device = device
        jobs = stages.flatMap { stage in
            stage.tiles.flatMap { tile in
                tile.steps.compactMap { index in
                    guard case .convolution(let step) = program.steps[index].operation else { return nil }
                    guard let parts = tile.parts else { return (index, step, stage.images) }
                    return (index, step.part(length: parts.length), 1)
                }
            }
        }
    }

    /// Compiles for workers whose convolutions are shared by `team` threads. Of several errors the first convolution's
    /// is thrown.
    package func compile(threads: Int, team: Int) throws -> [Int: any CompiledConvolution] {
        let results = Mutex<[Int: Result<any CompiledConvolution, any Error>]>([:])
        try inParallel(
            jobs.count, threads: threads, worker: { _ in prepareWorkerThread(team: team) },
            body: { _, place in
                let result = Result {
                    try self.compile(self.jobs[place].convolution, self.jobs[place].images)
                }
                results.withLock { $0[place] = result }
            })
        let compiled = results.withLock(\.self)
        return try Dictionary(
            uniqueKeysWithValues: jobs.enumerated().compactMap { place, job in
                try compiled[place].map { (job.step, try $0.get()) }
            })
    }

    private func compile(_ step: ConvolutionStep, _ images: Int) throws -> any CompiledConvolution {
        let folded = try FoldedKernel(step, weights)
        if precision == .float32, let own = try VectorConvolution(step, batch: images, weights: folded) {
            return own
        }
        return try OneDNNConvolution(
            step, batch: images, weights: folded, device: device, precision: precision)
    }
}
