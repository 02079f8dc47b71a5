import Foundation
import HDF5
import Tensors
import TestSupport
import Testing

@testable import Checkpoints

/// Edits land where they should, and nothing else changes.
struct EditTests {
    @Test("Keras: replaced, inserted and removed weights stand in their places in weight_names")
    func kerasPlaces() throws {
        var edits = ParameterEdits()
        edits.set(
            "stem_bn/stem_bn/gamma:0", .replace { Tensor(shape: $0.shape, values: $0.values.map { 2 * $0 }) })
        edits.set("stem_bn/stem_bn/moving_mean:0", .remove)
        edits.set("stem_bn/stem_bn/moving_variance:0", .remove)
        edits.set(
            "stem_bn/stem_bn/first:0", .insert(Tensor([1, 2]), .before, neighbour: "stem_bn/stem_bn/gamma:0"))
        edits.set(
            "stem_bn/stem_bn/middle:0", .insert(Tensor([3]), .after, neighbour: "stem_bn/stem_bn/gamma:0"))
        edits.set(
            "stem_bn/stem_bn/last:0",
            .insert(Tensor([4]), .after, neighbour: "stem_bn/stem_bn/moving_variance:0"))
        try edit("mnist-resnet.keras2.h5", edits) { old, new, root in
            let layer = try root.group("model_weights/stem_bn")
            #expect(
                try layer.attributes.strings("weight_names") == [
                    "stem_bn/first:0", "stem_bn/gamma:0", "stem_bn/middle:0", "stem_bn/beta:0",
                    "stem_bn/last:0",
                ])
            let gamma = try #require(old.parameters["stem_bn/stem_bn/gamma:0"]).read()
            #expect(
                try new.parameters["stem_bn/stem_bn/gamma:0"]?.read().values == gamma.values.map { 2 * $0 })
            #expect(try new.parameters["stem_bn/stem_bn/first:0"]?.read() == Tensor([1, 2]))
            #expect(try !layer.contains("stem_bn/moving_mean:0"))
            #expect(try layer.group("stem_bn").names().contains("moving_mean:0") == false)
        }
    }

    @Test("Keras: layers without edits stay as they are")
    func kerasOthers() throws {
        var edits = ParameterEdits()
        edits.set("stem_bn/stem_bn/moving_mean:0", .remove)
        try edit("mnist-resnet.keras2.h5", edits) { old, new, root in
            let source = try HDF5File(reading: old.path).root.group("model_weights")
            try expectSame(source, root.group("model_weights"), except: ["stem_bn"])
            #expect(
                new.parameters.names == old.parameters.names.filter { $0 != "stem_bn/stem_bn/moving_mean:0" })
        }
    }

    @Test(
        "PyTorch: edits land under dotted names, flat or nested",
        arguments: ["mnist-resnet.torch.h5", "mnist-resnet.torch-nested.h5"])
    func torch(name: String) throws {
        var edits = ParameterEdits()
        edits.set("bn1.weight", .replace { Tensor(shape: $0.shape, repeating: 0.5) })
        edits.set("bn1.running_mean", .remove)
        edits.set("conv1.bias", .insert(Tensor([1, 2, 3]), .after, neighbour: "conv1.weight"))
        edits.set("layer1.0.conv1.bias", .insert(Tensor([4]), .before, neighbour: "layer1.0.conv1.weight"))
        try edit(name, edits) { old, new, _ in
            #expect(new.layout == old.layout)
            let added: Set = ["conv1.bias", "layer1.0.conv1.bias"]
            #expect(
                Set(new.parameters.names)
                    == Set(old.parameters.names).union(added).subtracting(["bn1.running_mean"]))
            #expect(try new.parameters["bn1.weight"]?.read().values.allSatisfy { $0 == 0.5 } == true)
            #expect(try new.parameters["conv1.bias"]?.read() == Tensor([1, 2, 3]))
            #expect(try new.parameters["layer1.0.conv1.bias"]?.read() == Tensor([4]))
            for parameter in old.parameters where edits[parameter.name] == nil {
                let copy = try #require(new.parameters[parameter.name])
                #expect(try copy.read() == parameter.read())
                #expect(copy.elementType == parameter.elementType)
            }
        }
    }

    @Test("an edit of a parameter that is not there writes nothing")
    func unknownParameter() throws {
        for name in ["bn1.gamma", "conv1.bias"] {
            var edits = ParameterEdits()
            edits.set(
                name, name == "bn1.gamma" ? .remove : .insert(Tensor([1]), .after, neighbour: "bn1.gamma"))
            try expectFailure(edits) { .unknownParameter(path: $0, name: "bn1.gamma") }
        }
    }

    @Test("an edit that changes the number of values writes nothing")
    func wrongEdit() throws {
        var edits = ParameterEdits()
        edits.set("bn1.weight", .replace { _ in Tensor([1]) })
        let file = try openCheckpoint(TestFiles.fixture("mnist-resnet.torch.h5"))
        let count = try #require(file.parameters["bn1.weight"]).shape.count
        try expectFailure(edits) { .wrongEdit(path: $0, name: "bn1.weight", found: 1, expected: count) }
    }

    @Test("a new parameter under the name of another writes nothing")
    func alreadyThere() throws {
        var edits = ParameterEdits()
        edits.set("conv1.weight", .insert(Tensor([1]), .after, neighbour: "bn1.weight"))
        try expectFailure(edits) { .alreadyThere(path: $0, name: "conv1.weight") }
    }

    @Test("a value that a type does not hold writes nothing; no integer is cut off")
    func doesNotFit() throws {
        for value in [Float(0.5), -1e30, .infinity] {
            var edits = ParameterEdits()
            let name = "bn1.num_batches_tracked"
            edits.set(name, .replace { Tensor(shape: $0.shape, repeating: value) })
            try TestFiles.withTemporaryFolder { folder throws in
                let checkpoint = try openCheckpoint(TestFiles.fixture("mnist-resnet.torch.h5"))
                #expect(
                    throws: CheckpointError.doesNotFit(
                        path: checkpoint.path, name: name, value: value, type: "int64")
                ) { try checkpoint.rewritten(to: folder + "/a.h5", edits: edits) }
            }
        }
    }

    @Test("integers are written where they are whole, of every type")
    func integers() throws {
        let ranges: [(ElementType, Float, Float)] = [
            (.int8, -128, 127), (.uint8, 0, 255), (.int16, -32768, 32767), (.uint16, 0, 65535),
            (.int32, -2_147_483_648, 2_147_483_520), (.uint32, 0, 4_294_967_040),
            (.int64, -9.223372e18, 9.223371e18), (.uint64, 0, 1.8446743e19),
        ]
        for (type, least, most) in ranges {
            let bytes = try Elements.bytes([least, 3, most], type).get()
            #expect(Elements.floats(bytes, type) == [least, 3, most])
            for value in [least.nextDown - 1, most.nextUp * 2, 0.5] {
                #expect(!Elements.fits(value, type), "\(type) \(value)")
                #expect(throws: Elements.Misfit.self) { try Elements.bytes([1, value], type).get() }
            }
        }
    }

    private func expectFailure(
        _ edits: ParameterEdits, _ error: (String) -> CheckpointError
    ) throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let checkpoint = try openCheckpoint(TestFiles.fixture("mnist-resnet.torch.h5"))
            #expect(throws: error(checkpoint.path)) {
                try checkpoint.rewritten(to: folder + "/a.h5", edits: edits)
            }
            #expect(try list(folder).isEmpty)
        }
    }

    private func edit(
        _ fixture: String, _ edits: ParameterEdits,
        _ body: (_ old: any Checkpoint, _ new: any Checkpoint, _ root: Group) throws -> Void
    ) throws {
        try TestFiles.withTemporaryFolder { folder in
            let old = try openCheckpoint(TestFiles.fixture(fixture))
            let new = try old.rewritten(to: folder + "/a.h5", edits: edits)
            try body(old, new, HDF5File(reading: folder + "/a.h5").root)
        }
    }
}
