import Foundation
import Networks
import Tensors
import Inference

/// A network as it runs in training: its batch norms take mean and variance from the batch that goes through them, over
/// images, rows and columns, with the biased variance (Ioffe & Szegedy 2015, algorithm 1). Stored statistics are not read.
///
/// What it gives depends on how images are put into batches, and on nothing else: not on the number of workers, nor on
/// how many batches are run at once.
package final class BatchStatisticsEngine: Sendable {
    private struct Norm: Sendable {
        var node: Int
        var gamma: [Float]
        var beta: [Float]
        var epsilon: Double
    }

    private struct Stage: Sendable {
        var cut: BatchNormCut
        var section: OneDNNSection
        var norm: Norm?
    }

    private let stages: [Stage]
    private let shapes: [Shape]
    /// Images that fit into the memory that was given; at once run as many, but whole batches.
    package let imagesAtOnce: Int
    /// Height, width and channels of an image.
    package let imageShape: Shape
    /// Features of the output for one image.
    package let outputCount: Int

    /// Reads the parameters and compiles the network in sections between its batch norms. Values of images take about
    /// `memory` bytes, or as many as a batch needs.
    ///
    /// Throws `NetworkError` where the graph does not fit an image of `shape` (height, width, channels),
    /// `InferenceError` for a parameter or where oneDNN refuses.
    package init(
        network: Network, parameters: ParameterTable, imageShape shape: Shape,
        workers: Int = ProcessInfo.processInfo.activeProcessorCount, memory: Int = 512 << 20
    ) throws {
        let shapes = try network.shapes(forImage: shape)
        let weights = Weights(parameters)
        stages = try network.cutAtBatchNorms().map { cut in
            let section = try OneDNNSection(
                cut.section, of: network, parameters: parameters, shapes: shapes, workers: workers)
            return Stage(
                cut: cut, section: section, norm: try cut.norm.flatMap { try Self.norm($0, network, weights) }
            )
        }
        let floats = stages.map { stage in
            stage.cut.kept.union(stage.cut.section.inputs + stage.cut.section.outputs).reduce(0) {
                $0 + shapes[$1].count
            }
        }
        imagesAtOnce = memory / (max(floats.max() ?? 1, 1) * MemoryLayout<Float>.stride)
        self.shapes = shapes
        imageShape = shape
        outputCount = shapes[network.output].count
    }

    private static func norm(_ node: Int, _ network: Network, _ weights: Weights) throws -> Norm? {
        guard case .batchNorm(let norm) = network.nodes[node].operation else { return nil }
        return Norm(
            node: node, gamma: try weights.read(norm.gamma, count: norm.channels, else: 1),
            beta: try weights.read(norm.beta, count: norm.channels, else: 0), epsilon: norm.epsilon)
    }

    /// Runs the network on batches of consecutive images and returns the outputs, [images, outputCount] in row-major
    /// order. A last batch that is not full is a smaller one. Rethrows the first error of the source. `progress` is told
    /// how many more images are done, `observe` what enters each norm, batch after batch. No more than `limit` images are run at
    /// once, but for whole batches.
    package func run(
        on images: ImageSource, batchSize: Int, limit: Int = .max,
        progress: @escaping @Sendable (Int) -> Void = { _ in },
        observe: (NormBatch) -> Void = { _ in }
    ) throws -> [Float] {
        precondition(batchSize > 0, "batches of \(batchSize) images")
        guard images.shape == imageShape else {
            throw InferenceError.wrongImageShape(found: images.shape, expected: imageShape)
        }
        // Whole batches, several at once where they are small.
        let part = max(min(imagesAtOnce, limit) / batchSize, 1) * batchSize
        var outputs: [Float] = []
        outputs.reserveCapacity(images.count * outputCount)
        for start in stride(from: 0, to: images.count, by: part) {
            let range = start..<min(start + part, images.count)
            outputs += try run(range, of: images, batchSize: batchSize, observe)
            progress(range.count)
        }
        return outputs
    }

    private func run(
        _ range: Range<Int>, of images: ImageSource, batchSize: Int, _ observe: (NormBatch) -> Void
    ) throws -> [Float] {
        let count = range.count
        /// How the values of a node that are still needed are had, by image.
        var values: [Int: ImageSource.Load] = [
            0: { try images.load(range.lowerBound + $0.lowerBound..<range.lowerBound + $0.upperBound, $1) }
        ]
        var last: ActivationStore?
        for stage in stages {
            let (inputs, outputs) = (stage.cut.section.inputs, stage.cut.section.outputs)
            let operands = inputs.compactMap { values[$0] }
            let stores = try outputs.map { try ActivationStore(shape: shapes[$0], count: count) }
            let moments = stage.norm.map { norm in
                ImageMoments(
                    images: count, positions: stores[0].shape.count / norm.gamma.count,
                    channels: norm.gamma.count)
            }
            try stage.section.run(
                count: count,
                load: { for (load, buffer) in zip(operands, $1) { try load($0, buffer) } },
                store: { images, buffers in
                    for (store, buffer) in zip(stores, buffers) { store.store(images, buffer) }
                    moments?.measure(images, buffers[0])
                })
            for (node, store) in zip(outputs, stores) { values[node] = { store.load($0, $1) } }
            if let norm = stage.norm, let moments {
                let batches = stride(from: 0, to: count, by: batchSize).map { first in
                    moments.statistics(of: first..<min(first + batchSize, count), of: norm.node)
                }
                batches.forEach(observe)
                values[norm.node] = Self.normalized(stores[0], by: norm, batches, batchSize: batchSize)
            }
            values = values.filter { stage.cut.kept.contains($0.key) }
            last = stores[0]
        }
        return last?.values(0..<count) ?? []
    }

    /// Values that are normalized when they are read, each image's with its batch's statistics.
    private static func normalized(
        _ store: ActivationStore, by norm: Norm, _ batches: [NormBatch], batchSize: Int
    ) -> ImageSource.Load {
        let affines = batches.map {
            BatchAffine(
                mean: $0.mean, variance: $0.variance, gamma: norm.gamma, beta: norm.beta,
                epsilon: norm.epsilon)
        }
        let size = store.shape.count
        return { images, buffer in
            store.load(images, buffer)
            for (place, image) in images.enumerated() {
                let map = UnsafeMutableBufferPointer(rebasing: buffer[place * size..<(place + 1) * size])
                affines[image / batchSize].apply(map)
            }
        }
    }
}
