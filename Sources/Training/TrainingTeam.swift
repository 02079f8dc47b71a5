import Foundation
import Synchronization
import Tensors
import Threads
import Inference

/// A compiled network and the threads' buffers, that take a batch forwards and back micro-batch by micro-batch, and a
/// micro-batch in one turn or several. These are the same whatever the number of workers.
///
/// Where batch norms look at the batch, its micro-batches go forwards and back together: each has buffers of its own, and is
/// taken in one turn.
final class TrainingTeam {
    let program: TrainingProgram
    /// Micro-batches of a batch.
    let microBatches: Int
    /// Threads that compute.
    let threads: Int
    private let device: OneDNNDevice
    /// One for each thread, or for each micro-batch where they go together.
    let workers: [TrainingWorker]
    /// Turns of a micro-batch.
    private let turns: Int

    /// Compiles the passes. A micro-batch whose values and gradients would take more than `workerBytes` is taken in several
    /// turns of as many images each.
    init(
        _ plan: TrainingPlan, _ layout: ParameterLayout, parameters: ParameterTable, batch: Int, workers: Int,
        workerBytes: Int = .max, imagesAtOnce: Int? = nil
    ) throws {
        let batch = max(batch, 1)
        microBatches = Self.microBatches(of: batch)
        let images = batch / microBatches
        let most = max(min(workerBytes / max(plan.bytesPerImage, 1), imagesAtOnce ?? .max), 1)
        let goesTogether = plan.batchNorms == .batch
        turns = goesTogether ? 1 : (1...images).first { images % $0 == 0 && images / $0 <= most } ?? images
        let turn = images / turns
        let device = try OneDNNDevice()
        threads = min(max(workers, 1), microBatches)
        let count = goesTogether ? microBatches : threads
        let made = Mutex<Result<(TrainingProgram, [TrainingWorker]), any Error>?>(nil)
        // oneDNN compiles for as many threads as it finds: for one.
        onWorkerThreads(1) { _ in
            let result = Result {
                let program = try TrainingProgram(
                    plan, layout, parameters: parameters, batch: turn, wholeBatch: batch, device: device)
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

    /// Micro-batches of a batch: four if they can be alike, else the least number beyond that, at most 16.
    static func microBatches(of batch: Int) -> Int {
        if batch < 4 { return batch }
        return (4...16).first { batch % $0 == 0 } ?? (1...3).last { batch % $0 == 0 } ?? 1
    }

    /// Images of a batch.
    var batch: Int { program.batch * turns * microBatches }

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
            microBatches, threads: threads,
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
