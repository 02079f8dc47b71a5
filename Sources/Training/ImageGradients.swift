import Foundation
import Networks
import Tensors
import Inference

/// Runs a network forwards and backwards on batches of images: the gradient of any loss of its nodes' values with
/// respect to the images, whose values are to change; its parameters stay.
///
/// The result is the same to the bit whatever the number of workers.
package final class ImageGradients {
    /// Images of a batch.
    package let batch: Int

    private let team: TrainingTeam
    private let imageSize: Int

    /// Bytes that an image's values and gradients take at most on their way forwards and back.
    package static func bytesPerImage(
        _ network: Network, shapes: [Shape], taps: [Int]
    ) throws(InferenceError) -> Int {
        let plan = try TrainingPlan(
            network, shapes: shapes, taps: taps,
            layout: ParameterLayout(network, standardized: [], epsilon: 0), variables: .images)
        return plan.bytesPerImage
    }

    /// Compiles the passes forwards and back.
    ///
    /// - Parameters:
    ///   - network: what the images go through.
    ///   - parameters: its parameters.
    ///   - shapes: the shape of each node.
    ///   - taps: the nodes whose values the loss reads.
    ///   - batch: images of a batch, rounded up to a multiple of 4.
    ///   - workers: threads; the result does not depend on it.
    /// - Throws: `InferenceError`.
    package init(
        _ network: Network, parameters: ParameterTable, shapes: [Shape], taps: [Int], batch: Int,
        workers: Int = ProcessInfo.processInfo.activeProcessorCount
    ) throws {
        let layout = ParameterLayout(network, standardized: [], epsilon: 0)
        let plan = try TrainingPlan(
            network, shapes: shapes, taps: taps, layout: layout, variables: .images)
        team = try TrainingTeam(
            plan, layout, parameters: parameters, batch: (max(batch, 1) + 3) / 4 * 4, workers: workers)
        let (team, values) = (team, try layout.values(in: parameters))
        try team.together { member in
            try values.withUnsafeBufferPointer { values in
                guard let values = values.baseAddress else { return }
                try team.setValues(values, member)
            }
        }
        self.batch = team.batch
        imageSize = shapes[0].count
    }

    /// The gradient of a batch's loss at these images, both [images, height, width, channels].
    package func gradient(at images: [Float], loss: @escaping Trainer.Loss) throws -> [Float] {
        precondition(images.count == batch * imageSize, "\(images.count) values for \(batch) images")
        let result = Result(memory: try AlignedMemory(bytes: images.count * MemoryLayout<Float>.stride))
        let size = imageSize
        let pass = TrainingTeam.BatchPass(
            load: { range, buffer in
                _ = buffer.update(
                    fromContentsOf: images[range.lowerBound * size..<range.upperBound * size])
            }, loss: loss, gradient: nil,
            store: { range, gradient in
                _ = UnsafeMutableBufferPointer(
                    start: result.memory.floats + range.lowerBound * size, count: gradient.count
                ).update(fromContentsOf: gradient)
            })
        let team = team
        try team.together { try team.run(pass, $0) }
        return Array(UnsafeBufferPointer(start: result.memory.floats, count: images.count))
    }

    /// Each slice is written by the one thread that takes it.
    private struct Result: @unchecked Sendable {
        let memory: AlignedMemory
    }
}
