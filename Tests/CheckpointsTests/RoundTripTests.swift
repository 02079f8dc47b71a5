import Foundation
import HDF5
import TestSupport
import Testing

@testable import Checkpoints

/// Files that are written without edits are the files they were.
struct RoundTripTests {
    static let fixtures: [(name: String, layout: Layout)] = [
        ("mnist-resnet.keras2.h5", .kerasLegacy), ("mnist-resnet.keras3.h5", .kerasLegacy),
        ("mnist-resnet.torch.h5", .torchFlat), ("mnist-resnet.torch-nested.h5", .torchNested),
        ("torchvision-basic.torch.h5", .torchFlat), ("torchvision-bottleneck.torch.h5", .torchFlat),
        ("mnist-sequential.keras2-weights.h5", .kerasLegacyWeights),
        ("mnist-sequential.weights.h5", .kerasWeights),
    ]

    @Test("a file without edits keeps everything but the optimizer state", arguments: fixtures)
    func identity(name: String, layout: Layout) throws {
        try expectIdentity(TestFiles.fixture(name), layout)
    }

    @Test(
        "pretrained networks without edits keep everything",
        .enabled(if: TestFiles.pretrained != nil, "the pretrained networks are not here"),
        arguments: [
            ("resnet8-cifar10.keras2.h5", Layout.kerasLegacy), ("resnet20-cifar10.torch.h5", .torchFlat),
            ("resnet56-cifar10.torch.h5", .torchFlat),
        ])
    func pretrained(name: String, layout: Layout) throws {
        try expectIdentity(try #require(TestFiles.pretrained) + "/" + name, layout)
    }

    @Test("Keras' files say who wrote them and what is left out")
    func producer() throws {
        let keras2 = try openCheckpoint(TestFiles.fixture("mnist-resnet.keras2.h5"))
        #expect(keras2.producer == "Keras 2.21.0 (tensorflow)")
        #expect(keras2.leftOut == ["optimizer state (optimizer_weights)"])
        #expect(keras2.modelConfig?.hasPrefix("{") == true)
        #expect(keras2.note == nil)
        #expect(try openCheckpoint(TestFiles.fixture("mnist-resnet.torch.h5")).producer == nil)
    }

    @Test("two writes give the same bytes", arguments: fixtures)
    func sameBytes(name: String, layout: Layout) throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let checkpoint = try openCheckpoint(TestFiles.fixture(name))
            for output in ["1", "2"] { _ = try checkpoint.rewritten(to: folder + "/" + output) }
            #expect(try contents(folder + "/1") == contents(folder + "/2"))
        }
    }

    @Test("output over the input leaves a whole file", arguments: ["input.h5", "hard.h5", "soft.h5"])
    func ontoItself(target: String) throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let fixture = TestFiles.fixture("mnist-resnet.keras3.h5")
            let input = folder + "/input.h5"
            try FileManager.default.copyItem(atPath: fixture, toPath: input)
            #expect(link(input, folder + "/hard.h5") == 0)
            #expect(symlink(input, folder + "/soft.h5") == 0)
            let checkpoint = try openCheckpoint(input)
            #expect(throws: CheckpointError.targetExists(path: folder + "/" + target)) {
                try checkpoint.rewritten(to: folder + "/" + target)
            }
            let new = try checkpoint.rewritten(to: folder + "/" + target, overwrite: true)
            #expect(new.parameters.names == checkpoint.parameters.names)
            try expectSame(
                HDF5File(reading: fixture).root, HDF5File(reading: folder + "/" + target).root,
                except: ["optimizer_weights", "normconv"])
            // What was open stays readable.
            #expect(try checkpoint.parameters[0].read() == new.parameters[0].read())
            #expect(try list(folder) == ["hard.h5", "input.h5", "soft.h5"])
        }
    }

    @Test("a new model_config takes the old one's place in its form")
    func modelConfig() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let fixture = TestFiles.fixture("mnist-resnet.keras2.h5")
            let config = "{\"class_name\": \"Größe\"}"
            let new = try openCheckpoint(fixture).rewritten(to: folder + "/a.h5", modelConfig: config)
            #expect(new.modelConfig == config)
            let attributes = try HDF5File(reading: folder + "/a.h5").root.attributes
            let old = try HDF5File(reading: fixture).root.attributes
            #expect(try attributes.stringForm("model_config") == old.stringForm("model_config"))
        }
    }

    private func expectIdentity(_ path: String, _ layout: Layout) throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let old = try openCheckpoint(path)
            let new = try old.rewritten(to: folder + "/output.h5")
            #expect(old.layout == layout)
            #expect(new.layout == layout)
            #expect(new.note == "{}")
            #expect(new.leftOut.isEmpty)
            #expect(new.modelConfig == old.modelConfig)
            #expect(!old.parameters.isEmpty)
            #expect(new.parameters.names == old.parameters.names)
            let root = try HDF5File(reading: folder + "/output.h5").root
            #expect(try !root.contains("optimizer_weights"))
            try expectSame(
                HDF5File(reading: path).root, root, except: ["optimizer_weights", "optimizer", "normconv"])
        }
    }
}
