import Tensors
import Testing

@testable import Networks

@Suite("Multiply-adds")
struct MultiplyAddsTests {
    private func count(_ network: Network, _ side: Int = 224) throws -> Double {
        try network.multiplyAdds(shapes: network.shapes(height: side, width: side))
    }

    /// `_ops` of the weights' documentation, in 10⁹ with three decimals.
    @Test(
        "torchvision documents the same numbers",
        arguments: [
            (TorchNetwork(blocks: [2, 2, 2, 2]), 1.814),
            (TorchNetwork(blocks: [3, 4, 6, 3]), 3.664),
            (TorchNetwork(blocks: [3, 4, 6, 3], isBottleneck: true), 4.089),
            (TorchNetwork(blocks: [3, 4, 23, 3], isBottleneck: true), 7.801),
            (TorchNetwork(blocks: [3, 8, 36, 3], isBottleneck: true), 11.514),
            (TorchNetwork(blocks: [3, 4, 6, 3], isBottleneck: true, groups: 32, widthPerGroup: 4), 4.230),
            (TorchNetwork(blocks: [3, 4, 6, 3], isBottleneck: true, widthPerGroup: 128), 11.398),
        ])
    func torchvision(network: TorchNetwork, documented: Double) throws {
        let network = try recognizeTorch(parameters: table(network.parameters())).network
        #expect(abs(try count(network) / 1e9 - documented) <= 0.0005)
    }

    @Test("ResNet-50's are the paper's table added up, to the last one")
    func closedForm() throws {
        let network = try recognizeTorch(parameters: table(TorchTests.resNet50.parameters())).network
        var expected = 112 * 112 * 64 * 7 * 7 * 3
        var inputs = 64
        for (stage, blocks) in [3, 4, 6, 3].enumerated() {
            let (width, side) = (64 << stage, 56 >> stage)
            let before = stage == 0 ? side : 2 * side
            for block in 0..<blocks {
                // PyTorch's stride is on the 3×3: the first 1×1 still sees the larger map.
                let first = block == 0 ? before : side
                expected += first * first * inputs * width + side * side * width * width * (9 + 4)
                if block == 0 { expected += side * side * inputs * 4 * width }
                inputs = 4 * width
            }
        }
        expected += 2048 * 1000
        #expect(expected == 4_089_184_256)
        #expect(try count(network) == Double(expected))
    }

    @Test("a group sees its own inputs only, dilation costs nothing, and what nobody reads does not count")
    func details() throws {
        func convolution(groups: Int, dilation: Int) -> Networks.Operation {
            .convolution(
                Convolution(
                    kernel: "k", kernelLayout: .hwio, bias: nil, inputs: 8, outputs: 16,
                    size: Extent(height: 3, width: 5), strides: Extent(1), dilation: Extent(dilation),
                    groups: groups, padding: .same))
        }
        func network(_ operations: [Networks.Operation], output: Int) -> Network {
            let nodes = operations.map { Node(layer: "x", operation: $0, inputs: [0]) }
            return Network(
                name: "", architecture: "", family: .keras,
                input: Network.Input(height: nil, width: nil, channels: 8),
                nodes: [Node(layer: "in", operation: .input, inputs: [])] + nodes, output: output)
        }
        let whole = 10.0 * 10 * 16 * 3 * 5 * 8
        let operations = [
            convolution(groups: 1, dilation: 1), convolution(groups: 4, dilation: 1),
            convolution(groups: 1, dilation: 2), .activation(.relu),
        ]
        #expect(try count(network(operations, output: 1), 10) == whole)
        #expect(try count(network(operations, output: 2), 10) == whole / 4)
        #expect(try count(network(operations, output: 3), 10) == whole)
        #expect(try count(network(operations, output: 4), 10) == 0)
    }
}
