import Foundation
import Synchronization
import Tensors
import Threads
import Inference

/// A compiled network and the threads' buffers, that take a batch forwards and back share by share. The shares are the
/// same whatever the number of workers.
final class TrainingTeam {
    static let shares = 4

    let program: TrainingProgram
    private let device: OneDNNDevice
    private let workers: [TrainingWorker]

    /// Compiles the passes. `batch` is rounded up to a multiple of the shares.
    init(
        _ plan: TrainingPlan, _ layout: ParameterLayout, parameters: ParameterTable, batch: Int, workers: Int
    ) throws {
        let share = (max(batch, 1) + Self.shares - 1) / Self.shares
        let device = try OneDNNDevice()
        let count = min(max(workers, 1), Self.shares)
        let made = Mutex<Result<(TrainingProgram, [TrainingWorker]), any Error>?>(nil)
        // oneDNN compiles for as many threads as it finds: for one.
        onWorkerThreads(1) { _ in
            let result = Result {
                let program = try TrainingProgram(
                    plan, layout, parameters: parameters, batch: share, device: device)
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
    var batch: Int { program.batch * Self.shares }

    /// Makes these values of the parameters, in the layout's order, the current ones.
    func setValues(_ values: [Float]) throws {
        let failure = FirstFailure()
        let (program, device) = (program, device)
        onWorkerThreads(1) { _ in
            failure.attempt { try program.setValues(values, on: OneDNNStream(device)) }
        }
        try failure.rethrow()
    }

    /// Calls the body for each share, with a worker that nobody else uses meanwhile and the places of its images in the
    /// batch. Several shares are in work at once.
    func forEachShare(
        _ body:
            @escaping @Sendable (_ worker: TrainingWorker, _ share: Int, _ images: Range<Int>) throws -> Void
    ) throws {
        let (program, workers) = (program, workers)
        try inParallel(
            Self.shares, threads: workers.count,
            worker: { thread in
                prepareWorkerThread()
                return workers[thread]
            },
            body: { worker, share in
                try body(worker, share, share * program.batch..<(share + 1) * program.batch)
            })
    }
}
