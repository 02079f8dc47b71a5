import Inference
import Synchronization
import Tensors
import Threads

/// A compiled network, its buffers and the threads that take a batch forwards and back, in one turn or several. The threads
/// share every operation, so that one image keeps all of them busy; results do not depend on how many there are.
///
/// Where batch norms look at the batch, there is one turn.
final class TrainingTeam {
    let program: TrainingProgram
    /// Threads that compute.
    let threads: Int
    private let device: OneDNNDevice
    private let worker: TrainingWorker
    private let turns: Int

    /// Compiles the passes. A turn takes up to four slices, whose values and gradients take at most four times `workerBytes`, and
    /// at most `imagesAtOnce` images, but at least one. A slice is a micro-batch or a part of it.
    init(
        _ plan: TrainingPlan, _ layout: ParameterLayout, parameters: ParameterTable, batch: Int, workers: Int,
        workerBytes: Int = .max, imagesAtOnce: Int? = nil
    ) throws {
        let batch = max(batch, 1)
        let images = batch / Self.microBatches(of: batch)
        // Images of a turn.
        let fitting = min(
            Double(Trainer.microBatches) * Double(workerBytes) / Double(max(plan.bytesPerImage, 1)), 1e9)
        let most = max(min(Int(fitting), imagesAtOnce ?? .max), 1)
        let sliceLimit = max(most / Trainer.microBatches, 1)
        let goesTogether = plan.batchNorms == .batch
        let size = goesTogether ? images : (1...images).last { images % $0 == 0 && $0 <= sliceLimit } ?? 1
        let all = batch / size
        let count =
            goesTogether ? all : (1...Trainer.microBatches).last { all % $0 == 0 && $0 * size <= most } ?? 1
        let slices = TrainingSlices(size: size, count: count)
        turns = all / count
        let device = try OneDNNDevice()
        let threads = max(workers, 1)
        let made = Mutex<Result<TrainingWorker, any Error>?>(nil)
        // oneDNN compiles for as many threads as it finds: for one.
        onWorkerThreads(1) { _ in
            let result = Result {
                try TrainingWorker(
                    TrainingProgram(plan, layout, parameters: parameters, slices: slices, device: device),
                    threads: threads, device: device)
            }
            made.withLock { $0 = result }
        }
        guard let worker = try made.withLock({ try $0?.get() }) else {
            throw InferenceError.library(operation: "compilation", status: 0)
        }
        (self.device, self.threads, self.worker, program) = (device, threads, worker, worker.program)
    }

    /// Micro-batches of a batch: four if they can be alike, else the least number beyond that, at most 16.
    static func microBatches(of batch: Int) -> Int {
        if batch < 4 { return batch }
        return (4...16).first { batch % $0 == 0 } ?? (1...3).last { batch % $0 == 0 } ?? 1
    }

    /// Images of a batch.
    var batch: Int { program.slices.images * turns }

    /// Calls the body on every thread of the team; a member that fails lets the others go.
    func together(_ body: @escaping @Sendable (TeamMember) throws -> Void) throws {
        let rendezvous = Rendezvous(threads: threads)
        let failure = FirstFailure()
        let threads = threads
        onThreads(threads) { thread in
            prepareWorkerThread()
            do {
                try body(TeamMember(thread, of: threads, rendezvous))
            } catch {
                failure.attempt { throw error }
                rendezvous.abandon()
            }
        }
        try failure.rethrow()
    }

    /// A member's share of making these values of the parameters, in the layout's order, the current ones.
    func setValues(_ values: UnsafePointer<Float>, _ member: TeamMember) throws {
        try program.setValues(values, on: worker.stream(of: member), member)
    }

    /// What a batch is taken forwards and back with.
    struct BatchPass: @unchecked Sendable {
        /// Writes images of the batch.
        let load: @Sendable (Range<Int>, UnsafeMutableBufferPointer<Float>) throws -> Void
        /// Adds the loss' gradient, as `Trainer.Loss`.
        let loss: Trainer.Loss
        /// What gradients of parameters are added to; nil if there are none.
        let gradient: UnsafeMutablePointer<Float>?
        /// Is told the statistics of each batch norm, in the order of the network.
        var observe: @Sendable (NormBatch) -> Void = { _ in }
        /// Is given the gradient of some images.
        var store: @Sendable (Range<Int>, UnsafeBufferPointer<Float>) -> Void = { _, _ in }
    }

    /// A member's share of taking the batch forwards and back.
    func run(_ pass: BatchPass, _ member: TeamMember) throws {
        let slices = program.slices
        for turn in 0..<turns {
            let first = turn * slices.images
            func images(_ slice: Int) -> Range<Int> {
                first + slice * slices.size..<first + (slice + 1) * slices.size
            }
            for slice in 0..<slices.count where member.takes(slice) {
                try pass.load(images(slice), worker.value(0, slice: slice))
            }
            try member.meet()
            try worker.forward(member, observe: pass.observe)
            try worker.backward(to: pass.gradient, member) { try pass.loss($0, images($1), $2, $3) }
            guard worker.plan.gradientBuffer[0] >= 0 else { continue }
            for slice in 0..<slices.count where member.takes(slice) {
                pass.store(images(slice), UnsafeBufferPointer(worker.gradient(0, slice: slice)))
            }
            try member.meet()
        }
    }
}

// The worker's buffers are shared by the members of a team, which write different parts and meet in between.
extension TrainingTeam: @unchecked Sendable {}
