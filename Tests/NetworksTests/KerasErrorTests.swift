import OrderedJSON
import Testing

@testable import Networks

@Suite("Keras models that are refused")
struct KerasErrorTests {
    @Test("a whole model of an unknown class has no graph")
    func unsupportedModel() throws {
        #expect(throws: NetworkError.noLayers(className: "MyModel")) {
            try recognizeKeras(
                config: JSON.parse(#"{"class_name": "MyModel", "config": {"name": "n"}}"#),
                parameters: table([]))
        }
    }

    static let convolution = #""filters": 4, "kernel_size": 3, "use_bias": false"#

    @Test(
        "settings without a meaning here are named with what was found",
        arguments: [
            ("Convolution2D", #""nb_filter": 4, "nb_row": 3, "dim_ordering": "th""#, "dim_ordering"),
            ("MaxPooling2D", #""pool_size": 2, "border_mode": "same""#, "border_mode"),
            ("Conv2D", convolution + #", "padding": "causal""#, "padding"),
            ("Conv2D", convolution + #", "strides": [1, 0]"#, "strides"),
            ("Conv2D", convolution + #", "strides": [9223372036854775807, 1]"#, "strides"),
            ("Conv2D", convolution + #", "groups": 3"#, "groups"),
            ("Conv2DTranspose", convolution + #", "dilation_rate": [2, 0]"#, "dilation_rate"),
            ("Conv2DTranspose", convolution + #", "output_padding": -1"#, "output_padding"),
            ("Conv2D", #""kernel_size": 3"#, "filters"),
            ("Conv2D", #""filters": 4, "kernel_size": [3, 3, 3]"#, "kernel_size"),
            ("Conv2D", #""filters": 4, "kernel_size": 3, "use_bias": 1"#, "use_bias"),
            ("BatchNormalization", #""axis": [4]"#, "axis"),
            ("BatchNormalization", #""axis": [1, 2]"#, "axis"),
            ("BatchNormalization", #""axis": [4], "virtual_batch_size": 4"#, "virtual_batch_size"),
            ("BatchNormalization", #""renorm": true"#, "renorm"),
            ("BatchNormalization", #""epsilon": "small""#, "epsilon"),
            ("BatchNormalization", #""epsilon": 1e300"#, "epsilon"),
            ("Dense", #""units": 4, "dtype": "int8_from_float32""#, "dtype"),
            (
                "Conv2D",
                convolution
                    + #", "dtype": {"class_name": "QuantizedDTypePolicy", "config": {"mode": "int8"}}"#,
                "dtype"
            ),
        ])
    func unsupportedSetting(className: String, settings: String, setting: String) throws {
        let parameters: [(String, [Int])] = [
            ("x/x/kernel", [3, 3, 4, 4]), ("x/x/gamma", [4]), ("x/x/beta", [4]), ("x/x/moving_mean", [4]),
            ("x/x/moving_variance", [4]),
        ]
        let error = #expect(throws: NetworkError.self) {
            try recognize(className, settings, parameters: parameters)
        }
        guard case .unsupportedSetting(layer: "x", setting, _, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test("rows of vectors are flattened in their own order only")
    func flattenRows() throws {
        let flatten = { (format: String) in
            try recognizeKeras(
                config: functional(
                    [
                        inputLayer(), layer("Reshape", "r", #""target_shape": [-1, 8]"#, on: "in"),
                        layer("Flatten", "x", #""data_format": "\#(format)""#, on: "r"),
                    ], output: "x"), parameters: table([])
            ).network
        }
        #expect(try flatten("channels_last").operations.last == .flatten)
        let obstacle = try #require(flatten("channels_first").nodes.last?.obstacle)
        #expect(obstacle.description.contains("data_format"))
    }

    @Test("a network that scales its input itself takes pixels as they are, whatever its layers are called")
    func ownScaling() throws {
        for (first, family) in [("Rescaling", Network.Family.keras), ("Activation", .kerasResNetV2)] {
            let settings = first == "Rescaling" ? #""scale": 0.5"# : #""activation": "relu""#
            let convolution = #""filters": 4, "kernel_size": 3, "use_bias": false"#
            let network = try recognizeKeras(
                config: functional(
                    [
                        inputLayer(), layer(first, "first", settings, on: "in"),
                        layer("Conv2D", "conv1_conv", convolution, on: "first"),
                        layer("Conv2D", "conv2_block1_1_conv", convolution, on: "conv1_conv"),
                        layer("ReLU", "post_bn", on: "conv2_block1_1_conv"),
                    ], output: "post_bn"),
                parameters: table(
                    ["conv1_conv", "conv2_block1_1_conv"].map { ("\($0)/\($0)/kernel", [3, 3, 4, 4]) })
            ).network
            #expect(network.family == family)
        }
    }

    @Test("slopes that do not fit the input are refused", arguments: [[3], [1, 1, 3], [4], []])
    func slopes(shape: [Int]) {
        #expect(throws: NetworkError.self) { try recognize("PReLU", parameters: [("x/x/alpha", shape)]) }
    }

    @Test("missing, ambiguous and misshapen parameters are named")
    func parameters() {
        func dense(_ parameters: [(String, [Int])]) throws -> Network {
            try recognize("Dense", #""units": 3, "use_bias": false"#, parameters: parameters)
        }
        #expect(throws: NetworkError.missingParameter(name: "x/…/kernel", neededBy: "x")) { try dense([]) }
        #expect(
            throws: NetworkError.ambiguousParameter(
                name: "kernel", neededBy: "x", candidates: ["x/a/kernel", "x/b/kernel:0"])
        ) { try dense([("x/a/kernel", [4, 3]), ("x/b/kernel:0", [4, 3])]) }
        #expect(throws: NetworkError.wrongShape(parameter: "x/x/kernel", found: "3×4", expected: "4×3")) {
            try dense([("x/x/kernel", [3, 4])])
        }
    }

    @Test("operands that do not fit are refused while reading, where the image's size is known")
    func shapes() {
        #expect(throws: NetworkError.self) { try recognize("Add") }
        #expect(throws: NetworkError.self) { try recognize("MaxPooling2D", #""pool_size": 9"#) }
        #expect(throws: NetworkError.self) { try recognize("Cropping2D", #""cropping": [[4, 4], [0, 0]]"#) }
        #expect(throws: NetworkError.self) { try recognize("CenterCrop", #""height": 65537, "width": 4"#) }
        #expect(throws: NetworkError.self) { try recognize("UpSampling2D", #""size": [16777216, 16777216]"#) }
        #expect(throws: NetworkError.self) {
            try recognize("Resizing", #""height": 65536, "width": 1, "pad_to_aspect_ratio": true"#)
        }
        #expect(throws: NetworkError.self) { try recognize("Reshape", #""target_shape": [5]"#) }
        #expect(throws: NetworkError.self) { try recognize("Flatten", extents: "null, 8, 8, 99999999999") }
    }

    @Test("a training call of Keras 2 is refused, for its norms use the batch")
    func training() throws {
        let text =
            #"{"class_name": "Dropout", "config": {}, "name": "x", "#
            + #""inbound_nodes": [[["in", 0, 0, {"training": true}]]]}"#
        let config = try functional([inputLayer(), text], output: "x")
        #expect(
            throws: NetworkError.unsupportedSetting(
                layer: "x", setting: "call argument training", found: "true", expected: "none")
        ) { try recognizeKeras(config: config, parameters: table([])) }
    }

    @Test("graphs with cycles, dangling references or dead ends are refused")
    func graphs() throws {
        let relu = #""activation": "relu""#
        for (layers, output) in [
            ([layer("Add", "a", on: "in", "b"), layer("Activation", "b", relu, on: "a")], "b"),
            ([layer("Add", "a", on: "a", "in")], "a"),
            ([layer("Activation", "a", relu, on: "nowhere")], "a"),
            ([layer("Activation", "a", relu, on: "in"), layer("Activation", "b", relu, on: "in")], "b"),
            ([layer("Activation", "a", relu, on: "in")], "nowhere"),
            ([layer("Activation", "a", relu)], "a"),
            ([layer("Activation", "a", relu, on: "in"), layer("Activation", "a", relu, on: "in")], "a"),
        ] {
            let config = try functional([inputLayer()] + layers, output: output)
            let error = #expect(throws: NetworkError.self) {
                try recognizeKeras(config: config, parameters: table([]))
            }
            guard case .malformedConfiguration = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
        }
    }

    @Test("inputs and outputs that the layers do not have are refused")
    func ends() throws {
        let flatten = layer("Flatten", "x", on: "in")
        let second = layer("InputLayer", "in2", #""batch_input_shape": [null, 8, 8, 4]"#)
        for (layers, inputs, outputs) in [
            ([inputLayer(), flatten], #"[["in", 0, 0], ["in", 0, 0]]"#, #"[["x", 0, 0]]"#),
            ([inputLayer(), flatten], #"{"a": ["x", 0, 0]}"#, #"[["x", 0, 0]]"#),
            ([inputLayer(), flatten], #"[["in", 0, 0]]"#, #"{"a": "x"}"#),
            ([inputLayer(), flatten], #"[["in", 0, 0]]"#, #"[["x", 0, 1]]"#),
            ([inputLayer(), second, flatten], #"[["in", 0, 0]]"#, #"[["x", 0, 0]]"#),
        ] {
            let config = try JSON.parse(
                """
                {"class_name": "Functional", "config": {"name": "net", \
                "layers": [\(layers.joined(separator: ", "))], "input_layers": \(inputs), \
                "output_layers": \(outputs)}}
                """)
            let error = #expect(throws: NetworkError.self) {
                try recognizeKeras(config: config, parameters: table([]))
            }
            guard case .malformedConfiguration = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
        }
    }

    @Test(
        "configurations of another form are refused, never trapped on",
        arguments: [
            "null", "[]", "{}", #"{"class_name": "Functional"}"#,
            #"{"class_name": "Functional", "config": {"layers": []}}"#,
            #"{"class_name": "Functional", "config": {"layers": [null]}}"#,
            #"{"class_name": "Functional", "config": {"layers": [{"name": "a"}]}}"#,
            #"{"class_name": "Sequential", "config": {"layers": []}}"#,
            #"{"class_name": "Sequential", "config": {"layers": [{"class_name": "Flatten", "config": {}}]}}"#,
            #"{"class_name": "Functional", "config": {"layers": [{"class_name": "InputLayer", "config": {}, "name": "a"}]}}"#,
        ])
    func malformed(text: String) throws {
        #expect(throws: NetworkError.self) {
            try recognizeKeras(config: JSON.parse(text), parameters: table([]))
        }
    }

    @Test(
        "models that call models ever more often are cut off, with operations and without",
        arguments: ["Flatten", "Dropout"])
    func explosion(className: String) throws {
        // Each level calls the one below twice: 2³⁰ layers.
        var inner = layer(className, "f", on: "in")
        for level in 0..<30 {
            let output = level == 0 ? "f" : "m\(level - 1)"
            inner = """
                {"class_name": "Functional", "config": {"name": "m\(level)", "layers": [\(inputLayer()), \(inner)], \
                "input_layers": [["in", 0, 0]], "output_layers": [["\(output)", \(level == 0 ? 0 : 2), 0]]}, \
                "name": "m\(level)", "inbound_nodes": [[["in", 0, 0, {}]], [["m\(level)", 1, 0, {}]]]}
                """
        }
        let config = try JSON.parse(
            """
            {"class_name": "Functional", "config": {"name": "net", "layers": [\(inputLayer()), \(inner)], \
            "input_layers": [["in", 0, 0]], "output_layers": [["m29", 2, 0]]}}
            """)
        let reason =
            "its models have more than 500000 layers and operands, those of a model counted each time that it is called"
        #expect(throws: NetworkError.unrecognized(reason: reason)) {
            try recognizeKeras(config: config, parameters: table([]))
        }
    }
}
