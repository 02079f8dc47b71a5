import OrderedJSON
import Testing

@testable import Networks

@Suite("Editing configurations")
struct KerasConfigEditorTests {
    static let norm = GroupNorm(gamma: "g", beta: "b", groups: 4, epsilon: 1e-5, channels: 16)

    @Test(
        "what Keras wrote is the same bytes when nothing changes",
        arguments: [keras2Functional, keras3Sequential, keras3Shared])
    func untouched(text: String) throws {
        #expect(try KerasConfigEditor.convertedConfig(JSON.parse(text), norms: [:]).text == text)
    }

    @Test("a norm of Keras 2 becomes the record that Keras writes for a group norm, and nothing else changes")
    func keras2() throws {
        let edited = try KerasConfigEditor.convertedConfig(
            JSON.parse(keras2Functional), norms: ["batch_normalization": Self.norm]
        ).text
        let start = #"{"class_name": "BatchNormalization", "config": {"name": "batch_normalization", "#
        let end = #""name": "batch_normalization", "inbound_nodes""#
        let before = try #require(keras2Functional.range(start))
        let after = try #require(keras2Functional.range(end))
        let record = """
            {"class_name": "GroupNormalization", "config": {"name": "batch_normalization", "trainable": true, \
            "dtype": "float32", "groups": 4, "axis": -1, "epsilon": 1e-05, "center": true, "scale": true, \
            "beta_initializer": {"class_name": "Zeros", "config": {}}, \
            "gamma_initializer": {"class_name": "Ones", "config": {}}, "beta_regularizer": null, \
            "gamma_regularizer": null, "beta_constraint": null, "gamma_constraint": null}, 
            """
        #expect(
            edited == keras2Functional[..<before.lowerBound] + record + keras2Functional[after.lowerBound...])
    }

    @Test("nested norms of Keras 3 are replaced by path, calls lose what group norms do not take")
    func keras3() throws {
        let edited = try KerasConfigEditor.convertedConfig(
            JSON.parse(keras3Shared),
            norms: ["blk/b": GroupNorm(gamma: nil, beta: "b", groups: 2, epsilon: 1e-3, channels: 4)],
            biasedConvolutions: ["blk/c"])
        let layers = try #require(edited["config"]?["layers"]?[1]?["config"]?["layers"]?.array)
        #expect(layers[1]["config"]?["use_bias"] == .bool(true))
        let norm = layers[2]
        #expect(norm["class_name"]?.string == "GroupNormalization")
        #expect(norm["module"]?.string == "keras.layers")
        #expect(norm["registered_name"]?.isNull == true)
        #expect(norm["build_config"]?["input_shape"] != nil)
        #expect(norm["config"]?["scale"] == .bool(false))
        #expect(norm["config"]?["momentum"] == nil)
        #expect(norm["inbound_nodes"]?[0]?["kwargs"]?.text == "{}")
        #expect(edited["config"]?["layers"]?[2]?.text.contains("BatchNormalization") == true, "sq/sb stays")
        let network = try recognizeKeras(
            config: edited, parameters: table(keras3SharedParameters + [("blk/c/bias", [4])])
        ).network
        #expect(
            network.nodes[2].operation
                == .groupNorm(
                    GroupNorm(gamma: nil, beta: "blk/b/beta", groups: 2, epsilon: 1e-3, channels: 4)))
    }

    @Test("calls of Keras 2 lose their training argument")
    func keywordsOfKeras2() throws {
        let text =
            #"{"class_name": "BatchNormalization", "config": {"name": "b", "axis": [3]}, "name": "b", "#
            + #""inbound_nodes": [[["in", 0, 0, {"training": false}]]]}"#
        let config = try functional([inputLayer(), text], output: "b")
        let edited = try KerasConfigEditor.convertedConfig(config, norms: ["b": Self.norm])
        #expect(edited["config"]?["layers"]?[1]?["inbound_nodes"]?.text == #"[[["in", 0, 0, {}]]]"#)
    }

    /// What Keras 3.15 writes into a `.keras` file: `keras.layers`, `keras` of Sequential, and its own module of Functional.
    @Test("layers of HDF5 files get the modules that .keras files name, and other records stay")
    func modules() throws {
        let inner = """
            {"class_name": "Sequential", "config": {"name": "s", "layers": [\(layer("Conv2D", "c"))]}, "name": "s"}
            """
        let wrapped = layer("TimeDistributed", "t", #""layer": "# + layer("Dense", "d"), on: "in")
        let own = layer("mine>Own", "o", on: "in")
        let named = #"{"module": "a.b", "class_name": "Other", "config": {"name": "n"}, "name": "n"}"#
        let config = try functional(
            [inputLayer(), inner, wrapped, own, layer("Free", "f", on: "in"), named], output: "o"
        ).namingKerasModules
        func names(_ record: JSON?) -> [String?] {
            [record?["class_name"]?.string, record?["module"]?.text, record?["registered_name"]?.text]
        }
        #expect(names(config) == ["Functional", #""keras.src.models.functional""#, #""Functional""#])
        let layers = try #require(config["config"]?["layers"]?.array)
        #expect(names(layers[0]) == ["InputLayer", #""keras.layers""#, #""InputLayer""#])
        #expect(names(layers[1]) == ["Sequential", #""keras""#, "null"])
        #expect(names(layers[1]["config"]?["layers"]?[0]) == ["Conv2D", #""keras.layers""#, "null"])
        #expect(names(layers[2])[1] == #""keras.layers""#)
        #expect(names(layers[2]["config"]?["layer"]) == ["Dense", #""keras.layers""#, "null"])
        #expect(names(layers[3]) == ["Own", "null", #""mine>Own""#])
        #expect(names(layers[4]) == ["Free", #""keras.layers""#, #""Free""#])
        #expect(layers[5] == (try JSON.parse(named)))
        #expect(config.namingKerasModules == config)
    }

    @Test("paths without such a layer are refused")
    func refused() throws {
        let config = try JSON.parse(keras2Functional)
        for name in ["missing", "conv2d"] {
            #expect(throws: NetworkError.self) {
                try KerasConfigEditor.convertedConfig(config, norms: [name: Self.norm])
            }
        }
        for name in ["missing", "add"] {
            #expect(throws: NetworkError.self) {
                try KerasConfigEditor.convertedConfig(config, norms: [:], biasedConvolutions: [name])
            }
        }
        #expect(throws: NetworkError.self) { try KerasConfigEditor.convertedConfig(.null, norms: [:]) }
    }
}

extension String {
    /// The first place of a text.
    fileprivate func range(_ text: String) -> Range<String.Index>? { firstRange(of: text) }
}
