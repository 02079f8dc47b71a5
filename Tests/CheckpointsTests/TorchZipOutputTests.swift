import Archives
import Foundation
import Tensors
import TestSupport
import Testing

@testable import Checkpoints

@Suite("writing PyTorch's zip checkpoints")
struct TorchZipOutputTests {
    @Test("every element type keeps its bytes, names, shapes and order", arguments: ["types", "training"])
    func roundTrip(name: String) throws {
        let old = try openCheckpoint(TestFiles.fixture("formats/\(name).pth"))
        try TestFiles.withTemporaryFolder { folder throws in
            let new = try old.rewritten(to: folder + "/a.pth")
            #expect(new.layout == .torchZip && new.note == "{}" && new.leftOut.isEmpty)
            #expect(new.parameters.names == old.parameters.names)
            for (one, other) in zip(old.parameters, new.parameters) {
                #expect(one.shape == other.shape && one.elementType == other.elementType, "\(one.name)")
                #expect(try one.readBytes() == other.readBytes(), "\(one.name)")
            }
            // Independent of what is read here: the values that PyTorch had.
            try expectStored(new, name)
            _ = try old.rewritten(to: folder + "/b.pth")
            #expect(try contents(folder + "/a.pth") == contents(folder + "/b.pth"))
        }
    }

    @Test("edits remove, replace and insert, and what is new takes its neighbour's type")
    func edits() throws {
        let old = try openCheckpoint(TestFiles.fixture("formats/types.pth"))
        var edits = ParameterEdits()
        edits.set("int64", .remove)
        edits.set("float32", .replace { Tensor(shape: $0.shape, values: $0.values.map { $0 * 2 }) })
        edits.set("new", .insert(Tensor([1.5, -2]), .before, neighbour: "float16"))
        try TestFiles.withTemporaryFolder { folder throws in
            let new = try old.rewritten(to: folder + "/a.pth", edits: edits)
            #expect(new.parameters["int64"] == nil)
            #expect(new.parameters["new"]?.elementType == .float16)
            #expect(try new.parameters["new"]?.read() == Tensor([1.5, -2]))
            let doubled = try #require(old.parameters["float32"]).read().values.map { $0 * 2 }
            #expect(try new.parameters["float32"]?.read().values == doubled)
        }
    }

    @Test("a tensor with several names is one again, unless its uses have different values")
    func tied() throws {
        let old = try openCheckpoint(TestFiles.fixture("pickles/module.pth"))
        let names = ["fc.weight", "head.weight"]
        let ties = names.map { old.parameters[$0]?.tie }
        #expect(ties[0] != nil && ties[0] == ties[1] && old.parameters["conv1.weight"]?.tie == nil)
        func storages(_ path: String) throws -> Int {
            try ZipArchive(path: path).members.count { $0.name.hasPrefix("archive/data/") }
        }
        try TestFiles.withTemporaryFolder { folder throws in
            let new = try old.rewritten(to: folder + "/a.pth")
            #expect(new.parameters["fc.weight"]?.tie != nil)
            #expect(new.parameters["fc.weight"]?.tie == new.parameters["head.weight"]?.tie)
            // The layer's weight and bias are each stored once.
            #expect(try storages(folder + "/a.pth") == old.parameters.count - 2)
            var edits = ParameterEdits()
            edits.set("head.weight", .replace { Tensor(shape: $0.shape, values: $0.values.map { $0 * 2 }) })
            let edited = try old.rewritten(to: folder + "/b.pth", edits: edits)
            #expect(edited.parameters["fc.weight"]?.tie == nil)
            let weight = try #require(old.parameters["fc.weight"]).read()
            #expect(try edited.parameters["fc.weight"]?.read() == weight)
            #expect(try edited.parameters["head.weight"]?.read().values == weight.values.map { $0 * 2 })
        }
    }

