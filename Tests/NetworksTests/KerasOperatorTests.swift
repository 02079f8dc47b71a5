import OrderedJSON
import Testing

@testable import Networks

/// Records as Keras 3.15 and tf_keras 2.21 write them, shortened.
@Suite("Operators and functions on tensors in Keras models")
struct KerasOperatorTests {
    private static let tensor =
        #"{"class_name": "__keras_tensor__", "config": {"keras_history": ["in", 0, 0]}}"#

    /// The operations of a call of a `keras.ops` class on an 8×8×4 input; `$` in the arguments is the input.
    private func keras3(
        _ className: String, _ arguments: String, _ settings: String = "", module: String = "numpy"
    ) throws -> [Networks.Operation] {
        let name = #""name": "x""#
        let config = settings.isEmpty ? name : "\(name), \(settings)"
        let record = """
            {"module": "keras.src.ops.\(module)", "class_name": "\(className)", "registered_name": "\(className)", \
            "config": {\(config)}, "name": "x", \
            "inbound_nodes": [{"args": [\(arguments.replacing("$", with: Self.tensor))], "kwargs": {}}]}
            """
        let config3 = try functional([inputLayer(), record], output: "x")
        return try recognizeKeras(config: config3, parameters: table([])).network.operations
    }

    /// The operations of a call of a TensorFlow function.
    private func keras2(
        _ function: String, _ node: String, className: String = "TFOpLambda"
    ) throws -> [Networks.Operation] {
        let record = """
            {"class_name": "\(className)", "config": {"name": "x", "function": "\(function)"}, "name": "x", \
            "inbound_nodes": [\(node)]}
            """
        let config = try functional([inputLayer(), record], output: "x")
        return try recognizeKeras(config: config, parameters: table([])).network.operations
    }

    @Test(
        "arithmetic with a number, or one for each channel",
        arguments: [
            ("TrueDivide", "$, 4.0", [0.25], [0]), ("Multiply", "$, 2", [2], [0]),
            ("Multiply", "2, $", [2], [0]), ("Subtract", "$, 1", [1], [-1]), ("Subtract", "1, $", [-1], [1]),
            ("Add", "0.5, $", [1], [0.5]), ("Negative", "$", [-1], [0]),
            (
                "Add",
                #"$, {"class_name": "__tensor__", "config": {"value": [[[[1, 2, 3, 4]]]], "dtype": "float32"}}"#,
                [1], [1, 2, 3, 4]
            ),
            (
                "TrueDivide", #"$, {"class_name": "__numpy__", "config": {"value": [1, 2, 4, 8]}}"#,
                [1, 0.5, 0.25, 0.125], [0]
            ),
        ] as [(String, String, [Float], [Float])])
    func arithmetic(className: String, arguments: String, scale: [Float], offset: [Float]) throws {
        #expect(try keras3(className, arguments) == [.scaleShift(scale: scale, offset: offset)])
    }

