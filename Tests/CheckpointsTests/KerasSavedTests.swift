import Archives
import Foundation
import HDF5
import OrderedJSON
import Tensors
import TestSupport
import Testing

@testable import Checkpoints

@Suite("Keras 3's files")
struct KerasSavedTests {
    @Test(
        "every layout of one network holds the same parameters",
        arguments: [
            "mnist-sequential.keras", "mnist-sequential.weights.h5", "mnist-sequential.keras2-weights.h5",
        ])
    func same(name: String) throws {
        let file = try openCheckpoint(TestFiles.fixture(name))
        let whole = try openCheckpoint(TestFiles.fixture("mnist-sequential.keras3.h5"))
        let expected = Dictionary(uniqueKeysWithValues: whole.parameters.map { (short($0.name), $0) })
        #expect(Set(file.parameters.names.map(short)) == Set(expected.keys))
        for parameter in file.parameters {
            #expect(try parameter.read() == expected[short(parameter.name)]?.read(), "\(parameter.name)")
        }
    }

    /// Layer and role: `conv2d/kernel`.
    private func short(_ name: String) -> String {
        let parts = name.replacing(":0", with: "").split(separator: "/")
        return "\(parts[0])/\(parts[parts.count - 1])"
    }

    @Test("a .keras file says who wrote it and keeps its members and configuration")
    func archive() throws {
        let path = TestFiles.fixture("mnist-sequential.keras")
        let old = try openCheckpoint(path)
        #expect(old.producer == "Keras 3.15.1")
        #expect(old.leftOut == ["optimizer state (optimizer)"])
        try TestFiles.withTemporaryFolder { folder throws in
            let new = try old.rewritten(to: folder + "/a.keras")
            #expect(new.note == "{}")
            #expect(new.modelConfig == old.modelConfig)
            #expect(new.parameters.names == old.parameters.names)
            for (one, other) in zip(old.parameters, new.parameters) {
                #expect(try one.read() == other.read())
            }
            #expect(
                try ZipArchive(path: folder + "/a.keras").members.map(\.name)
                    == ZipArchive(path: path).members.map(\.name))
            _ = try old.rewritten(to: folder + "/b.keras")
            #expect(try contents(folder + "/a.keras") == contents(folder + "/b.keras"))
        }
    }

    /// Writes a tree: group → the name stored with its variables, and their lengths.
    private func write(
        _ layers: [(group: String, name: String, lengths: [Int])], to path: String
    ) throws {
        let output = try HDF5Output(creating: path)
        for layer in layers {
            let place = layer.group.isEmpty ? "vars" : layer.group + "/vars"
            if !layer.group.isEmpty { try output.createGroup(layer.group) }
            try output.createGroup(place)
            try output.write([layer.name], toAttribute: "name", of: place, form: .variableUTF8)
            for (number, length) in layer.lengths.enumerated() {
                let bytes = (0..<length).flatMap { index in
                    withUnsafeBytes(of: Float(number * 10 + index).bitPattern.littleEndian, Array.init)
                }
                try output.write(bytes, of: .float32, shape: [length], to: "\(place)/\(number)")
            }
        }
        try output.close()
    }

    @Test("groups called as attributes take the class that the stored name of the layer tells")
    func attributes() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let path = folder + "/x.weights.h5"
            try write(
                [
                    ("", "net", []), ("stem", "conv2d_3", [8, 2]),
                    ("bn", "batch_normalization_3", [2, 2, 2, 2]),
                    ("slope", "p_re_lu", [2]),
                ], to: path)
            let file = try openCheckpoint(path)
            #expect(file.layout == .kerasWeights)
            #expect(
                Set(file.parameters.names) == [
                    "conv2d_3/kernel", "conv2d_3/bias", "batch_normalization_3/gamma",
                    "batch_normalization_3/beta", "batch_normalization_3/moving_mean",
                    "batch_normalization_3/moving_variance", "p_re_lu/alpha",
                ])
            var edits = ParameterEdits()
            edits.set("batch_normalization_3/moving_mean", .remove)
            edits.set("batch_normalization_3/moving_variance", .remove)
            _ = try file.rewritten(to: folder + "/y.weights.h5", edits: edits)
            let root = try HDF5File(reading: folder + "/y.weights.h5").root
            #expect(try root.names().sorted() == ["bn", "slope", "stem", "vars"])
            #expect(try root.group("bn/vars").names().sorted() == ["0", "1"])
            #expect(try root.dataset("bn/vars/1").readFloats() == [10, 11])
        }
    }

    @Test("variables whose number does not tell their roles are refused without a configuration")
    func unclear() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let path = folder + "/x.weights.h5"
            try write([("", "net", []), ("bn", "batch_normalization", [2, 2, 2])], to: path)
            let error = #expect(throws: CheckpointError.self) { try openCheckpoint(path) }
            #expect(
                error?.description.contains("3 variables in 'bn', and no configuration that tells") == true)
        }
    }

    @Test("without a configuration, norms that lost their statistics change class and number")
    func renamed() throws {
        let old = try openCheckpoint(TestFiles.fixture("mnist-sequential.weights.h5"))
        var edits = ParameterEdits()
        for name in ["batch_normalization_1", "batch_normalization_3"] {
            edits.set(name + "/moving_mean", .remove)
            edits.set(name + "/moving_variance", .remove)
        }
        edits.set(
            "conv2d_1/bias",
            .insert(Tensor([Float](repeating: 2, count: 16)), .after, neighbour: "conv2d_1/kernel"))
        try TestFiles.withTemporaryFolder { folder throws in
            _ = try old.rewritten(to: folder + "/a.weights.h5", edits: edits)
            let layers = try HDF5File(reading: folder + "/a.weights.h5").root.group("layers")
            let norms = try layers.names().filter { $0.contains("normalization") }
            #expect(
                norms.sorted() == [
                    "batch_normalization", "batch_normalization_1", "group_normalization",
                    "group_normalization_1",
                ])
            for (name, key) in [
                ("batch_normalization_1", "group_normalization"),
                ("batch_normalization_3", "group_normalization_1"),
                ("batch_normalization_2", "batch_normalization_1"),
            ] {
                let vars = try layers.group(key + "/vars")
                #expect(try vars.attributes.string("name") == name)
                #expect(try vars.names().count == (key.hasPrefix("group") ? 2 : 4))
                #expect(try vars.dataset("0").readFloats() == old.parameters[name + "/gamma"]?.read().values)
                #expect(try vars.dataset("1").readFloats() == old.parameters[name + "/beta"]?.read().values)
            }
            #expect(try layers.dataset("conv2d_1/vars/1").readFloats() == [Float](repeating: 2, count: 16))
        }
    }

    @Test("without names in the file, the groups' own names are the layers', or the configuration's")
    func withoutNames() throws {
        try withTree([
            "layers/conv2d/vars/0": [1, 1, 2, 3], "layers/conv2d_10/vars/0": [1, 1, 3, 1],
            "layers/conv2d_9/vars/0": [1, 1, 3, 3],
        ]) { path throws in
            #expect(
                try openCheckpoint(path).parameters.names == [
                    "conv2d/kernel", "conv2d_9/kernel", "conv2d_10/kernel",
                ])
            let config = """
                {"class_name": "Functional", "config": {"layers": [
                  {"class_name": "Conv2D", "config": {"name": "stem"}},
                  {"class_name": "ReLU", "config": {"name": "act"}}]}}
                """
            #expect(
                try openCheckpoint(path, modelConfig: { _ in config }).parameters.names.first == "stem/kernel"
            )
        }
    }

    @Test("a norm of three variables is one thing or another without a configuration, and refused")
    func ambiguousNorm() throws {
        let shapes = Dictionary(
            uniqueKeysWithValues: (0..<3).map { ("layers/batch_normalization/vars/\($0)", [4]) })
        try withTree(shapes) { path throws in
            let error = #expect(throws: CheckpointError.self) { try openCheckpoint(path) }
            #expect(error?.description.contains("model.save('model.keras')") == true)
            for (scale, role) in [("false", "beta"), ("true", "gamma")] {
                let config = """
                    {"class_name": "Sequential", "config": {"layers": [
                      {"class_name": "BatchNormalization", "config": {"name": "bn", "scale": \(scale)}}]}}
                    """
                #expect(
                    try openCheckpoint(path, modelConfig: { _ in config }).parameters.names == [
                        "bn/\(role)", "bn/moving_mean", "bn/moving_variance",
                    ])
            }
        }
    }

    @Test("batch norms beside group norms cannot be numbered without a configuration")
    func mixedNorms() throws {
        var shapes = ["layers/group_normalization/vars/0": [4], "layers/group_normalization/vars/1": [4]]
        for number in 0..<4 { shapes["layers/batch_normalization/vars/\(number)"] = [4] }
        try withTree(shapes) { path throws in
            var edits = ParameterEdits()
            edits.set("batch_normalization/moving_mean", .remove)
            let file = try openCheckpoint(path)
            #expect(throws: CheckpointError.self) { try file.rewritten(to: path + ".new", edits: edits) }
        }
    }

    @Test("a group norm without variables keeps its place among those that were batch norms")
    func normWithoutVariables() throws {
        let config = { (first: String) in
            """
            {"class_name": "Sequential", "config": {"layers": [
              {"class_name": "\(first)", "config": {"name": "a"}},
              {"class_name": "GroupNormalization", "config": {"name": "b", "scale": false, "center": false}},
              {"class_name": "BatchNormalization", "config": {"name": "c"}}]}}
            """
        }
        let old = "layers/batch_normalization"
        let shapes = (0..<4).flatMap { [("\(old)/vars/\($0)", [4]), ("\(old)_1/vars/\($0)", [4])] }
        try withTree(
            Dictionary(uniqueKeysWithValues: shapes), groups: ["layers/group_normalization/vars"]
        ) { path throws in
            let file = try openCheckpoint(path) { _ in config("BatchNormalization") }
            var edits = ParameterEdits()
            for name in ["a/moving_mean", "a/moving_variance"] { edits.set(name, .remove) }
            let target = path + ".new"
            try file.write(
                to: target, edits: edits, modelConfig: config("GroupNormalization"), note: "{}",
                overwrite: false)
            let layers = try HDF5File(reading: target).root.group("layers")
            #expect(
                try layers.names().sorted() == [
                    "batch_normalization", "group_normalization", "group_normalization_1",
                ])
            #expect(try layers.group("group_normalization/vars").names() == ["0", "1"])
            #expect(try layers.group("group_normalization_1/vars").names().isEmpty)
            #expect(try layers.group("batch_normalization/vars").names().count == 4)
            // Without a configuration nothing tells their order.
            let bare = try openCheckpoint(path)
            var other = ParameterEdits()
            other.set("batch_normalization/moving_mean", .remove)
            #expect(throws: CheckpointError.self) { try bare.rewritten(to: target + "2", edits: other) }
        }
    }

    @Test("an archive without weights, and one with a damaged configuration")
    func damagedArchives() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let path = folder + "/a.keras"
            var output = try ZipOutput(path: path, named: path)
            try output.add("config.json", Array("{}".utf8))
            try output.close()
            #expect(throws: ArchiveError.missingMember(file: path, member: "model.weights.h5")) {
                try openCheckpoint(path)
            }
            let weights = try contents(TestFiles.fixture("mnist-sequential.weights.h5"))
            output = try ZipOutput(path: path, named: path)
            try output.add("config.json", Array("{".utf8))
            try output.add("model.weights.h5", [UInt8](weights))
            try output.close()
            let error = #expect(throws: CheckpointError.self) { try openCheckpoint(path) }
            #expect(error?.description.contains("config.json") == true)
            output = try ZipOutput(path: path, named: path)
            try output.add("config.json", Array("{}".utf8))
            try output.add("model.weights.h5", Array("<html>".utf8))
            try output.close()
            #expect(throws: HDF5Error.notHDF5(path: path, looksLike: .html)) { try openCheckpoint(path) }
        }
    }

    /// What `keras.src.utils.naming.to_snake_case` gives.
    @Test(
        "groups are named as Keras names them",
        arguments: [
            ("Conv2D", "conv2d"), ("DepthwiseConv2D", "depthwise_conv2d"), ("ReLU", "re_lu"),
            ("BatchNormalization", "batch_normalization"), ("InputLayer", "input_layer"),
            ("GlobalAveragePooling2D", "global_average_pooling2d"), ("LeakyReLU", "leaky_re_lu"),
            ("ZeroPadding2D", "zero_padding2d"), ("StandardizedConv2D", "standardized_conv2d"),
            ("Add", "add"), ("MaxPooling2D", "max_pooling2d"), ("SpatialDropout2D", "spatial_dropout2d"),
        ])
    func snakeCase(name: String, expected: String) {
        #expect(KerasLayerKeys.snakeCase(name) == expected)
    }

    /// Has `body` look at a file of zeros under these names.
    private func withTree(
        _ shapes: [String: [Int]], groups: [String] = [], _ body: (String) throws -> Void
    ) throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let path = folder + "/a.weights.h5"
            let output = try HDF5Output(creating: path)
            for (name, shape) in shapes.sorted(by: { $0.key < $1.key }) {
                let bytes = [UInt8](repeating: 0, count: shape.reduce(4, *))
                try output.write(bytes, of: .float32, shape: shape, to: name)
            }
            for group in groups {
                try output.createGroup(group.split(separator: "/").dropLast().joined(separator: "/"))
                try output.createGroup(group)
            }
            try output.close()
            try body(path)
        }
    }
}
