import Foundation
import Networks
import Tensors

/// The plain engine: one operation after another as the graph has them, every sum in Double. It is the truth that
/// the fast engine is tested against.
package struct ReferenceEngine: Engine {
    private let network: Network
    private let shapes: [Shape]
    private let layers: [PreparedLayer]
    /// Features of the output for one image.
    package let outputCount: Int

    /// Reads and checks the parameters. Throws `NetworkError` where the graph does not fit an image of `shape`
    /// (height, width, channels), `InferenceError` for a parameter.
    package init(network: Network, parameters: ParameterTable, imageShape shape: Shape) throws {
        let shapes = try network.shapes(forImage: shape)
        let weights = Weights(parameters)
        self.network = network
        self.shapes = shapes
        layers = try network.nodes.map { node in
            let channels = node.inputs.first.map { shapes[$0][-1] } ?? 0
            return try PreparedLayer(node.operation, channels: channels, weights: weights)
        }
        outputCount = shapes[network.output].count
    }

    /// The value of every node for one image, [height, width, channels] or [features].
    package func values(for image: Tensor) -> [Tensor] {
        var values: [Tensor] = []
        values.reserveCapacity(network.nodes.count)
        for (index, node) in network.nodes.enumerated() {
            let operands = node.inputs.map { values[$0] }
            values.append(
                index == 0
                    ? image : layers[index].apply(node.operation, to: operands, shape: shapes[index]))
        }
        return values
    }

    /// Height, width and channels of an image.
    package var imageShape: Shape { shapes[0] }
    /// One: images do not share anything.
    package var batchSize: Int { 1 }
    /// All cores.
    package var workers: Int { ProcessInfo.processInfo.activeProcessorCount }

    /// The engine itself, which changes nothing as it runs.
    package func makeWorker() -> any EngineWorker { self }
}

extension ReferenceEngine: EngineWorker {
    /// Runs the network image by image. Where a value inside it is not finite the outputs are NaN: a ReLU may have
    /// hidden it.
    package func run(
        _ images: UnsafeBufferPointer<Float>, count: Int, into outputs: UnsafeMutableBufferPointer<Float>
    ) {
        for image in 0..<count {
            let size = imageShape.count
            let pixels = Tensor(shape: imageShape, values: Array(images[image * size..<(image + 1) * size]))
            let values = values(for: pixels)
            let own = outputs[image * outputCount..<(image + 1) * outputCount]
            if values.allSatisfy({ $0.firstNonFinite == nil }) {
                _ = own.update(fromContentsOf: values[network.output].values)
            } else {
                own.update(repeating: .nan)
            }
        }
    }
}
