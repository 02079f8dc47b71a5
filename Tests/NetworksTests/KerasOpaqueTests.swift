import OrderedJSON
import Tensors
import Testing

@testable import Networks

@Suite("Keras layers that are kept as they are")
struct KerasOpaqueTests {
    private func opaque(_ network: Network) -> OpaqueLayer? {
        for node in network.nodes.reversed() {
            if case .opaque(let opaque) = node.operation { return opaque }
        }
        return nil
    }

    @Test(
        "a layer of an unknown class has its class, its weights, and no known shape",
        arguments: ["Lambda", "LSTM", "TFOpLambda", "MultiHeadAttention"])
    func unknownClass(className: String) throws {
        let network = try recognize(
            className, parameters: [("x/x/alpha:0", [4]), ("x/cell/kernel:0", [4, 8]), ("y/kernel", [1])])
        #expect(
            network.nodes.map(\.operation) == [
                .input,
                .opaque(
                    OpaqueLayer(className: className, parameters: ["x/x/alpha:0", "x/cell/kernel:0"])),
            ])
        #expect(network.uncomputedLayers.map(\.description) == ["x (\(className))"])
        #expect(throws: NetworkError.unsupportedLayer(layer: "x", className: className)) {
            try network.shapes(height: 8, width: 8)
        }
        #expect(try network.knownShapes(of: Extent(8)) == [[8, 8, 4], nil])
    }

    @Test("a custom class is kept, whatever its name")
    func customClass() throws {
        for (className, record, found) in [
            ("Add", #""registered_name": "mine>Add""#, "mine>Add"),
            ("ReLU", #""module": "my.layers""#, "my.layers.ReLU"),
            ("ReLU", #""module": "keras_extras""#, "keras_extras.ReLU"),
            ("StandardizedConv2D", #""module": "keras.layers""#, "StandardizedConv2D"),
            // Null, or left out: a class of the program that saved the file.
            ("ReLU", #""module": null, "registered_name": "ReLU""#, "ReLU"),
            ("ReLU", #""registered_name": "ReLU""#, "ReLU"),
            ("mine>Layer", #""config2": 0"#, "mine>Layer"),
        ] {
            let own = layer(className, "x", on: "in").replacing(
                "{\"class_name\"", with: "{\(record), \"class_name\"", maxReplacements: 1)
            let network = try recognizeKeras(
                config: functional([inputLayer(), own], output: "x"), parameters: table([])
            ).network
            #expect(opaque(network) == OpaqueLayer(className: found))
        }
    }

    @Test(
        "a setting that is not supported is kept with the layer",
        arguments: [
            ("Activation", #""activation": "unheard_of""#, "activation"),
            ("GroupNormalization", #""groups": 3"#, "groups"),
            ("GroupNormalization", #""groups": 4, "epsilon": -1.0"#, "epsilon"),
            ("LayerNormalization", #""axis": [1, 2, 3]"#, "axis"),
            ("LayerNormalization", #""rms_scaling": true"#, "rms_scaling"),
            ("ReLU", #""threshold": "x""#, "threshold"),
            ("ReLU", #""max_value": -1"#, "max_value"),
            ("ELU", #""alpha": "x""#, "alpha"),
            ("Softmax", #""axis": 1"#, "axis"),
            ("Concatenate", #""axis": 1"#, "axis"),
            ("Flatten", #""data_format": "channels_first""#, "data_format"),
            ("ZeroPadding2D", #""padding": [[1, -1], [0, 0]]"#, "padding"),
            ("Reshape", #""target_shape": [-1, -1]"#, "target_shape"),
            ("Cropping2D", #""cropping": [[1, -1], [0, 0]]"#, "cropping"),
            ("CenterCrop", #""height": 0, "width": 4"#, "height"),
            ("RandomCrop", #""height": 4, "width": 0"#, "width"),
            ("UpSampling2D", #""interpolation": "area""#, "interpolation"),
            ("UpSampling2D", #""size": [2, 9223372036854775807]"#, "size"),
            ("Resizing", #""height": 4, "width": 4, "antialias": 1"#, "antialias"),
            (
                "Resizing", #""height": 4, "width": 4, "pad_to_aspect_ratio": true, "fill_mode": "reflect""#,
                "fill_mode"
            ),
            (
                "Resizing",
                #""height": 4, "width": 4, "pad_to_aspect_ratio": true, "crop_to_aspect_ratio": true"#,
                "crop_to_aspect_ratio"
            ),
            ("Permute", #""dims": [1, 1, 3]"#, "dims"),
            ("UnitNormalization", #""axis": 1"#, "axis"),
            ("Rescaling", #""scale": "x""#, "scale"),
            ("Normalization", #""mean": [1], "variance": [1, 2]"#, "variance"),
            ("Normalization", #""mean": [1], "variance": [-1]"#, "variance"),
            ("Normalization", #""invert": true"#, "invert"),
        ])
    func unsupportedSetting(className: String, settings: String, setting: String) throws {
        let network = try recognize(
            className, settings, parameters: [("x/x/gamma", [4]), ("x/x/beta", [4])])
        #expect(opaque(network)?.className == className)
        #expect(opaque(network)?.setting?.name == setting)
        guard case .unsupportedSetting(layer: "x", setting, _, _) = network.nodes.last?.obstacle else {
            Issue.record("\(String(describing: network.nodes.last?.obstacle))")
            return
        }
    }

    @Test(
        "a convolution stays one before an activation that is not known",
        arguments: [
            (#""unheard_of""#, "unheard_of"), (#"{"class_name": "Mine", "config": {"name": "l"}}"#, "Mine"),
        ])
    func activation(json: String, className: String) throws {
        let settings = #""filters": 4, "kernel_size": 3, "use_bias": false, "activation": \#(json)"#
        let network = try recognize("Conv2D", settings, parameters: [("x/x/kernel", [3, 3, 4, 4])])
        guard network.nodes.count == 3, case .convolution = network.nodes[1].operation else {
            Issue.record("\(network.nodes)")
            return
        }
        #expect(opaque(network)?.className == className)
        #expect(
            ConvolutionNormPairs(network).exemptions[1] == .opaque(layer: "x", className: className))
    }

    @Test("layers behind it take their channels from their own parameters")
    func behind() throws {
        let network = try recognizeKeras(
            config: functional(
                [
                    inputLayer(), layer("Lambda", "l", on: "in"),
                    layer("Conv2D", "c", #""filters": 6, "kernel_size": 3, "use_bias": false"#, on: "l"),
                    layer("BatchNormalization", "b", #""scale": false, "center": false"#, on: "c"),
                    layer("GELU2", "g", on: "b"),
                    layer("BatchNormalization", "n", #""scale": false, "center": false"#, on: "g"),
                    layer("Dense", "d", #""units": 3, "use_bias": false"#, on: "n"),
                ], output: "d"),
            parameters: table([
                ("c/c/kernel", [3, 3, 5, 6]), ("b/b/moving_mean", [6]), ("b/b/moving_variance", [6]),
                ("n/n/moving_mean", [7]), ("n/n/moving_variance", [7]), ("d/d/kernel", [7, 3]),
            ])
        ).network
        let channels = network.nodes.compactMap { node -> Int? in
            switch node.operation {
            case .convolution(let convolution): convolution.inputs
            case .batchNorm(let norm): norm.channels
            case .dense(let dense): dense.inputs
            default: nil
            }
        }
        #expect(channels == [5, 6, 7, 7])
        #expect(ConvolutionNormPairs(network).normBehind == [2: 3])
        #expect(network.uncomputedLayers.map(\.layer) == ["l", "g"])
    }

    @Test("a layer inside a model has what is inside it, and nothing of a layer whose part has its name")
    func nestedNames() throws {
        let names = ["bb/attn/query/kernel:0", "bb/other/attn/kernel:0", "bb/inner/deep/cell/kernel:0"]
        let deep = functionalRecord(
            "inner", layers: [inputLayer(), layer("Lambda", "deep", on: "in")], output: "deep", on: "cell")
        let layers = [
            inputLayer(), layer("Lambda", "attn", on: "in"), layer("Lambda", "other", on: "attn"),
            layer("Lambda", "cell", on: "other"), deep,
        ]
        let model = functionalRecord("bb", layers: layers, output: "inner", call: 1, on: "in")
        let config = try JSON.parse(
            """
            {"class_name": "Functional", "config": {"name": "net", "layers": [\(inputLayer()), \(model)], \
            "input_layers": [["in", 0, 0]], "output_layers": [["bb", 1, 0]]}}
            """)
        let network = try recognizeKeras(config: config, parameters: table(names.map { ($0, [4]) })).network
        let found = network.operations.map { operation -> [String] in
            if case .opaque(let layer) = operation { layer.parameters } else { [] }
        }
        #expect(found == [[names[0]], [names[1]], [], [names[2]]])
    }

    /// A model inside another, called once.
    private func functionalRecord(
        _ name: String, layers: [String], output: String, call: Int = 0, on input: String
    ) -> String {
        """
        {"class_name": "Functional", "config": {"name": "\(name)", "layers": [\(layers.joined(separator: ", "))], \
        "input_layers": [["in", 0, 0]], "output_layers": [["\(output)", \(call), 0]]}, \
        "name": "\(name)", "inbound_nodes": [[["\(input)", 0, 0, {}]]]}
        """
    }

    @Test("each output of a layer with several is a node")
    func severalOutputs() throws {
        let split = layer("Split", "s", on: "in")
        let add =
            #"{"class_name": "Add", "config": {}, "name": "a", "#
            + #""inbound_nodes": [[["s", 0, 0, {}], ["s", 0, 2, {}]]]}"#
        let network = try recognizeKeras(
            config: functional([inputLayer(), split, add], output: "a"), parameters: table([])
        ).network
        #expect(network.nodes.map(\.inputs) == [[], [0], [0], [1, 2]])
        #expect(network.nodes[2].operation == .opaque(OpaqueLayer(className: "Split", output: 2)))
        #expect(network.uncomputedLayers.count == 1)
    }

    @Test(
        "a batch normalization inside a layer is told by its settings, its class or its statistics",
        arguments: [
            (
                "TimeDistributed", #""layer": {"class_name": "BatchNormalization", "config": {}}"#, [],
                "BatchNormalization"
            ),
            ("mine>BatchNorm2", "", [], "mine>BatchNorm2"),
            ("Block", "", [("x/bn/moving_mean:0", [4])], "Block"),
            ("MyBN", #""moving_mean_initializer": "zeros""#, [("x/0", [4])], "MyBN"),
            (
                "TimeDistributed",
                #""layer": {"class_name": "MyBN", "config": {"moving_mean_initializer": {"class_name": "Zeros"}}}"#,
                [], "MyBN"
            ),
            ("Bidirectional", #""layer": {"class_name": "LSTM", "config": {}}"#, [("x/k", [4])], nil),
        ] as [(String, String, [(String, [Int])], String?)])
    func normInside(
        className: String, settings: String, parameters: [(String, [Int])], found: String?
    ) throws {
        #expect(opaque(try recognize(className, settings, parameters: parameters))?.batchNormInside == found)
    }

    /// A model of a convolution and a norm, or the norm alone, for each step of a sequence.
    static let stepModel = #"""
        {"class_name": "Functional", "config": {"name": "step", "layers": [\#(inputLayer()), \#(
            layer("Conv2D", "conv", #""filters": 4, "kernel_size": 1, "use_bias": false"#, on: "in")), \#(
            layer("BatchNormalization", "bn", on: "conv"))], "input_layers": [["in", 0, 0]], "output_layers": [["bn", 0, 0]]}}
        """#
    static let statistics = ["gamma", "beta", "moving_mean", "moving_variance"].map { ("x/bn/\($0)", [4]) }

    @Test("norms that TimeDistributed applies to each step are converted, and its steps are not computed")
    func timeDistributed() throws {
        let settings = #""layer": \#(Self.stepModel)"#
        let config = try functional(
            [inputLayer("null, 5, 8, 8, 4"), layer("TimeDistributed", "x", settings, on: "in")], output: "x")
        let parameters = table([("x/conv/kernel", [1, 1, 4, 4])] + Self.statistics)
        let recognition = try recognizeKeras(config: config, parameters: parameters)
        #expect(recognition.unused.isEmpty)
        let network = recognition.network
        #expect(network.nodes.map(\.layer) == ["in", "x", "x/conv", "x/bn", "x"])
        #expect(network.nodes.map(\.inputs) == [[], [0], [1], [2], [3]])
        #expect(network.uncomputedLayers.map(\.className).last == "TimeDistributed")
        #expect(ConvolutionNormPairs(network).convolutionBefore == [3: 2])
        let norm = GroupNorm(gamma: "g", beta: "b", groups: 2, epsilon: 1e-5, channels: 4)
        let converted = try KerasConfigEditor.convertedConfig(config, norms: ["x/bn": norm])
        let inner = converted["config"]?["layers"]?[1]?["config"]?["layer"]?["config"]?["layers"]
        #expect(inner?[2]?["class_name"]?.string == "GroupNormalization")
        #expect(inner?[1] == config["config"]?["layers"]?[1]?["config"]?["layer"]?["config"]?["layers"]?[1])
        // What was converted is read with its norms again.
        let again = try recognizeKeras(config: converted, parameters: parameters).network
        guard case .groupNorm(let read) = again.nodes[3].operation else {
            Issue.record("\(again.nodes[3])")
            return
        }
        #expect(read.groups == 2)
    }

    @Test("so is a norm that is the layer itself, and nothing changes for layers without norms")
    func timeDistributedLayer() throws {
        let norm = layer("BatchNormalization", "bn")
        let network = try recognize(
            "TimeDistributed", #""layer": \#(norm)"#, parameters: Self.statistics)
        #expect(network.nodes.map(\.layer) == ["in", "x", "x/bn", "x"])
        let dense = try recognize("TimeDistributed", #""layer": \#(layer("Dense", "d", #""units": 2"#))"#)
        #expect(opaque(dense)?.className == "TimeDistributed" && dense.nodes.count == 2)
    }

    // MARK: Calls

    @Test(
        "constants and values that are passed by name are arguments of a layer that is not computed",
        arguments: [
            #""inbound_nodes": [{"args": [TENSOR, 255.0], "kwargs": {}}]"#,
            #""inbound_nodes": [{"args": [TENSOR], "kwargs": {"axis": [1, 2], "keepdims": false}}]"#,
            #""inbound_nodes": [{"args": [TENSOR, {"class_name": "__tuple__", "items": [{"class_name": "__slice__"}]}]}]"#,
            #""inbound_nodes": [["in", 0, 0, {"y": 255.0, "name": null}]]"#,
            #""inbound_nodes": [[["in", 0, 0, {"y": 2.0}]]]"#,
            #""inbound_nodes": [[["_CONSTANT_VALUE", -1, 3.0, {}], ["in", 0, 0, {}]]]"#,
        ])
    func constants(nodes: String) throws {
        let tensor = #"{"class_name": "__keras_tensor__", "config": {"keras_history": ["in", 0, 0]}}"#
        for className in ["Scale2", "ReLU"] {
            let record =
                #"{"module": "keras.src.layers", "class_name": "\#(className)", "config": {"name": "x"}, "name": "x", "#
                + nodes.replacing("TENSOR", with: tensor, maxReplacements: 1) + "}"
            let network = try recognizeKeras(
                config: functional([inputLayer(), record], output: "x"), parameters: table([])
            ).network
            #expect(network.nodes.map(\.inputs) == [[], [0]])
            #expect(opaque(network)?.className == className)
            #expect(
                opaque(network)?.setting?.name.hasPrefix("call argument")
                    == (className == "ReLU" ? true : nil))
        }
    }

    @Test("operands are found in keywords and dictionaries, whose keys are sorted")
    func operands() throws {
        func tensor(_ name: String) -> String {
            #"{"class_name": "__keras_tensor__", "config": {"keras_history": ["\#(name)", 0, 0]}}"#
        }
        let calls = [
            #"[{"args": [\#(tensor("a"))], "kwargs": {"value": \#(tensor("b")), "mask": null}}]"#,
            #"[{"args": [{"z": \#(tensor("b")), "q": \#(tensor("a"))}], "kwargs": {}}]"#,
            #"[["a", 0, 0, {"value": ["b", 0, 0]}]]"#, #"[{"z": ["b", 0, 0, {}], "q": ["a", 0, 0, {}]}]"#,
        ]
        for nodes in calls {
            let record =
                #"{"class_name": "Attention2", "config": {}, "name": "x", "inbound_nodes": \#(nodes)}"#
            let layers = [
                inputLayer(), layer("Flatten", "a", on: "in"), layer("Flatten", "b", on: "in"), record,
            ]
            let network = try recognizeKeras(
                config: functional(layers, output: "x"), parameters: table([])
            ).network
            #expect(network.nodes.last?.inputs == [1, 2], "\(nodes)")
        }
    }
}
