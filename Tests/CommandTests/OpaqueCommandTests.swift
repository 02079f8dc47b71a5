import Foundation
import NormConvKit
import OrderedJSON
import Tensors
import TestSupport
import Testing

@Suite("Commands on networks with layers that normconv does not compute")
struct OpaqueCommandTests {
    private static let remedy =
        "normconv can inspect and convert this network, but not score or calibrate it\n"

    private func failing(_ arguments: [String], _ text: String) throws {
        let run = try normconv(arguments)
        #expect(run.code == 1, "\(arguments)")
        #expect(run.errors.contains(text), "\(run.errors)")
        #expect(run.errors.split(separator: "\n").count == 1 && run.output.isEmpty)
    }

    @Test("inspect names the layers and their classes")
    func inspect() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let path = folder + "/x.keras"
            try OpaqueNetwork.write(to: path)
            let run = try normconv("inspect", path)
            #expect(run.code == 0, "\(run.errors)")
            #expect(run.output.contains("  not computed  scale (Lambda)\n  not computed  slope (Slope)\n"))
            #expect(!run.output.contains("not used"))
            let layers = try normconv("inspect", path, "--json").json()["notComputed"] as? [[String: String]]
            #expect(
                layers == [
                    ["layer": "scale", "className": "Lambda"], ["layer": "slope", "className": "Slope"],
                ])
        }
    }

    @Test(
        "convert changes norms and the convolutions before them, and nothing else",
        arguments: ["keras", "h5"])
    func convert(ending: String) throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let (input, output) = ("\(folder)/in.\(ending)", "\(folder)/out.\(ending)")
            try OpaqueNetwork.write(to: input, layout: ending == "h5" ? .keras : .keras3)
            let run = try normconv("convert", input, output, "--groups", "size:4")
            #expect(run.code == 0, "\(run.errors)")
            #expect(
                run.output.contains(
                    "Moments restart after 1 layer that normconv does not compute: scale (Lambda)\n"
                ))
            let (old, new) = (try Model(path: input).checkpoint, try Model(path: output).checkpoint)
            let records = try [old, new].map { checkpoint throws in
                try JSON.parse(try #require(checkpoint.modelConfig))["config"]?["layers"]?.array ?? []
            }
            #expect(records[0].count == records[1].count)
            for (before, after) in zip(records[0], records[1])
            where before["config"]?["name"]?.string != "norm" {
                #expect(before.text == after.text)
            }
            #expect(records[1][3]["class_name"]?.string == "GroupNormalization")
            for name in old.parameters.names where name.contains("slope") || name.contains("head") {
                #expect(try old.parameters[name]?.read() == new.parameters[name]?.read(), "\(name)")
            }
        }
    }

    @Test("scores and calibration name the first layer, before they look at images")
    func scores() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let (path, other, output) = (folder + "/x.keras", folder + "/y.keras", folder + "/out.keras")
            try OpaqueNetwork.write(to: path)
            try MadeNetwork.write(to: other, outputs: 3, activation: "softmax", hasNorm: true)
            let missing = folder + "/missing.npz"
            for arguments in [
                ["eval", path, "--data", missing], ["eval", other, path, "--data", missing],
                ["sweep", path, "--data", missing], ["diff", path, other, "--data", missing],
                ["convert", path, output, "--groups", "2", "--calibrate", missing],
                ["convert", path, output, "--groups", "2", "--synthesize"],
            ] {
                try failing(
                    arguments,
                    "x.keras: layer 'scale': layers of class Lambda are not supported. " + Self.remedy)
            }
            #expect(!FileManager.default.fileExists(atPath: output))
        }
    }

    @Test("a setting that is not supported is the reason that is given")
    func setting() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let path = folder + "/x.keras"
            let scaled = OpaqueNetwork.layer("Rescaling", "scaled", #""scale": "x""#)
            let layers = [OpaqueNetwork.input, OpaqueNetwork.convolution, OpaqueNetwork.norm, scaled]
            try OpaqueNetwork.write(
                to: path, config: OpaqueNetwork.sequential(layers + OpaqueNetwork.head),
                parameters: OpaqueNetwork.parameters.filter { $0.0 != "slope/alpha" })
            try failing(
                ["eval", path, "--data", "missing.npz"],
                "layer 'scaled': scale is \"x\", expected numbers. " + Self.remedy)
            let inspect = try normconv("inspect", path)
            #expect(
                inspect.output.contains(
                    "not computed  scaled (Rescaling): scale is \"x\", expected numbers\n"))
            #expect(try normconv("convert", path, folder + "/y.keras", "--groups", "2").code == 0)
        }
    }

    @Test("batch normalization inside a layer is refused with the layer and its class")
    func normInside() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let path = folder + "/x.keras"
            for (layer, text) in [
                (
                    OpaqueNetwork.layer(
                        "Bidirectional", "each",
                        #""layer": \#(OpaqueNetwork.layer("BatchNormalization", "bn"))"#),
                    "layer 'each': batch normalization (BatchNormalization) remains inside its class Bidirectional"
                ),
                (
                    OpaqueNetwork.layer("mine>BatchNorm2", "each"),
                    "layer 'each': batch normalization remains in it, as its class is mine>BatchNorm2"
                ),
            ] {
                try OpaqueNetwork.write(
                    to: path, config: OpaqueNetwork.sequential(OpaqueNetwork.usual + [layer]))
                try failing(["convert", path, folder + "/y.keras", "--groups", "2"], text)
            }
        }
    }

    // MARK: Outputs

    /// A network with a classifier of the pixels as they are, and an output that is not computed.
    private func writeTwoOutputs(to path: String) throws {
        func call(_ layer: String) -> String { #""inbound_nodes": [[["\#(layer)", 0, 0, {}]]]}"# }
        let layers = [
            #"{"class_name": "InputLayer", "config": {"batch_input_shape": [null, 1, 3, 1]}, "name": "input", "inbound_nodes": []}"#,
            #"{"class_name": "Flatten", "config": {}, "name": "flatten", "# + call("input"),
            #"{"class_name": "Dense", "config": {"units": 3, "activation": "softmax"}, "name": "policy", "#
                + call("flatten"),
            #"{"class_name": "Lambda", "config": {}, "name": "value", "# + call("flatten"),
        ]
        let config =
            #"{"class_name": "Functional", "config": {"name": "net", "layers": [\#(layers.joined(separator: ", "))], "#
            + #""input_layers": [["input", 0, 0]], "output_layers": [["value", 0, 0], ["policy", 0, 0]]}}"#
        try OpaqueNetwork.write(
            to: path, config: config, parameters: [("policy/kernel", [3, 3]), ("policy/bias", [3])],
            layout: .keras)
    }

    @Test("eval --output scores one output of several, whatever the others are")
    func outputs() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let (path, split, logits) = (folder + "/x.h5", folder + "/split.h5", folder + "/o.npy")
            try writeTwoOutputs(to: path)
            try MadeNetwork.writeSplit(to: split, [[1, 0, 0], [0, 1, 2]], labels: [0, 1])
            try failing(
                ["eval", path, "--data", split],
                "x.h5: the network has 2 outputs, value, policy, expected one; eval and sweep choose one with --output NAME"
            )
            try failing(
                ["eval", path, "--data", split, "--output", "poli"],
                "found no output 'poli', expected one of value, policy")
            try failing(
                ["eval", path, "--data", split, "--output", "value"],
                "layer 'value': layers of class Lambda are not supported")
            let run = try normconv(
                "eval", path, "--data", split, "--output", "policy", "--outputs", logits)
            #expect(run.code == 0, "\(run.errors)")
            // Kernel and bias are 0.25 + (7·i mod 11)/8: [.25, 1.125, .625 / 1.5, 1, .5 / 1.375, .875, .375], [.25, 1.125, .625].
            let bytes = try Data(contentsOf: URL(fileURLWithPath: logits)).suffix(24)
            let found = bytes.withUnsafeBytes { raw in
                (0..<6).map { raw.loadUnaligned(fromByteOffset: $0 * 4, as: Float.self) }
            }
            let bias: [Float] = [0.25, 1.125, 0.625]
            // [1, 0, 0] and [0, 1, 2] times the kernel.
            let products: [Float] = [0.25, 1.125, 0.625, 4.25, 2.75, 1.25]
            let expected = products.indices.map { products[$0] + bias[$0 % 3] }
            for (left, right) in zip(found, expected) { #expect(abs(left - right) < 1e-6) }
        }
    }

    @Test("--output is refused for a network with one output")
    func oneOutput() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let path = folder + "/x.keras"
            try MadeNetwork.write(to: path, outputs: 3, activation: "softmax")
            try failing(
                ["eval", path, "--data", "missing.npz", "--output", "head"],
                "found --output head, but the network has one output: leave the option out")
        }
    }

    // MARK: Layouts

    @Test(
        "weights of a layer that is not computed survive other layouts",
        arguments: ["safetensors", "h5", "weights.h5"])
    func layouts(ending: String) throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let (path, other, back) = (folder + "/x.keras", "\(folder)/y.\(ending)", folder + "/z.keras")
            try OpaqueNetwork.write(to: path)
            let there = try normconv("convert", path, other, "--to", "none")
            #expect(there.code == 0, "\(there.errors)")
            if ending == "weights.h5" { return }
            let home = try normconv("convert", other, back, "--to", "none")
            #expect(home.code == 0, "\(home.errors)")
            let (old, new) = (try Model(path: path).checkpoint, try Model(path: back).checkpoint)
            #expect(old.parameters.names == new.parameters.names)
            for name in old.parameters.names {
                #expect(try old.parameters[name]?.read() == new.parameters[name]?.read(), "\(name)")
            }
        }
    }

    @Test("weights of layers inside a layer keep their layout, or go into safetensors")
    func innerWeights() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let path = folder + "/x.safetensors"
            let layers = OpaqueNetwork.usual.map { $0.replacing("Slope", with: "RNN") }
            let parameters = OpaqueNetwork.parameters.map {
                ($0.0.replacing("alpha", with: "cell/kernel"), $0.1)
            }
            try OpaqueNetwork.write(
                to: path, config: OpaqueNetwork.sequential(layers), parameters: parameters,
                layout: .safetensors)
            #expect(try normconv("convert", path, folder + "/y.safetensors", "--groups", "2").code == 0)
            try failing(
                ["convert", path, folder + "/y.keras", "--groups", "2"],
                "weights inside a layer whose class normconv does not know ('slope/cell')")
        }
    }

    @Test("a new configuration cannot be written around a layer that is not known")
    func rewriting() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            // Keras 2's form: no layer names its module, and the input's shape has another name.
            let path = folder + "/x.h5"
            let config = OpaqueNetwork.sequential(OpaqueNetwork.usual)
                .replacing(#""module": "keras.layers", "#, with: "")
                .replacing("batch_shape", with: "batch_input_shape")
            try OpaqueNetwork.write(to: path, config: config, layout: .keras)
            try failing(
                ["convert", path, folder + "/y.keras", "--groups", "2"],
                "layer 'scale': a layer of class Lambda can only stay in the configuration that it is in")
        }
    }
}