    /// Put together by hand from `Lib/pickletools.py`; `pickle.loads` with PyTorch's reader makes the tensors of it.
    @Test("the pickle is the one that PyTorch reads, to the byte")
    func pickle() {
        let tensors = [("w", Shape([2, 300, 0]), "HalfStorage"), ("s", Shape([]), "LongStorage")].map {
            (parameter: parameter($0, $1, .float16), storageClass: $2)
        }
        func string(_ text: String) -> [UInt8] {
            [UInt8(ascii: "X"), UInt8(text.utf8.count), 0, 0, 0] + text.utf8
        }
        let dictionary = Array("ccollections\nOrderedDict\n)R".utf8)
        let rebuild = Array("ctorch._utils\n_rebuild_tensor_v2\n((".utf8) + string("storage")
        var expected: [UInt8] = [0x80, 2] + dictionary + Array("(".utf8)
        expected += string("w") + rebuild + Array("ctorch\nHalfStorage\n".utf8) + string("0") + string("cpu")
        expected += Array("K\0tQK\0(K\u{2}M".utf8) + [0x2c, 1] + Array("K\0t(M".utf8) + [0x2c, 1]
        expected += Array("K\u{1}K\u{1}t".utf8) + [0x89] + dictionary + Array("tR".utf8)
        expected += string("s") + rebuild + Array("ctorch\nLongStorage\n".utf8) + string("1") + string("cpu")
        expected += Array("K\u{1}tQK\0))".utf8) + [0x89] + dictionary + Array("tRu.".utf8)
        #expect(PickleOutput(tensors, keys: [0, 1]).bytes == expected)
    }

    @Test(
        "numbers of elements of any width are read back",
        arguments: [0, 255, 256, 65_535, 65_536, 1 << 31, 1 << 40])
    func integers(count: Int) throws {
        let tensor = (parameter: parameter("w", Shape([count]), .int8), storageClass: "CharStorage")
        var reader = PickleReader(PickleOutput([tensor], keys: [0]).bytes, path: "p")
        try PickleMachine.load(&reader, path: "p") { content in
            guard case .tensor(let read)? = content.value.dictionary?["w"] else {
                Issue.record("\(content.value.kind)")
                return
            }
            #expect(read.shape == [count] && read.storage.count == count && read.strides == [1])
        }
    }

    @Test("the members are PyTorch's, and data begin at multiples of 64 bytes")
    func members() throws {
        let old = try openCheckpoint(TestFiles.fixture("torchvision-bottleneck.pth"))
        try TestFiles.withTemporaryFolder { folder throws in
            _ = try old.rewritten(to: folder + "/a.pth")
            let archive = try ZipArchive(path: folder + "/a.pth")
            let text = { (name: String) in
                try archive["archive/" + name].map { String(decoding: try archive.read($0), as: UTF8.self) }
            }
            #expect(archive.members.first?.name == "archive/data.pkl")
            #expect(try text("byteorder") == "little" && text("version") == "3\n")
            #expect(try text(".format_version") == "1" && text(".storage_alignment") == "64")
            let id = try #require(try text(".data/serialization_id"))
            #expect(id.utf8.count == 40 && id.allSatisfy { "0123456789".contains($0) })
            let data = archive.members.filter { $0.name.hasPrefix("archive/data/") }
            #expect(data.count == old.parameters.count)
            // PyTorch writes its own files so, too.
            let theirs = try ZipArchive(path: old.path)
            let keys = theirs.members.map(\.name).filter { $0.contains("/data/") }.map {
                $0.split(separator: "/").last
            }
            #expect(data.map { $0.name.split(separator: "/").last } == keys)
        }
    }

    @Test("elements that PyTorch has no storage for are refused before anything is written")
    func wrongType() throws {
        let table = ParameterTable([parameter("steps", Shape([1]), .uint16)])
        let contents = NewCheckpoint(parameters: table, isKeras: false, modelConfig: nil, note: "{}")
        try TestFiles.withTemporaryFolder { folder throws in
            let path = folder + "/a.pth"
            for attempt in [
                { try contents.check(for: .pth, path: path) },
                { try contents.write(to: path, layout: .pth, overwrite: false) },
            ] {
                let error = try #require(#expect(throws: CheckpointError.self) { try attempt() })
                #expect("\(error)".hasPrefix("\(path): parameter 'steps' has the type uint16"), "\(error)")
            }
            #expect(try list(folder).isEmpty)
        }
    }

    @Test("metadata of more bytes than the limit is refused")
    func largeMetadata() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let path = folder + "/a.pth"
            var output = try ZipOutput(path: path, named: path)
            let tensor = (parameter: parameter("w", Shape([1]), .int8), storageClass: "CharStorage")
            try output.add("m/data.pkl", PickleOutput([tensor], keys: [0]).bytes)
            try output.add("m/data/0", [1])
            try output.add("m/normconv.json", [UInt8](repeating: 32, count: 100_000_001))
            try output.close()
            #expect(
                throws: CheckpointError.malformedMember(
                    path: path, member: "m/normconv.json",
                    reason: "100000001 bytes, expected at most 100000000")
            ) { try openCheckpoint(path) }
        }
    }

    private func parameter(_ name: String, _ shape: Shape, _ type: ElementType) -> Parameter {
        Parameter(name: name, shape: shape, elementType: type) { Tensor(shape: shape, repeating: 1) }
    }
}
