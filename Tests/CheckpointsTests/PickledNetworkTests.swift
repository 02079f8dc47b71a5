import Foundation
import TestSupport
import Testing

@testable import Checkpoints

@Suite("checkpoints as training loops leave them")
struct PickledNetworkTests {
    /// What PyTorch reads from each fixture, and the key that chooses it.
    static let files: [(file: String, key: String?, truth: String, layout: Layout)] = [
        ("checkpoint.pth", nil, "state", .torchZip),
        ("checkpoint.pth", "model_ema", "averaged", .torchZip),
        ("two.pth", "online", "state", .torchZip),
        ("two.pth", "target", "averaged", .torchZip),
        ("pairs.pth", nil, "state", .torchZip),
        ("module.pth", nil, "state", .torchZip),
        ("module-old.pth", nil, "state", .torchLegacy),
        ("script.pt", nil, "script", .torchScript),
        ("traced.pt", nil, "script", .torchScript),
        ("arrays-2.pkl", nil, "state", .pickle),
        ("arrays-5.pkl", "model", "state", .pickle),
    ]

    @Test("names, shapes, types and bits are those of PyTorch's state_dict", arguments: files.indices)
    func contents(index: Int) throws {
        let (file, key, truth, layout) = Self.files[index]
        let found = try openCheckpoint(TestFiles.fixture("pickles/\(file)"), key: key)
        let expected = try openCheckpoint(TestFiles.fixture("pickles/\(truth).safetensors"))
        #expect(found.layout == layout)
        #expect(Set(found.parameters.names) == Set(expected.parameters.names))
        for parameter in found.parameters {
            let other = try #require(expected.parameters[parameter.name])
            #expect(parameter.shape == other.shape, "\(parameter.name)")
            #expect(parameter.elementType == other.elementType, "\(parameter.name)")
            #expect(try parameter.readBytes() == other.readBytes(), "\(parameter.name)")
            #expect(try parameter.read() == other.read(), "\(parameter.name)")
        }
    }

    /// `list(module.state_dict())` in PyTorch.
    private let names = [
        "mask", "conv1.weight", "bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var",
        "bn1.num_batches_tracked", "fc.weight", "fc.bias", "head.weight", "head.bias",
    ]

    @Test(
        "names are in the order of the state_dict",
        arguments: ["module.pth", "module-old.pth", "checkpoint.pth"])
    func order(file: String) throws {
        #expect(try openCheckpoint(TestFiles.fixture("pickles/\(file)")).parameters.names == names)
    }

    @Test("TorchScript's buffers are all saved, in its own order", arguments: ["script.pt", "traced.pt"])
    func scriptOrder(file: String) throws {
        #expect(
            try openCheckpoint(TestFiles.fixture("pickles/\(file)")).parameters.names == ["scratch"] + names)
    }

    @Test(
        "whole modules tell the ε of their norms, a state_dict does not",
        arguments: [
            ("module.pth", ["bn1": 1e-3]), ("module-old.pth", ["bn1": 1e-3]), ("script.pt", ["bn1": 1e-3]),
            ("traced.pt", ["bn1": 1e-3]), ("checkpoint.pth", [:]),
        ])
    func epsilon(file: String, expected: [String: Double]) throws {
        #expect(try openCheckpoint(TestFiles.fixture("pickles/\(file)")).normEpsilons == expected)
    }

    @Test("what is beside the network is named")
    func others() throws {
        let file = try openCheckpoint(TestFiles.fixture("pickles/checkpoint.pth"))
        #expect(
            file.leftOut == [
                "other entries of the checkpoint (epoch, args, best, seed, history, sizes, sparse, quantized, model_ema, "
                    + "optimizer)"
            ])
        #expect(try openCheckpoint(TestFiles.fixture("pickles/pairs.pth")).leftOut.isEmpty)
    }

    @Test("two networks of the same size need a key")
    func several() {
        let path = TestFiles.fixture("pickles/two.pth")
        let found = ["'online' (11 tensors)", "'target' (11 tensors)"]
        #expect(throws: PickleError.severalNetworks(path: path, found: found)) { try openCheckpoint(path) }
        #expect(throws: PickleError.unknownKey(path: path, name: "best", found: found)) {
            try openCheckpoint(path, key: "best")
        }
    }

    @Test("a key without tensors, one of an optimizer, and one in a file of one network")
    func wrongKeys() {
        let path = TestFiles.fixture("pickles/checkpoint.pth")
        let found = ["'state_dict' (11 tensors)", "'model_ema' (11 tensors)"]
        for key in ["epoch", "args", "optimizer", "state_dict.conv1", "", "."] {
            #expect(throws: PickleError.unknownKey(path: path, name: key, found: found)) {
                try openCheckpoint(path, key: key)
            }
        }
        let twin = TestFiles.fixture("torchvision-bottleneck.pth")
        #expect(throws: PickleError.unknownKey(path: twin, name: "model", found: [])) {
            try openCheckpoint(twin, key: "model")
        }
    }

    @Test("a key for a file that is no pickle")
    func keyWithoutPickle() {
        let path = TestFiles.fixture("torchvision-bottleneck.safetensors")
        #expect(
            throws: CheckpointError.keyWithoutPickle(
                path: path, name: "model", found: Layout.safetensors.description)
        ) { try openCheckpoint(path, key: "model") }
        #expect(!isPickle(path) && !isPickle("/nowhere"))
        #expect(isPickle(TestFiles.fixture("pickles/two.pth")))
        #expect(isPickle(TestFiles.fixture("pickles/arrays-2.pkl")))
    }

    @Test("a quantized parameter is refused by its name")
    func quantized() {
        let path = TestFiles.fixture("pickles/quantized.pth")
        #expect(
            throws: PickleError.unreadableTensor(path: path, name: "fc.weight", found: "a quantized tensor")
        ) { try openCheckpoint(path) }
    }

    @Test("the format before 1.6: every early end, and parts that do not agree, are one error")
    func damagedLegacy() throws {
        let bytes = try Data(contentsOf: URL(fileURLWithPath: TestFiles.fixture("pickles/module-old.pth")))
        try TestFiles.withTemporaryFolder { folder throws in
            let path = folder + "/old.pth"
            func expectError(_ bytes: Data, _ part: String) throws {
                try bytes.write(to: URL(fileURLWithPath: path))
                let error = try #require(#expect(throws: (any Error).self) { try openCheckpoint(path) })
                #expect("\(error)".contains(part), "\(error)")
            }
            for count in stride(from: 20, to: bytes.count, by: 97) {
                try bytes.prefix(count).write(to: URL(fileURLWithPath: path))
                #expect(throws: (any Error).self, "\(count) bytes") { try openCheckpoint(path) }
            }
            try expectError(bytes.dropLast(), "found 431 bytes, expected 108 elements of 4")
            var other = bytes
            other[18] = 0xEA  // 1001 is 0x03E9
            try expectError(other, "version of the format: found 1002, expected 1001")
            let order = try #require(bytes.range(of: Data(Array("little_endianq".utf8) + [2, 0x88])))
            other = bytes
            other[order.upperBound - 1] = 0x89
            try expectError(other, "big-endian")
        }
    }

    @Test("own-class.pth and legacy.pth hold their one tensor", arguments: ["own-class.pth", "legacy.pth"])
    func small(file: String) throws {
        let file = try openCheckpoint(TestFiles.fixture("formats/\(file)"))
        #expect(file.parameters.names == ["conv1.weight"])
        #expect(try file.parameters["conv1.weight"]?.read().values == [1, 1])
    }
}
