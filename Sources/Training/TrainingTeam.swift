import Foundation
import Synchronization
import Tensors
import Threads
import Inference

/// A compiled network and the threads' buffers, that take a batch forwards and back micro-batch by micro-batch. These are the
/// same whatever the number of workers.
final class TrainingTeam {
    static let microBatches = 4

    let program: TrainingProgram
    private let device: OneDNNDevice
    private let workers: [TrainingWorker]

    /// Compiles the passes. `batch` is rounded up to a multiple of their number.
    init(
        _ plan: TrainingPlan, _ layout: ParameterLayout, parameters: ParameterTable, batch: Int, workers: Int
    ) throws {
        let microBatch = (max(batch, 1) + Self.microBatches - 1) / Self.microBatches
        let device = try OneDNNDevice()
        let count = min(max(workers, 1), Self.microBatches)
        let made = Mutex<Result<(TrainingProgram, [TrainingWorker]), any Error>?>(nil)
        // oneDNN compiles for as many threads as it finds: for one.
        onWorkerThreads(1) { _ in
            let result = Result {
                let program = try TrainingProgram(
                    plan, layout, parameters: parameters, batch: microBatch, device: device)
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
    var batch: Int { program.batch * Self.microBatches }

    /// Makes these values of the parameters, in the layout's order, the current ones.
    func setValues(_ values: [Float]) throws {
        let failure = FirstFailure()
        let (program, device) = (program, device)
        onWorkerThreads(1) { _ in
            failure.attempt { try program.setValues(values, on: OneDNNStream(device)) }
        }
        try failure.rethrow()
    }

    /// Calls the body for each micro-batch, with a worker that nobody else uses meanwhile and the places of its images in the
    /// batch. Several micro-batches are in work at once.
    func forEachMicroBatch(
        _ body:
            @escaping @Sendable (_ worker: TrainingWorker, _ index: Int, _ images: Range<Int>) throws -> Void
    ) throws {
        let (program, workers) = (program, workers)
        try inParallel(
            Self.microBatches, threads: workers.count,
            worker: { thread in
                prepareWorkerThread()
                return workers[thread]
            },
            body: { worker, index in
                try body(worker, index, index * program.batch..<(index + 1) * program.batch)
            })
    }
}
