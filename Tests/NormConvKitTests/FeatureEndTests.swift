import Networks
import Tensors
import Testing

@testable import NormConvKit

@Suite("Networks that end in features")
struct FeatureEndTests {
    /// A chain of operations behind an input; `add` reads the node before the last one, too.
    private func network(_ operations: [Operation]) -> Network {
        var nodes = [Node(layer: "input", operation: .input, inputs: [])]
        for operation in operations {
            let last = nodes.count - 1
            nodes.append(
                Node(
                    layer: "\(nodes.count)", operation: operation,
                    inputs: operation == .add ? [last, last - 1] : [last]))
        }
        return Network(
            name: "net", architecture: "net", family: .keras,
            input: .init(height: 8, width: 8, channels: 3), nodes: nodes, output: nodes.count - 1)
    }

    private static let convolution = Operation.convolution(
        Convolution(
            kernel: "k", kernelLayout: .hwio, bias: nil, inputs: 3, outputs: 3, size: Extent(1),
            strides: Extent(1), dilation: Extent(1), groups: 1, padding: .same))
    private static let dense = Operation.dense(
        Dense(kernel: "d", kernelIsTransposed: false, bias: nil, inputs: 3, outputs: 3))
    private static let norm = Operation.batchNorm(
        BatchNorm(gamma: nil, beta: nil, mean: "m", variance: "v", epsilon: 1e-3, channels: 3))
    private static let pool = Operation.globalPool(.average, keepsDimensions: false)
    private static let relu = Operation.activation(.relu)

    @Test(
        "without a classifier: a norm of maps, a sum, or pooled maps of these is last",
        arguments: [
            [convolution, norm, relu, pool], [convolution, norm],
            [convolution, norm, relu, .add, relu, pool],
            [convolution, norm, relu, pool, .flatten], [pool],
        ])
    func features(operations: [Operation]) {
        #expect(network(operations).endsInFeatures)
    }

    @Test(
        "with one: a dense layer or a convolution gives the output, or a softmax reads it",
        arguments: [
            [convolution, norm, relu, pool, dense], [convolution, relu, pool], [convolution, pool],
            [dense, norm], [convolution, norm, relu, pool, .activation(.softmax)], [convolution, .flatten],
        ])
    func classifiers(operations: [Operation]) {
        #expect(!network(operations).endsInFeatures)
    }
}
