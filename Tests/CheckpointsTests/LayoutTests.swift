import HDF5
import Tensors
import TestSupport
import Testing

@testable import Checkpoints

/// Layouts are told by content, and what is wrong with one is said.
struct LayoutTests {
    @Test(
        "Keras 1's names are told from later ones'",
        arguments: [
            "conv1_W", "conv1_W:0", "conv1_W_12", "conv1_W_1:0", "bn_running_mean", "bn_running_std_1:0",
        ])
    func keras1(name: String) {
        #expect(KerasLegacyFile.isKeras1(name))
        for other in [
            name + "_", name + "x", name + "_1a", name + ":1", name + "_1_2", name.lowercased() + "s",
        ] {
            #expect(!KerasLegacyFile.isKeras1(other), "\(other)")
        }
    }

    @Test(
        "Later names are not Keras 1's",
        arguments: [
            "kernelW", "running_mean", "conv1_w", "bn/moving_mean:0", "conv_W2", "W", "", "conv1_kernel_1:0",
        ])
    func notKeras1(name: String) { #expect(!KerasLegacyFile.isKeras1(name)) }

    @Test("lists of names in parts are read in order and kept so")
    func namesInParts() throws {
        try withFile { output, model in
            let weights = try model.group("model_weights")
            let names = try weights.attributes.strings("layer_names")
            try copy(weights, to: output, except: ["layer_names"])
            for (part, range) in [0..<3, 3..<names.count].enumerated() {
                try output.write(
                    Array(names[range]), toAttribute: "layer_names\(part)", of: "model_weights",
                    form: .fixedASCII)
            }
        } then: { path, model throws in
            let checkpoint = try openCheckpoint(path)
            #expect(checkpoint.parameters.names == model.parameters.names)
            try TestFiles.withTemporaryFolder { folder throws in
                let new = try checkpoint.rewritten(to: folder + "/a.h5")
                #expect(new.parameters.names == model.parameters.names)
                let attributes = try HDF5File(reading: folder + "/a.h5").root.group("model_weights")
                    .attributes
                #expect(
                    try attributes.names().filter { $0.hasPrefix("layer_") } == [
                        "layer_names0", "layer_names1",
                    ])
            }
        }
    }

    @Test("a list that outgrows an object header is written in parts that read back whole")
    func longList() throws {
        let names = (0..<5_000).map { "block_\($0)/a_rather_long_name_of_a_layer/kernel:0" }
        try withFile { output, model in
            let weights = try model.group("model_weights")
            try output.createGroup("list", like: weights)
            try NameListAttribute.write(names, "layer_names", of: "list", like: weights, to: output)
        } then: { path, _ throws in
            let group = try HDF5File(reading: path).root.group("list")
            #expect(try NameListAttribute.read("layer_names", of: group) == names)
            let parts = try NameListAttribute.attributeNames("layer_names", of: group)
            #expect(parts.count > 1)
            #expect(try group.attributes.names() == parts)
        }
    }

    @Test("a weight that is named but not there is told by its place")
    func missingDataset() throws {
        try withFile { output, model in
            let weights = try model.group("model_weights")
            try copy(weights, to: output)
            let layer = try weights.group("stem_conv")
            try output.createGroup("model_weights/extra", like: layer)
            try output.write(
                ["kernel:0"], toAttribute: "weight_names", of: "model_weights/extra", form: .fixedASCII)
            try output.write(["extra"], toAttribute: "layer_names", of: "model_weights", form: .fixedASCII)
        } then: { path, _ throws in
            let place = HDF5Location(file: path, object: "/model_weights/extra/kernel:0")
            #expect(throws: HDF5Error.missing(place, expected: "a dataset")) { try openCheckpoint(path) }
        }
    }

    @Test("a layer whose name has a slash is edited like any other")
    func slashInName() throws {
        try withFile { output, model in
            let layer = try model.group("model_weights/stem_conv")
            try output.createGroup("model_weights", like: model)
            try output.createGroup("model_weights/stage", like: model)
            try output.createGroup("model_weights/stage/bn", like: layer)
            let (weights, layers) = ("model_weights/stage/bn", ["stage/bn"])
            let bias = try model.file.root.datasets().first { $0.dataset.shape == [16] }
            let dataset = try #require(bias?.dataset)
            try output.copy(dataset, to: weights + "/gamma:0")
            try output.copy(dataset, to: weights + "/moving_mean:0")
            try output.write(
                ["gamma:0", "moving_mean:0"], toAttribute: "weight_names", of: weights, form: .fixedASCII)
            try output.write(layers, toAttribute: "layer_names", of: "model_weights", form: .fixedASCII)
        } then: { path, _ throws in
            var edits = ParameterEdits()
            edits.set("stage/bn/moving_mean:0", .remove)
            let checkpoint = try openCheckpoint(path)
            #expect(checkpoint.parameters.names == ["stage/bn/gamma:0", "stage/bn/moving_mean:0"])
            try TestFiles.withTemporaryFolder { folder in
                let target = folder + "/out.h5"
                try checkpoint.write(
                    to: target, edits: edits, modelConfig: nil, note: "{}", overwrite: false)
                #expect(try openCheckpoint(target).parameters.names == ["stage/bn/gamma:0"])
            }
        }
    }

