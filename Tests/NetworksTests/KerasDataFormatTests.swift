import OrderedJSON
import Tensors
import Testing

@testable import Networks

@Suite("Keras models with channels first")
struct KerasDataFormatTests {
    /// A convolution to 4 channels that makes the model one with channels first.
    private static let convolution = layer(
        "Conv2D", "c", first + #", "filters": 4, "kernel_size": 3, "padding": "same", "use_bias": false"#,
        on: "in")
    private static let first = #""data_format": "channels_first""#
    private static let kernel: [(String, [Int])] = [("c/c/kernel", [3, 3, 3, 4])]

    /// A layer behind the convolution on a 3×6×8 input.
    private func behind(
        _ className: String, _ settings: String, parameters: [(String, [Int])] = []
    ) throws -> Network {
        let config = try functional(
            [inputLayer("null, 3, 6, 8"), Self.convolution, layer(className, "x", settings, on: "c")],
            output: "x")
        return try recognizeKeras(config: config, parameters: table(Self.kernel + parameters)).network
    }

    @Test("the input's channels are its first extent, and kernels are as in any other model")
    func input() throws {
        let network = try behind("ReLU", "")
        #expect(network.input == Network.Input(height: 6, width: 8, channels: 3))
        #expect(network.architecture.hasSuffix(", channels first"))
        #expect(try network.shapes(height: 6, width: 8).last == [6, 8, 4])
        guard case .convolution(let convolution) = network.nodes[1].operation else {
            Issue.record("\(network.nodes[1])")
            return
        }
        #expect(convolution.kernelLayout == .hwio)
    }

