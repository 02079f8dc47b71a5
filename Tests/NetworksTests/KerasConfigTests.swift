import OrderedJSON
import Tensors
import Testing

@testable import Networks

/// Parameters of `keras2Functional`.
let keras2Parameters: [(String, [Int])] = [
    ("batch_normalization/batch_normalization/beta:0", [16]),
    ("batch_normalization/batch_normalization/gamma:0", [16]),
    ("batch_normalization/batch_normalization/moving_mean:0", [16]),
    ("batch_normalization/batch_normalization/moving_variance:0", [16]),
    ("batch_normalization_1/batch_normalization_1/beta:0", [16]),
    ("batch_normalization_1/batch_normalization_1/gamma:0", [16]),
    ("batch_normalization_1/batch_normalization_1/moving_mean:0", [16]),
    ("batch_normalization_1/batch_normalization_1/moving_variance:0", [16]),
    ("conv2d/conv2d/bias:0", [16]), ("conv2d/conv2d/kernel:0", [3, 3, 3, 16]),
    ("conv2d_1/conv2d_1/bias:0", [16]), ("conv2d_1/conv2d_1/kernel:0", [3, 3, 16, 16]),
    ("dense/dense/bias:0", [10]), ("dense/dense/kernel:0", [256, 10]),
]

/// Parameters of `keras3Sequential`.
let keras3SequentialParameters: [(String, [Int])] = [
    ("b/sq/b/beta", [8]), ("b/sq/b/gamma", [8]), ("b/sq/b/moving_mean", [8]), ("b/sq/b/moving_variance", [8]),
    ("c/sq/c/bias", [8]), ("c/sq/c/kernel", [3, 3, 3, 8]), ("d/sq/d/bias", [3]), ("d/sq/d/kernel", [72, 3]),
]

/// Parameters of `keras3Shared`.
let keras3SharedParameters: [(String, [Int])] = [
    ("blk/b/beta", [4]), ("blk/b/gamma", [4]), ("blk/b/moving_mean", [4]), ("blk/b/moving_variance", [4]),
    ("blk/c/kernel", [3, 3, 4, 4]), ("sq/sq/sb/beta", [4]), ("sq/sq/sb/gamma", [4]),
    ("sq/sq/sb/moving_mean", [4]), ("sq/sq/sb/moving_variance", [4]), ("sq/sq/sc/bias", [4]),
    ("sq/sq/sc/kernel", [1, 1, 4, 4]),
]

