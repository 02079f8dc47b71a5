import Tensors
import Testing

@testable import Networks

@Suite("Convolutions and the norms behind them")
struct PairsTests {
    static func convolution(_ kernel: String) -> Networks.Operation {
        .convolution(
            Convolution(
                kernel: kernel, kernelLayout: .hwio, bias: nil, inputs: 4, outputs: 4, size: Extent(1),
                strides: Extent(1), dilation: Extent(1), groups: 1, padding: .valid))
    }

    static func norm(_ name: String) -> Networks.Operation {
        .batchNorm(
            BatchNorm(
                gamma: "\(name)/gamma", beta: nil, mean: "\(name)/mean", variance: "\(name)/variance",
                epsilon: 0, channels: 4))
    }

    /// Operations with their inputs; layers are named by their index.
    static func network(_ operations: [(Networks.Operation, [Int])]) -> Network {
        let nodes =
            [Node(layer: "0", operation: .input, inputs: [])]
            + operations.enumerated().map { index, operation in
                Node(layer: "\(index + 1)", operation: operation.0, inputs: operation.1)
            }
        return Network(
            name: "n", architecture: "", family: .keras,
            input: Network.Input(height: 4, width: 4, channels: 4), nodes: nodes, output: nodes.count - 1)
    }

    @Test("a convolution whose only consumer is a norm is that norm's")
    func pair() {
        let network = Self.network([(Self.convolution("a"), [0]), (Self.norm("b"), [1]), (.flatten, [2])])
        let pairs = ConvolutionNormPairs(network)
        #expect(pairs.normBehind == [1: 2])
        #expect(pairs.convolutionBefore == [2: 1])
        #expect(pairs.exemptions.isEmpty)
        #expect(pairs.consumers == [[1], [2], [3], []])
    }

    /// Operations behind a first convolution `a` at node 1, and why it is left alone.
    @Test(
        "every other convolution is exempt for a reason",
        arguments: [
            ([(.add, [1, 0])], .feedsAdd(layer: "2")),
            ([(norm("b"), [1]), (.add, [1, 2])], .severalConsumers(layers: ["2", "3"])),
            ([(norm("b"), [1]), (convolution("a"), [2])], .sharedKernel(layer: "3")),
            ([(norm("b"), [1]), (norm("b"), [2])], .sharedNorm(layer: "3")),
            ([(.activation(.relu), [1]), (norm("b"), [2])], .activation(layer: "2")),
            ([(.zeroPad(Margins(1)), [1]), (norm("b"), [2])], .notBeforeNorm(layer: "2")),
            ([], .isOutput),
        ] as [([(Networks.Operation, [Int])], ConvolutionExemption)])
    func exemptions(rest: [(Networks.Operation, [Int])], reason: ConvolutionExemption) {
        let network = Self.network([(Self.convolution("a"), [0])] + rest)
        let pairs = ConvolutionNormPairs(network)
        #expect(pairs.exemptions[1] == reason)
        #expect(pairs.normBehind[1] == nil)
        #expect(!reason.description.isEmpty)
    }

    @Test("a norm behind something else has no convolution")
    func noConvolution() {
        let network = Self.network([(.activation(.relu), [0]), (Self.norm("b"), [1])])
        let pairs = ConvolutionNormPairs(network)
        #expect(pairs.convolutionBefore.isEmpty && pairs.normBehind.isEmpty && pairs.exemptions.isEmpty)
    }

    @Test(
        "a new parameter is named like its sibling",
        arguments: [
            (.gamma, "bn/bn/beta:0", .keras, "bn/bn/gamma:0"),
            (.bias, "conv/conv/kernel", .kerasResNet, "conv/conv/bias"),
            (.bias, "layer1.0.conv1.weight", .torch, "layer1.0.conv1.bias"),
            (.gamma, "bn1.running_mean", .torch, "bn1.weight"),
            (.beta, "layer1/0/bn1/running_mean", .torch, "layer1/0/bn1/bias"),
            (.kernel, "weight", .torch, "weight"),
        ] as [(ParameterNaming.Role, String, Network.Family, String)])
    func naming(role: ParameterNaming.Role, sibling: String, family: Network.Family, name: String) {
        #expect(ParameterNaming.name(role, beside: sibling, family: family) == name)
    }
}