    @Test(
        "layers on the channels are the same on maps with channels last",
        arguments: [
            ("MaxPooling2D", #""pool_size": 2, "# + first, Operation.pool(.two(.maximum))),
            ("GlobalAveragePooling2D", first, .globalPool(.average, keepsDimensions: false)),
            ("Softmax", #""axis": 1"#, .activation(.softmax)),
            ("Softmax", #""axis": -3"#, .activation(.softmax)),
            ("Flatten", first, .flatten), ("Rescaling", #""scale": 2"#, .scaleShift(scale: [2], offset: [0])),
        ])
    func layers(className: String, settings: String, operation: Networks.Operation) throws {
        #expect(try behind(className, settings).nodes.last?.operation == operation)
    }

    @Test("a vector that becomes a map of one position has its channels first there")
    func reshaping() throws {
        let pool = layer("GlobalAveragePooling2D", "g", Self.first, on: "c")
        let reshape = layer("Reshape", "x", #""target_shape": [4, 1, 1]"#, on: "g")
        let layers = [inputLayer("null, 3, 6, 8"), Self.convolution, pool, reshape]
        let network = try recognizeKeras(
            config: functional(layers, output: "x"), parameters: table(Self.kernel)
        ).network
        #expect(network.nodes.last?.operation == .reshape([1, 1, 4]))
    }

    /// A vector of four elements behind volumes, reshaped.
    private func reshapedVolumes(_ target: String) throws -> Network {
        let layers = [
            inputLayer("null, 4, 3, 6, 8"),
            layer("MaxPooling3D", "c", #""pool_size": 1, "# + Self.first, on: "in"),
            layer("GlobalAveragePooling3D", "g", Self.first, on: "c"),
            layer("Reshape", "x", #""target_shape": "# + target, on: "g"),
        ]
        return try recognizeKeras(config: functional(layers, output: "x"), parameters: table([])).network
    }

    @Test("a vector that becomes a volume of one position has its channels first there, too")
    func reshapingVolumes() throws {
        #expect(try reshapedVolumes("[4, 1, 1, 1]").nodes.last?.operation == .reshape([1, 1, 1, 4]))
        #expect(try reshapedVolumes("[-1, 1, 1, 1]").nodes.last?.operation == .reshape([1, 1, 1, -1]))
        for target in ["[1, 1, 1, 4]", "[2, 2, 1, 1]", "[1, 1, 4]"] {
            guard
                case .unsupportedSetting("x", "target_shape", _, _)? =
                    try reshapedVolumes(target).nodes.last?.obstacle
            else {
                Issue.record("\(target)")
                continue
            }
        }
    }

    @Test(
        "what hangs on the order of dimensions is not computed",
        arguments: [
            (
                "MaxPooling2D", #""pool_size": 2, "data_format": "channels_last""#, "data_format",
                "other layers"
            ),
            ("Flatten", #""data_format": "channels_last""#, "data_format", "set_image_data_format"),
            ("Flatten", "", "data_format", "set_image_data_format"),
            ("Dense", #""units": 2, "use_bias": false"#, "order of its input", "set_image_data_format"),
            ("Activation", #""activation": "softmax""#, "order of its input", "set_image_data_format"),
            ("Rescaling", #""scale": [1, 2, 3, 4]"#, "order of its input", "set_image_data_format"),
            ("Reshape", #""target_shape": [6, 8, 4]"#, "target_shape", "set_image_data_format"),
            ("Softmax", #""axis": -1"#, "axis", "1, the channels"),
            ("LayerNormalization", "", "axis", "1, the channels"),
        ])
    func notComputed(className: String, settings: String, setting: String, remedy: String) throws {
        let obstacle = try behind(className, settings).nodes.last?.obstacle
        guard case .unsupportedSetting(layer: "x", setting, _, let expected) = obstacle else {
            Issue.record("\(String(describing: obstacle))")
            return
        }
        #expect(expected.contains(remedy))
    }

    @Test("a vector beside a map is not computed: Keras would spread it over the columns")
    func ranks() throws {
        let pool = layer("GlobalAveragePooling2D", "g", Self.first, on: "c")
        let multiply = layer("Multiply", "x", "", on: "c", "g")
        let config = try functional(
            [inputLayer("null, 3, 6, 8"), Self.convolution, pool, multiply], output: "x")
        let network = try recognizeKeras(config: config, parameters: table(Self.kernel)).network
        let obstacle = network.nodes.last?.obstacle
        guard case .unsupportedSetting(layer: "x", "order of its input", _, _) = obstacle else {
            Issue.record("\(String(describing: obstacle))")
            return
        }
    }

    @Test("a norm that is converted keeps its axis")
    func editing() throws {
        let norm = layer("BatchNormalization", "x", #""axis": [1], "epsilon": 0.001"#, on: "c")
        let config = try functional([inputLayer("null, 3, 6, 8"), Self.convolution, norm], output: "x")
        let edited = try KerasConfigEditor.convertedConfig(
            config, norms: ["x": GroupNorm(gamma: "g", beta: "b", groups: 2, epsilon: 1e-5, channels: 4)])
        #expect(edited["config"]?["layers"]?[2]?["config"]?["axis"] == .int(1))
        let parameters = table(Self.kernel + [("x/x/gamma", [4]), ("x/x/beta", [4])])
        let network = try recognizeKeras(config: edited, parameters: parameters).network
        #expect(
            network.nodes.last?.operation
                == .groupNorm(
                    GroupNorm(gamma: "x/x/gamma", beta: "x/x/beta", groups: 2, epsilon: 1e-5, channels: 4)))
    }

    @Test(
        "a norm of steps, maps or volumes has its channels first after conversion however the axis is counted",
        arguments: [
            ("MaxPooling1D", "null, 4, 8", -2), ("MaxPooling2D", "null, 4, 8, 8", -3),
            ("MaxPooling3D", "null, 4, 8, 8, 8", -4), ("MaxPooling3D", "null, 4, 8, 8, 8", 1),
        ])
    func editingAxis(className: String, extents: String, axis: Int) throws {
        let layers = [
            inputLayer(extents), layer(className, "c", #""pool_size": 1, "# + Self.first, on: "in"),
            layer("BatchNormalization", "x", #""axis": \#(axis), "epsilon": 0.001"#, on: "c"),
        ]
        let edited = try KerasConfigEditor.convertedConfig(
            functional(layers, output: "x"),
            norms: ["x": GroupNorm(gamma: "g", beta: "b", groups: 2, epsilon: 1e-5, channels: 4)])
        #expect(edited["config"]?["layers"]?[2]?["config"]?["axis"] == .int(1))
        let parameters = table([("x/x/gamma", [4]), ("x/x/beta", [4])])
        let network = try recognizeKeras(config: edited, parameters: parameters).network
        #expect(
            network.nodes.last?.operation
                == .groupNorm(
                    GroupNorm(gamma: "x/x/gamma", beta: "x/x/beta", groups: 2, epsilon: 1e-5, channels: 4)))
    }

    // MARK: Kernels with outputs first

    /// Two convolutions, 3 → 4 → `outputs` channels, their kernels of these shapes.
    private func convolutions(_ one: [Int], _ other: [Int], size: Int, outputs: Int) throws -> [KernelLayout]
    {
        let second = layer(
            "Conv2D", "x", #""filters": \#(outputs), "kernel_size": \#(size), "use_bias": false"#, on: "c")
        let first = layer("Conv2D", "c", #""filters": 4, "kernel_size": 3, "use_bias": false"#, on: "in")
        let config = try functional([inputLayer("null, 8, 8, 3"), first, second], output: "x")
        let parameters = table([("c/c/kernel", one), ("x/x/kernel", other)])
        return try recognizeKeras(config: config, parameters: parameters).network.nodes.compactMap {
            if case .convolution(let convolution) = $0.operation { convolution.kernelLayout } else { nil }
        }
    }

    @Test("are told by their shapes")
    func outputsFirst() throws {
        #expect(try convolutions([4, 3, 3, 3], [5, 4, 2, 2], size: 2, outputs: 5) == [.oihw, .oihw])
        #expect(try convolutions([3, 3, 3, 4], [2, 2, 4, 5], size: 2, outputs: 5) == [.hwio, .hwio])
        #expect(
            throws: NetworkError.wrongShape(parameter: "c/c/kernel", found: "4×3×3×2", expected: "3×3×3×4")
        ) {
            try convolutions([4, 3, 3, 2], [5, 4, 2, 2], size: 2, outputs: 5)
        }
    }

    @Test("are refused where another kernel's shape would do for both orders")
    func ambiguous() throws {
        #expect(throws: NetworkError.outputsFirstKernel(parameter: "x/x/kernel", found: "4×4×4×4")) {
            try convolutions([4, 3, 3, 3], [4, 4, 4, 4], size: 4, outputs: 4)
        }
        #expect(try convolutions([3, 3, 3, 4], [4, 4, 4, 4], size: 4, outputs: 4) == [.hwio, .hwio])
    }

    @Test("are refused in files without a configuration, with what to do")
    func named() throws {
        let parameters: [(String, [Int])] = [
            ("conv1_conv/conv1_conv/kernel:0", [64, 3, 7, 7]),
            ("conv2_block1_1_conv/conv2_block1_1_conv/kernel:0", [64, 64, 1, 1]),
        ]
        let error = #expect(throws: NetworkError.self) { try recognizeNames(parameters: table(parameters)) }
        #expect(error == .outputsFirstKernel(parameter: parameters[0].0, found: "64×3×7×7"))
        #expect("\(try #require(error))".contains("kernel.transpose(2, 3, 1, 0)"))
    }
}

extension Pool {
    fileprivate static func two(_ kind: Kind) -> Pool {
        Pool(kind: kind, size: Extent(2), strides: Extent(2), padding: .valid)
    }
}
