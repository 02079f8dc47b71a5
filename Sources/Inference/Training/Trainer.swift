import CKernels
import Foundation
import Networks
import Synchronization
import Tensors

/// Runs a network forwards and backwards on batches of images: the gradient of any loss of its nodes' values with
/// respect to its parameters.
///
/// A batch is cut into the same shares whatever the number of workers, and the shares' gradients are added up in
/// order: the result is the same to the bit.
public final class Trainer {
    /// Adds a share's loss: the tap's index, the images' places in the batch, the tap's values [images, values], and
    /// the buffer that the loss' gradient with respect to them is added to. Called from several threads at once.
    public typealias Loss =
        @Sendable (
            _ tap: Int, _ images: Range<Int>, _ values: UnsafeBufferPointer<Float>,
            _ gradient: UnsafeMutableBufferPointer<Float>
        ) throws -> Void

    /// Where parameters stand in the vectors of values and gradients.
    public let layout: ParameterLayout
    /// Images of a batch.
    public let batch: Int

    private let program: TrainingProgram
    private let device: OneDNNDevice
    private let workers: [TrainingWorker]
    /// The gradient of each share of a batch.
    private let sums: [AlignedMemory]

    private static let shares = 4

    /// Compiles the passes forwards and back.
    ///
    /// - Parameters:
    ///   - network: what is trained.
    ///   - parameters: those that are not trained.
    ///   - shapes: the shape of each node.
    ///   - taps: the nodes whose values the loss reads.
    ///   - layout: the parameters that are trained.
    ///   - batch: images of a batch, rounded up to a multiple of 4.
    ///   - workers: threads; the result does not depend on it.
    /// - Throws: `InferenceError`.
    public init(
        _ network: Network, parameters: ParameterTable, shapes: [Shape], taps: [Int],
        layout: ParameterLayout, batch: Int,
        workers: Int = ProcessInfo.processInfo.activeProcessorCount
    ) throws {
        let plan = try TrainingPlan(network, shapes: shapes, taps: taps, layout: layout)
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
        self.layout = layout
        self.batch = share * Self.shares
        self.device = device
        self.program = program
        self.workers = workers
        sums = try (0..<Self.shares).map { _ in
            try AlignedMemory(bytes: layout.count * MemoryLayout<Float>.stride)
        }
    }

    /// The gradient of a batch's loss at these values of the parameters, both in the layout's order. `load` writes
    /// the images of a part of the batch, [images, height, width, channels].
    public func gradient(
        at values: [Float],
        load: @escaping @Sendable (Range<Int>, UnsafeMutableBufferPointer<Float>) throws -> Void,
        loss: @escaping Loss
    ) throws -> [Float] {
        precondition(values.count == layout.count, "\(values.count) values for \(layout.count)")
        let failure = FirstFailure()
        let (program, workers, device) = (program, workers, device)
        let sums = Sums(parts: sums.map(\.floats))
        onWorkerThreads(1) { _ in
            failure.attempt { try program.setValues(values, on: OneDNNStream(device)) }
        }
        let next = Atomic<Int>(0)
        onWorkerThreads(workers.count) { index in
            failure.attempt {
                while !failure.occurred {
                    let share = next.wrappingAdd(1, ordering: .relaxed).oldValue
                    guard share < Self.shares else { break }
                    let images = share * program.batch..<(share + 1) * program.batch
                    try load(images, workers[index].input)
                    try workers[index].forward()
                    sums.parts[share].update(repeating: 0, count: values.count)
                    try workers[index].backward(to: sums.parts[share]) {
                        try loss($0, images, $1, $2)
                    }
                }
            }
        }
        try failure.rethrow()
        var gradient = [Float](repeating: 0, count: values.count)
        for part in sums.parts { nc_accumulate(part, &gradient, gradient.count) }
        program.pullBack(&gradient, at: values)
        return gradient
    }

    /// Each share is written by the one worker that takes it.
    private struct Sums: @unchecked Sendable {
        let parts: [UnsafeMutablePointer<Float>]
    }
}