@Suite("Configurations written by Keras")
struct KerasConfigTests {
    @Test("a Functional model of Keras 2")
    func functionalOfKeras2() throws {
        let recognition = try recognizeKeras(
            config: try JSON.parse(keras2Functional), parameters: table(keras2Parameters))
        let network = recognition.network
        #expect(network.architecture == "Keras Functional 'model', 2 convolutions")
        #expect(network.family == .keras)
        #expect(network.input == Network.Input(height: 32, width: 32, channels: 3))
        #expect(recognition.unused.isEmpty)
        #expect(
            network.nodes.map(\.layer) == [
                "input_1", "conv2d", "batch_normalization", "activation", "conv2d_1", "batch_normalization_1",
                "add", "average_pooling2d", "flatten", "dense", "dense",
            ])
        #expect(
            network.nodes.map(\.inputs) == [[], [0], [1], [2], [3], [4], [3, 5], [6], [7], [8], [9]])
        #expect(try network.shapes(height: 32, width: 32)[network.output] == [10])
        #expect(network.nodes.last?.operation == .activation(.softmax))
        #expect(
            network.nodes[1].operation
                == .convolution(
                    Convolution(
                        kernel: "conv2d/conv2d/kernel:0", kernelLayout: .hwio, bias: "conv2d/conv2d/bias:0",
                        inputs: 3, outputs: 16, size: Extent(3), strides: Extent(1),
                        dilation: Extent(1), groups: 1, padding: .same)))
    }

    @Test("a Sequential model of Keras 3")
    func sequentialOfKeras3() throws {
        let network = try recognizeKeras(
            config: try JSON.parse(keras3Sequential), parameters: table(keras3SequentialParameters)
        ).network
        #expect(network.architecture == "Keras Sequential 'sq', 1 convolution")
        #expect(
            network.nodes[1].operation == .scaleShift(scale: [1, 0.5, 1 / 3], offset: [-1, -1, -1]),
            "mean 1, 2, 3 and variance 1, 4, 9")
        #expect(network.nodes[4].operation == .activation(.clippedReLU(limit: 6)))
        #expect(try network.shapes(height: 8, width: 8).map(\.extents).last == [3])
    }

    @Test("models inside a model are inlined at every call, their parameters shared")
    func sharedModels() throws {
        let recognition = try recognizeKeras(
            config: try JSON.parse(keras3Shared), parameters: table(keras3SharedParameters))
        let network = recognition.network
        #expect(recognition.unused.isEmpty)
        #expect(
            network.nodes.dropFirst().map(\.layer) == [
                "blk/c", "blk/b", "sq/sc", "sq/sb", "blk/c", "blk/b", "add", "sq/sc", "sq/sb",
            ])
        #expect(network.nodes.map(\.inputs) == [[], [0], [1], [2], [3], [4], [5], [6, 0], [7], [8]])
        #expect(network.nodes[1].operation == network.nodes[5].operation)
        #expect(network.output == 9)
        #expect(ConvolutionNormPairs(network).exemptions[1] == .sharedKernel(layer: "blk/c"))
    }

    @Test("Keras 2 counts a nested model's calls from one, and Model is an old name for Functional")
    func nestedOfKeras2() throws {
        let inner = """
            {"class_name": "Model", "config": {"name": "m", "layers": [\(inputLayer()), \
            \(layer("BatchNormalization", "b", "\"axis\": [3]", on: "in"))], "input_layers": [["in", 0, 0]], \
            "output_layers": [["b", 0, 0]]}, "name": "m", \
            "inbound_nodes": [[["in", 0, 0, {}]], [["m", 1, 0, {"training": false}]]]}
            """
        let config = try JSON.parse(
            """
            {"class_name": "Model", "config": {"name": "net", "layers": [\(inputLayer()), \(inner)], \
            "input_layers": [["in", 0, 0]], "output_layers": [["m", 2, 0]]}}
            """)
        let parameters = ["beta", "gamma", "moving_mean", "moving_variance"].map { ("m/b/\($0):0", [4]) }
        let network = try recognizeKeras(config: config, parameters: table(parameters)).network
        #expect(network.nodes.map(\.layer) == ["in", "m/b", "m/b"])
        #expect(network.nodes.map(\.inputs) == [[], [0], [1]])
        #expect(network.output == 2)
    }

    @Test("layers come in the file's order, or as soon as their operands are there")
    func order() throws {
        let relu = "\"activation\": \"relu\""
        let network = try recognizeKeras(
            config: functional(
                [
                    layer("Add", "c", on: "b", "a"), layer("Activation", "a", relu, on: "in"),
                    layer("Activation", "b", relu, on: "a"), inputLayer(),
                ], output: "c"), parameters: table([])
        ).network
        #expect(network.nodes.map(\.layer) == ["in", "a", "b", "c"])
        #expect(network.nodes.last?.inputs == [2, 1])
    }

    @Test(
        "keras.applications' ResNets are told by their layers' names",
        arguments: [
            (["conv1_conv", "conv2_block1_1_conv"], Network.Family.kerasResNet),
            (["conv1_conv", "conv2_block1_1_conv", "post_bn"], .kerasResNetV2),
            (["res2a_branch2a"], .kerasResNet), (["conv1_conv"], .keras),
        ])
    func families(names: [String], family: Network.Family) throws {
        var layers = [inputLayer()]
        var last = "in"
        for name in names {
            layers.append(layer("Activation", name, "\"activation\": \"relu\"", on: last))
            last = name
        }
        let config = try functional(layers, output: last)
        #expect(try recognizeKeras(config: config, parameters: table([])).network.family == family)
    }

    @Test("a chain of a hundred thousand layers is walked without recursion, and refused for its length")
    func longChain() throws {
        var layers = [inputLayer()]
        for index in 0...100_000 {
            let input = index == 0 ? "in" : "l\(index - 1)"
            layers.append(layer("Flatten", "l\(index)", on: input))
        }
        let config = try functional(layers.reversed(), output: "l100000")
        #expect(throws: NetworkError.unrecognized(reason: "it has more than 100000 operations")) {
            try recognizeKeras(config: config, parameters: table([]))
        }
    }
}
