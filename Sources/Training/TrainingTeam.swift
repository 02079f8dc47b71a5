import Foundation
import Synchronization
import Tensors
import Threads
import Inference

/// A compiled network and the threads' buffers, that take a batch forwards and back micro-batch by micro-batch, and a micro-batch in
/// one turn or several. These are the same whatever the number of workers.
final class TrainingTeam {
    static let microBatches = 4

    let program: TrainingProgram
    private let device: OneDNNDevice
    private let workers: [TrainingWorker]
    /// Turns of a micro-batch.
    private let turns: Int

    /// Compiles the passes. `batch` is rounded up to a multiple of the number of micro-batches. A micro-batch whose values and
    /// gradients would take more than `workerBytes` is taken in several turns of as many images each.
    init(
        _ plan: TrainingPlan, _ layout: ParameterLayout, parameters: ParameterTable, batch: Int, workers: Int,
        workerBytes: Int = .max
    ) throws {
        let images = (max(batch, 1) + Self.microBatches - 1) / Self.microBatches
        let most = max(workerBytes / max(plan.bytesPerImage, 1), 1)
        turns = (1...images).first { images % $0 == 0 && images / $0 <= most } ?? images
        let turn = images / turns
        let device = try OneDNNDevice()
        let count = min(max(workers, 1), Self.microBatches)
        let made = Mutex<Result<(TrainingProgram, [TrainingWorker]), any Error>?>(nil)
        // oneDNN compiles for as many threads as it finds: for one.
        onWorkerThreads(1) { _ in
            let result = Result {
                let program = try TrainingProgram(
                    plan, layout, parameters: parameters, batch: turn, device: device)
                let workers = try (0..<count).map { _ in try TrainingWorker(program, device: device) }
                return (program, workers)
            }
            made.withLock { $0 = result }
        }
        guard let (program, workers) = try made.withLock({ try $0?.get() }) else {
            throw InferenceError.library(operation: "compilation", status: 0)
        }
        self.device = device
        self.program = program
        self.workers = workers
    }

    /// Images of a batch.
    var batch: Int { program.batch * turns * Self.microBatches }

    /// Makes these values of the parameters, in the layout's order, the current ones.
    func setValues(_ values: [Float]) throws {
        let failure = FirstFailure()
        let (program, device) = (program, device)
        onWorkerThreads(1) { _ in
            failure.attempt { try program.setValues(values, on: OneDNNStream(device)) }
        }
        try failure.rethrow()
    }

    /// A micro-batch, or its part that is taken in one turn.
    struct Turn {
        /// What takes it forwards and back; nobody else uses it meanwhile.
        let worker: TrainingWorker
        /// The micro-batch.
        let microBatch: Int
        /// Whether it is the micro-batch's first turn.
        let isFirst: Bool
        /// The places of its images in the batch.
        let images: Range<Int>
    }

    /// Calls the body for each micro-batch's turns, one after another. Several micro-batches are in work at once.
    func forEachTurn(_ body: @escaping @Sendable (Turn) throws -> Void) throws {
        let (size, turns, workers) = (program.batch, turns, workers)
        try inParallel(
            Self.microBatches, threads: workers.count,
            worker: { thread in
                prepareWorkerThread()
                return workers[thread]
            },
            body: { worker, microBatch in
                for turn in 0..<turns {
                    let start = (microBatch * turns + turn) * size
                    try body(
                        Turn(
                            worker: worker, microBatch: microBatch, isFirst: turn == 0,
                            images: start..<start + size))
                }
            })
    }
}
