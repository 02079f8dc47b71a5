import OrderedJSON
import Tensors
import Testing

@testable import Networks

@Suite("Keras models with several inputs and outputs, and norms along any axis")
struct KerasEndsTests {
    private func model(
        _ layers: [String], inputs: String, outputs: String, parameters: [(String, [Int])] = []
    ) throws -> Network {
        let config = try JSON.parse(
            """
            {"class_name": "Functional", "config": {"name": "net", "layers": [\(layers.joined(separator: ", "))], \
            "input_layers": \(inputs), "output_layers": \(outputs)}}
            """)
        return try recognizeKeras(config: config, parameters: table(parameters)).network
    }

    @Test(
        "one input and one output are one, however they are nested",
        arguments: [
            (#"["in", 0, 0]"#, #"["x", 0, 0]"#), (#"[["in", 0, 0]]"#, #"{"out": ["x", 0, 0]}"#),
            (#"{"in": ["in", 0, 0]}"#, #"[[["x", 0, 0]]]"#),
            (#"[[["in", 0, 0]]]"#, #"{"out": [["x", 0, 0]]}"#),
        ])
    func single(inputs: String, outputs: String) throws {
        let network = try model(
            [inputLayer(), layer("Flatten", "x", on: "in")], inputs: inputs, outputs: outputs)
        #expect(network.nodes.map(\.operation) == [.input, .flatten])
        #expect((network.output, network.outputs.count) == (1, 0))
    }

    @Test("a second input is a layer that is not computed; the image is the first node")
    func secondInput() throws {
        let vector = layer("InputLayer", "v", #""batch_input_shape": [null, 4]"#)
        let layers = [
            vector, inputLayer(), layer("GlobalAveragePooling2D", "g", on: "in"),
            layer("Concatenate", "x", on: "g", "v"),
            layer("Dense", "d", #""units": 2, "use_bias": false"#, on: "x"),
        ]
        let network = try model(
            layers, inputs: #"[["v", 0, 0], ["in", 0, 0]]"#, outputs: #"[["d", 0, 0]]"#,
            parameters: [("d/d/kernel", [8, 2])])
        #expect(network.nodes.map(\.layer) == ["in", "v", "g", "x", "d"])
        #expect(network.input == Network.Input(height: 8, width: 8, channels: 4))
        #expect(
            network.nodes[1].obstacle
                == .unsupportedSetting(
                    layer: "v", setting: "number of input layers", found: "2", expected: "1"))
    }

    @Test(
        "an input that is no image has its extents",
        arguments: [
            ("null, 16", [16], "[null, 16]"), ("null, null, 4, 4, 4, 2", [nil, 4, 4, 4, 2], nil),
            ("null, 16, null", [16, nil], nil),
            ("null, 8, 8, null", [8, 8, nil], nil), ("null, 8", [8], nil),
        ] as [(String, [Int?], String?)])
    func noImage(shape: String, extents: [Int?], found: String?) throws {
        let network = try recognize("Flatten", extents: shape)
        #expect(network.input.extents == extents)
        guard
            case .unsupportedSetting(layer: "in", "batch_shape", let text, _)? = network.nodes[0].obstacle
        else {
            Issue.record("\(network.nodes[0])")
            return
        }
        if let found { #expect(text == found) }
    }

    @Test("a Sequential model that was never built has an input of unknown extents")
    func unbuilt() throws {
        let network = try recognizeKeras(
            config: JSON.parse(
                #"{"class_name": "Sequential", "config": [{"class_name": "Flatten", "config": {"name": "a"}}]}"#
            ), parameters: table([])
        ).network
        #expect(network.input.extents == [])
        #expect(
            network.nodes[0].obstacle
                == .unsupportedSetting(
                    layer: "input", setting: "batch_shape", found: "unknown",
                    expected: "[null, height, width, channels]"))
    }

    @Test("several outputs have names, and the part before one of them is a network of its own")
    func outputs() throws {
        let layers = [
            inputLayer(), layer("ReLU", "r", on: "in"), layer("Lambda", "l", on: "r"),
            layer("GlobalAveragePooling2D", "g", on: "r"),
        ]
        let network = try model(
            layers, inputs: #"["in", 0, 0]"#, outputs: #"{"value": ["l", 0, 0], "policy": ["g", 0, 0]}"#)
        #expect(
            network.outputs == [
                Network.Output(name: "policy", node: 3), Network.Output(name: "value", node: 2),
            ])
        let part = network.part(before: 3)
        #expect(part.nodes.map(\.layer) == ["in", "r", "g"])
        #expect(part.nodes.map(\.inputs) == [[], [0], [1]])
        #expect(part.output == 2 && part.outputs.isEmpty)
        #expect(try part.shapes(height: 8, width: 8).last == [4])
        let names = try model(
            layers, inputs: #"["in", 0, 0]"#, outputs: #"[["l", 0, 0], ["g", 0, 0]]"#)
        #expect(names.outputs.map(\.name) == ["l", "g"])
    }

    @Test("a convolution that is one of several outputs is not standardized")
    func convolutionAsOutput() throws {
        let settings = #""filters": 4, "kernel_size": 1, "use_bias": false"#
        let network = try model(
            [
                inputLayer(), layer("Conv2D", "c", settings, on: "in"),
                layer("BatchNormalization", "b", #""scale": false, "center": false"#, on: "c"),
            ], inputs: #"["in", 0, 0]"#, outputs: #"[["b", 0, 0], ["c", 0, 0]]"#,
            parameters: [
                ("c/c/kernel", [1, 1, 4, 4]), ("b/b/moving_mean", [4]), ("b/b/moving_variance", [4]),
            ])
        #expect(ConvolutionNormPairs(network).exemptions[1] == .isOutput)
    }

    @Test("a model with several inputs inside another takes them as they are passed")
    func innerInputs() throws {
        func inner(_ inputs: String, _ call: String) -> [String] {
            let second = layer("InputLayer", "in2", #""batch_input_shape": [null, 8, 8, 4]"#)
            let pool = layer("GlobalAveragePooling2D", "g", on: "in2")
            let model =
                #"{"class_name": "Functional", "config": {"name": "m", "layers": [\#(inputLayer()), \#(second), "#
                + #"\#(pool), \#(layer("Multiply", "x", on: "in", "g"))], "input_layers": \#(inputs), "#
                + #""output_layers": [["x", 0, 0]]}, "name": "m", "inbound_nodes": [\#(call)]}"#
            return [inputLayer(), layer("ReLU", "r", on: "in"), model]
        }
        let dictionary = #"{"b": ["in2", 0, 0], "a": ["in", 0, 0]}"#
        for (inputs, call, operands) in [
            (#"[["in", 0, 0], ["in2", 0, 0]]"#, #"[["in", 0, 0, {}], ["r", 0, 0, {}]]"#, [0, 2]),
            (dictionary, #"{"a": ["r", 0, 0, {}], "b": ["in", 0, 0, {}]}"#, [1, 2]),
        ] {
            let network = try model(
                inner(inputs, call), inputs: #"["in", 0, 0]"#, outputs: #"[["m", 1, 0]]"#)
            #expect(network.nodes.last?.inputs == operands)
        }
        // Nothing tells which value of a list goes with which key.
        #expect(throws: NetworkError.self) {
            try model(
                inner(dictionary, #"[["in", 0, 0, {}], ["r", 0, 0, {}]]"#), inputs: #"["in", 0, 0]"#,
                outputs: #"[["m", 1, 0]]"#)
        }
        #expect(throws: NetworkError.shapeMismatch(layer: "m", found: "1 tensors", expected: "2")) {
            try model(
                inner(#"[["in", 0, 0], ["in2", 0, 0]]"#, #"[["r", 0, 0, {}]]"#), inputs: #"["in", 0, 0]"#,
                outputs: #"[["m", 1, 0]]"#)
        }
    }

    // MARK: Axes

    private static let statistics: [(String, [Int])] = [
        ("x/x/moving_mean", [8]), ("x/x/moving_variance", [8]),
    ]

    @Test(
        "a norm along another axis than the channels keeps its number", arguments: [1, 2, -2, -3])
    func axis(axis: Int) throws {
        let settings = #""axis": \#(axis), "scale": false, "center": false"#
        let network = try recognize("BatchNormalization", settings, parameters: Self.statistics)
        guard case .batchNorm(let norm) = network.nodes[1].operation else {
            Issue.record("\(network.nodes)")
            return
        }
        #expect((norm.axis, norm.channels) == (axis, 8))
        guard case .unsupportedSetting(layer: "x", "axis", _, _) = network.nodes[1].obstacle else {
            Issue.record("\(String(describing: network.nodes[1].obstacle))")
            return
        }
        var converted = GroupNorm(gamma: nil, beta: nil, groups: 2, epsilon: 1e-5, channels: 8)
        converted.axis = norm.axis
        let config = try functional(
            [inputLayer(), layer("BatchNormalization", "x", settings, on: "in")], output: "x")
        let edited = try KerasConfigEditor.convertedConfig(config, norms: ["x": converted])
        #expect(edited["config"]?["layers"]?[1]?["config"]?["axis"] == .int(axis))
    }

    @Test("a convolution is not paired with a norm along another axis")
    func pairs() throws {
        let network = try model(
            [
                inputLayer(),
                layer("Conv2D", "c", #""filters": 8, "kernel_size": 1, "use_bias": false"#, on: "in"),
                layer("BatchNormalization", "x", #""axis": 1, "scale": false, "center": false"#, on: "c"),
            ], inputs: #"["in", 0, 0]"#, outputs: #"["x", 0, 0]"#,
            parameters: [("c/c/kernel", [1, 1, 4, 8])] + Self.statistics)
        #expect(ConvolutionNormPairs(network).exemptions[1] == .otherAxis(layer: "x"))
    }

    @Test("behind a layer of unknown rank only -1 is certainly the channels", arguments: [-1, 3, 4])
    func unknownRank(axis: Int) throws {
        let settings = #""axis": [\#(axis)], "scale": false, "center": false"#
        let network = try model(
            [
                inputLayer(), layer("Lambda", "l", on: "in"),
                layer("BatchNormalization", "x", settings, on: "l"),
            ], inputs: #"["in", 0, 0]"#, outputs: #"["x", 0, 0]"#, parameters: Self.statistics)
        guard case .batchNorm(let norm) = network.nodes[2].operation else {
            Issue.record("\(network.nodes)")
            return
        }
        #expect(norm.axis == (axis == -1 ? nil : axis))
    }
}
