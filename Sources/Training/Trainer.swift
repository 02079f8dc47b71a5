import CKernels
import Foundation
import Networks
import Tensors
import Threads
import Inference

/// Runs a network forwards and backwards on batches of images: the gradient of any loss of its nodes' values with
/// respect to its parameters.
///
/// A batch is cut into the same micro-batches, and these into the same turns, whatever the number of workers, and the
/// micro-batches' gradients are added up in order: the result is the same to the bit.
package final class Trainer {
    /// Adds a micro-batch's loss: the tap's index, the images' places in the batch, the tap's values [images, values], and
    /// the buffer that the loss' gradient with respect to them is added to. Called from several threads at once.
    package typealias Loss =
        @Sendable (
            _ tap: Int, _ images: Range<Int>, _ values: UnsafeBufferPointer<Float>,
            _ gradient: UnsafeMutableBufferPointer<Float>
        ) throws -> Void

    /// Micro-batches that most batches are cut into.
    package static let microBatches = 4

    /// Where parameters stand in the vectors of values and gradients.
    package let layout: ParameterLayout
    /// Images of a batch.
    package let batch: Int

    private let team: TrainingTeam
    /// The gradient of each micro-batch of a batch.
    private let sums: [AlignedMemory]
    private let batchNorms: BatchNormMode

    /// Compiles the passes forwards and back.
    ///
    /// - Parameters:
    ///   - network: what is trained.
    ///   - parameters: those that are not trained.
    ///   - shapes: the shape of each node.
    ///   - taps: the nodes whose values the loss reads.
    ///   - layout: the parameters that are trained.
    ///   - batch: images of a batch.
    ///   - batchNorms: what batch norms do; the layout says whether their gamma and beta are trained.
    ///   - workers: threads; the result does not depend on it.
    ///   - workerBytes: what the values and gradients of the images that a thread takes at once may take; one image is always
    ///     taken, and all of a micro-batch where batch norms look at the batch.
    ///   - imagesAtOnce: how many images a thread takes at once at most; nil for as many as fit.
    /// - Throws: `InferenceError`.
    package init(
        _ network: Network, parameters: ParameterTable, shapes: [Shape], taps: [Int],
        layout: ParameterLayout, batch: Int, batchNorms: BatchNormMode = .frozen,
        workers: Int = ProcessInfo.processInfo.activeProcessorCount, workerBytes: Int = 256 << 20,
        imagesAtOnce: Int? = nil
    ) throws {
        team = try TrainingTeam(
            TrainingPlan(network, shapes: shapes, taps: taps, layout: layout, batchNorms: batchNorms), layout,
            parameters: parameters, batch: batch, workers: workers, workerBytes: workerBytes,
            imagesAtOnce: imagesAtOnce)
        self.layout = layout
        self.batch = team.batch
        self.batchNorms = batchNorms
        sums = try (0..<team.microBatches).map { _ in
            try AlignedMemory(bytes: layout.count * MemoryLayout<Float>.stride)
        }
    }

    /// The gradient of a batch's loss at these values of the parameters, both in the layout's order. `load` writes
    /// the images of a part of the batch, [images, height, width, channels]. `observe` is told what entered each batch norm
    /// that looks at the batch.
    package func gradient(
        at values: [Float],
        load: @escaping @Sendable (Range<Int>, UnsafeMutableBufferPointer<Float>) throws -> Void,
        loss: @escaping Loss, observe: @escaping @Sendable (NormBatch) -> Void = { _ in }
    ) throws -> [Float] {
        precondition(values.count == layout.count, "\(values.count) values for \(layout.count)")
        try team.setValues(values)
        let sums = Sums(parts: sums.map(\.floats))
        if batchNorms == .batch {
            try team.run(TrainingTeam.BatchPass(load: load, loss: loss, sums: sums.parts, observe: observe))
        } else {
            try team.forEachTurn { turn in
                let sum = sums.parts[turn.microBatch]
                try load(turn.images, turn.worker.input)
                try turn.worker.forward()
                if turn.isFirst { sum.update(repeating: 0, count: values.count) }
                try turn.worker.backward(to: sum) { try loss($0, turn.images, $1, $2) }
            }
        }
        var gradient = [Float](repeating: 0, count: values.count)
        withoutSignals { for part in sums.parts { nc_accumulate(part, &gradient, values.count) } }
        withoutSignals { team.program.pullBack(&gradient, at: values) }
        return gradient
    }

    /// Each micro-batch is written by the one worker that takes it.
    private struct Sums: @unchecked Sendable {
        let parts: [UnsafeMutablePointer<Float>]
    }
}
