import CKernels
import Foundation
import Networks
import Tensors
import Threads
import Inference

/// Runs a network forwards and backwards on batches of images: the gradient of any loss of its nodes' values with
/// respect to its parameters.
///
/// All threads share every operation of a turn's images, and add up gradients in the same order whatever their number: the
/// result is the same to the bit.
package final class Trainer {
    /// Adds a micro-batch's loss: the tap's index, the images' places in the batch, the tap's values [images, values], and
    /// the buffer that the loss' gradient with respect to them is added to. Called from several threads at once.
    package typealias Loss =
        @Sendable (
            _ tap: Int, _ images: Range<Int>, _ values: UnsafeBufferPointer<Float>,
            _ gradient: UnsafeMutableBufferPointer<Float>
        ) throws -> Void

    /// Micro-batches that most batches are cut into, for losses; also slices of images that are taken at once.
    package static let microBatches = 4

    /// Where parameters stand in the vectors of values and gradients.
    package let layout: ParameterLayout
    /// Images of a batch.
    package let batch: Int

    private let team: TrainingTeam

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
    ///   - workerBytes: a quarter of what the values and gradients of the images that are taken at once may take; one image is
    ///     always taken, and all of the batch where batch norms look at it.
    ///   - imagesAtOnce: images that are taken at once at most; nil for as many as fit.
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
    }

    /// The gradient of a batch's loss at these values of the parameters, both in the layout's order. `load` writes
    /// the images of a part of the batch, [images, height, width, channels]. `observe` is told what entered each batch norm
    /// that looks at the batch.
    package func gradient(
        at values: [Float],
        load: @escaping @Sendable (Range<Int>, UnsafeMutableBufferPointer<Float>) throws -> Void,
        loss: @escaping Loss, observe: @escaping @Sendable (NormBatch) -> Void = { _ in }
    ) throws -> [Float] {
        var gradient = [Float](repeating: 0, count: values.count)
        try takeGradient(at: values, into: &gradient, load: load, loss: loss, observe: observe)
        return gradient
    }

    /// The same into a vector that is there already.
    package func takeGradient(
        at values: [Float], into gradient: inout [Float],
        load: @escaping @Sendable (Range<Int>, UnsafeMutableBufferPointer<Float>) throws -> Void,
        loss: @escaping Loss, observe: @escaping @Sendable (NormBatch) -> Void = { _ in }
    ) throws {
        precondition(values.count == layout.count, "\(values.count) values for \(layout.count)")
        precondition(gradient.count == layout.count, "\(gradient.count) values for \(layout.count)")
        try values.withUnsafeBufferPointer { values in
            try gradient.withUnsafeMutableBufferPointer { gradient in
                guard let values = values.baseAddress, let gradient = gradient.baseAddress else { return }
                let (team, vectors) = (team, Vectors(values: values, gradient: gradient))
                let pass = TrainingTeam.BatchPass(
                    load: load, loss: loss, gradient: gradient, observe: observe)
                try team.together { member in
                    let own = member.share(of: team.program.layout.count, unit: 16)
                    (vectors.gradient + own.lowerBound).update(repeating: 0, count: own.count)
                    try team.setValues(vectors.values, member)
                    try team.run(pass, member)
                    team.program.pullBack(vectors.gradient, at: vectors.values, member)
                }
            }
        }
    }

    /// What the team's threads read, and what they write parts of.
    private struct Vectors: @unchecked Sendable {
        let values: UnsafePointer<Float>
        let gradient: UnsafeMutablePointer<Float>
    }
}