    @Test("a layer that is named but not there, and one without names, are told by their places")
    func missingNames() throws {
        try withFile { output, model in
            try copy(model.group("model_weights"), to: output)
            try output.write(["gone"], toAttribute: "layer_names", of: "model_weights", form: .fixedASCII)
        } then: { path, _ throws in
            let place = HDF5Location(file: path, object: "/model_weights/gone")
            #expect(throws: HDF5Error.missing(place, expected: "a group")) { try openCheckpoint(path) }
        }
        try withFile { output, model in
            try output.createGroup("model_weights", like: model)
        } then: { path, _ throws in
            let place = HDF5Location(file: path, object: "/model_weights")
            #expect(throws: HDF5Error.attributeMissing(place, name: "layer_names")) {
                try openCheckpoint(path)
            }
        }
    }

    @Test("a weight that is named twice is refused")
    func duplicate() throws {
        try withFile { output, model in
            try copy(model.group("model_weights"), to: output)
            try output.write(
                ["stem_conv", "stem_conv"], toAttribute: "layer_names", of: "model_weights", form: .fixedASCII
            )
        } then: { path, _ throws in
            let name = "stem_conv/stem_conv/kernel:0"
            #expect(throws: CheckpointError.duplicateParameter(path: path, name: name)) {
                try openCheckpoint(path)
            }
        }
    }

    @Test("one PyTorch name, dotted and nested, is refused")
    func torchDuplicate() throws {
        try withFile { output, model in
            let kernel = try model.group("model_weights/stem_conv/stem_conv").dataset("kernel:0")
            for path in ["conv1.weight", "conv1/weight"] { try output.copy(kernel, to: path) }
        } then: { path, _ throws in
            #expect(throws: CheckpointError.duplicateParameter(path: path, name: "conv1.weight")) {
                try openCheckpoint(path)
            }
        }
    }

    @Test("a state dictionary in a group of its own stays there", arguments: ["state_dict", "model"])
    func wrapped(wrapper: String) throws {
        try withFile { output, model in
            let kernel = try model.group("model_weights/stem_conv/stem_conv").dataset("kernel:0")
            try output.copy(kernel, to: wrapper + "/conv1.weight")
        } then: { path, _ throws in
            let checkpoint = try openCheckpoint(path)
            #expect(checkpoint.layout == .torchFlat)
            #expect(checkpoint.parameters.names == ["conv1.weight"])
            try TestFiles.withTemporaryFolder { folder throws in
                var edits = ParameterEdits()
                edits.set("conv1.bias", .insert(Tensor([1]), .after, neighbour: "conv1.weight"))
                let new = try checkpoint.rewritten(to: folder + "/a.h5", edits: edits)
                #expect(new.parameters.names == ["conv1.bias", "conv1.weight"])
                #expect(try HDF5File(reading: folder + "/a.h5").root.names() == [wrapper])
            }
        }
    }

    @Test("weights without an architecture are told apart from full models")
    func weightsAlone() throws {
        let layouts = try ["keras2-weights.h5", "weights.h5", "keras3.h5", "keras"].map {
            try openCheckpoint(TestFiles.fixture("mnist-sequential.\($0)")).layout
        }
        #expect(layouts == [.kerasLegacyWeights, .kerasWeights, .kerasLegacy, .kerasArchive])
    }

    @Test("a file of other things says what it holds")
    func unknown() {
        let path = TestFiles.fixture("mnist-test.h5")
        let error = #expect(throws: CheckpointError.self) { try openCheckpoint(path) }
        guard case .unknownLayout(path, let holds)? = error else {
            Issue.record("\(String(describing: error)) is not unknownLayout")
            return
        }
        #expect(!holds.isEmpty)
    }

    @Test("a zip archive of other things says what it holds")
    func zip() {
        let path = TestFiles.fixture("mnist-test-100.npz")
        #expect(throws: CheckpointError.unknownLayout(path: path, holds: ["x_test.npy", "y_test.npy"])) {
            try openCheckpoint(path)
        }
    }

    /// Copies the weights' groups and datasets; where `layer_names` is left out, the caller writes its own.
    private func copy(_ weights: Group, to output: HDF5Output, except: Set<String> = ["layer_names"]) throws {
        let tree = EditedTree(
            path: "", output: output, edits: ParameterEdits(), parameterName: { $0 },
            newPath: { name, _ in name })
        try tree.copy(weights, to: "model_weights", exceptAttributes: except)
    }

    /// Has `make` write a file with pieces of a Keras 2 model, and hands over its path and that model.
    private func withFile(
        _ make: (HDF5Output, _ model: Group) throws -> Void,
        then: (_ path: String, _ model: any Checkpoint) throws -> Void
    ) throws {
        try TestFiles.withTemporaryFolder { folder in
            let fixture = TestFiles.fixture("mnist-resnet.keras2.h5")
            let model = try HDF5File(reading: fixture)
            let path = folder + "/made.h5"
            let output = try HDF5Output(creating: path, like: model)
            try make(output, model.root)
            try output.close()
            try then(path, openCheckpoint(fixture))
        }
    }
}