    @Test("TensorFlow's arithmetic, the constant on either side")
    func tensorFlow() throws {
        let half = [Networks.Operation.scaleShift(scale: [0.5], offset: [0])]
        #expect(try keras2("math.truediv", #"["in", 0, 0, {"y": 2.0, "name": null}]"#) == half)
        #expect(try keras2("math.multiply", #"["_CONSTANT_VALUE", -1, 0.5, {"y": ["in", 0, 0]}]"#) == half)
        #expect(
            try keras2("nn.bias_add", #"["in", 0, 0, {"bias": [1, 2, 3, 4], "data_format": "NHWC"}]"#)
                == [.scaleShift(scale: [1], offset: [1, 2, 3, 4])])
        let sum = try keras2("__operators__.add", #"["in", 0, 0, {"y": ["in", 0, 0], "name": null}]"#)
        #expect(sum == [.add])
    }

    @Test("functions, means over rows and columns, choices of channels and margins")
    func functions() throws {
        #expect(try keras3("Relu", "$", module: "nn") == [.activation(.relu)])
        #expect(
            try keras3("Gelu", "$", #""approximate": true"#, module: "nn") == [.activation(.approximateGELU)])
        #expect(try keras2("nn.gelu", #"["in", 0, 0, {}]"#) == [.activation(.gelu)])
        #expect(
            try keras2("nn.leaky_relu", #"["in", 0, 0, {"alpha": 0.5}]"#) == [
                .activation(.leakyReLU(slope: 0.5))
            ])
        let mean = try keras3("Mean", "$", #""axis": [-3, 2], "keepdims": true"#)
        #expect(mean == [.globalPool(.average, keepsDimensions: true)])
        #expect(
            try keras2("math.reduce_mean", #"["in", 0, 0, {"axis": [1, 2]}]"#)
                == [.globalPool(.average, keepsDimensions: false)])
        let ellipsis = #"{"class_name": "__ellipsis__", "config": {}}"#
        func slice(_ start: String, _ stop: String, _ step: String = "null") -> String {
            #"{"class_name": "__slice__", "config": {"start": \#(start), "stop": \#(stop), "step": \#(step)}}"#
        }
        #expect(
            try keras3("GetItem", "$, [\(ellipsis), \(slice("null", "null", "-1"))]")
                == [.selectChannels([3, 2, 1, 0], keepsDimension: true)])
        #expect(
            try keras3("GetItem", "$, [\(ellipsis), -1]") == [.selectChannels([3], keepsDimension: false)])
        let all = slice("null", "null")
        #expect(
            try keras3(
                "GetItem", "$, [\(all), \(slice("1", "-2")), \(slice("3", "null")), \(slice("0", "2"))]")
                == [
                    .crop(.margins(Margins(top: 1, bottom: 2, left: 3, right: 0))),
                    .selectChannels([0, 1], keepsDimension: true),
                ])
        let reversed = #"{"class_name": "__ellipsis__"}, {"start": null, "stop": null, "step": -1}"#
        #expect(
            try keras2(
                "__operators__.getitem", #"["in", 0, 0, {"slice_spec": [\#(reversed)]}]"#,
                className: "SlicingOpLambda") == [.selectChannels([3, 2, 1, 0], keepsDimension: true)])
    }

    @Test(
        "arithmetic of tensors of different ranks is not computed, for the batch would become columns",
        arguments: ["Add", "Multiply", "Subtract", "Maximum", "Minimum"])
    func ranks(className: String) throws {
        func tensor(_ name: String) -> String { Self.tensor.replacing(#""in""#, with: #""\#(name)""#) }
        let record = """
            {"module": "keras.src.ops.numpy", "class_name": "\(className)", "registered_name": "\(className)", \
            "config": {"name": "x"}, "name": "x", \
            "inbound_nodes": [{"args": [\(tensor("in")), \(tensor("p"))], "kwargs": {}}]}
            """
        let pool = #"""
            {"module": "keras.layers", "class_name": "GlobalAveragePooling2D", "config": {"name": "p"}, "name": "p", \#
            "inbound_nodes": [{"args": [\#(tensor("in"))], "kwargs": {}}]}
            """#
        let config = try functional([inputLayer(), pool, record], output: "x")
        let network = try recognizeKeras(config: config, parameters: table([])).network
        guard case .opaque? = network.operations.last else {
            Issue.record("\(network.operations)")
            return
        }
    }

    @Test(
        "what has no exact meaning here stays a layer that is not computed",
        arguments: [
            ("TrueDivide", "2, $", ""), ("TrueDivide", "$, 0", ""), ("Power", "$, 2", ""),
            ("Add", "$, [1, 2, 3]", ""), ("Add", "$, [[1], [2]]", ""), ("Add", "$, [[1, 2], [3]]", ""),
            ("Add", "$, [[[[[1]]]]]", ""), ("Add", #"$, "1""#, ""), ("Add", "$, 1e300", ""),
            ("Mean", "$", #""axis": [1]"#), ("Mean", "$", #""axis": null"#),
            ("Mean", "$", #""axis": [1, 3]"#),
            ("Clip", "$", #""x_min": -1, "x_max": 1"#), ("Cast", "$", #""dtype": "int32""#),
            ("GetItem", "$, [0]", ""), ("GetItem", "$, 0", ""), ("GetItem", "$, [null]", ""),
            (
                "GetItem",
                #"$, [{"class_name": "__ellipsis__", "config": {}}, {"class_name": "__ellipsis__", "config": {}}]"#,
                ""
            ),
            ("GetItem", #"$, [{"class_name": "__ellipsis__", "config": {}}, 4]"#, ""),
            ("GetItem", #"$, [{"class_name": "__ellipsis__", "config": {}}, -9223372036854775808]"#, ""),
            ("Where", "$, $, 1", ""), ("Transpose", "$", #""axes": [1, 0, 2, 3]"#),
        ])
    func opaque(className: String, arguments: String, settings: String) throws {
        let operations = try keras3(className, arguments, settings)
        guard operations.count == 1, case .opaque(let layer)? = operations.first else {
            Issue.record("\(operations)")
            return
        }
        #expect(layer.className == "keras.ops.\(className)")
    }
}
