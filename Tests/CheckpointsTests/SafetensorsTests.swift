import Foundation
import HDF5
import OrderedJSON
import Tensors
import TestSupport
import Testing

@testable import Checkpoints

@Suite("safetensors")
struct SafetensorsTests {
    @Test("a file holds what its HDF5 twin holds, bit by bit")
    func twin() throws {
        let file = try openCheckpoint(TestFiles.fixture("torchvision-bottleneck.safetensors"))
        let twin = try openCheckpoint(TestFiles.fixture("torchvision-bottleneck.torch.h5"))
        #expect(file.layout == .safetensors)
        #expect(file.parameters.count == 122)
        #expect(Set(file.parameters.names) == Set(twin.parameters.names))
        for parameter in file.parameters {
            let expected = try #require(twin.parameters[parameter.name])
            #expect(parameter.elementType == expected.elementType, "\(parameter.name)")
            #expect(try parameter.read() == expected.read(), "\(parameter.name)")
        }
    }

    @Test("every element type is read as torch reads it")
    func types() throws {
        let file = try openCheckpoint(TestFiles.fixture("formats/types.safetensors"))
        #expect(file.parameters.count == 9)
        try expectStored(file, "types")
    }

    @Test("a file without edits keeps its tensors' bytes and its metadata")
    func identity() throws {
        for name in ["torchvision-bottleneck.safetensors", "formats/types.safetensors"] {
            let old = try openCheckpoint(TestFiles.fixture(name))
            try TestFiles.withTemporaryFolder { folder throws in
                let new = try old.rewritten(to: folder + "/a.safetensors")
                #expect(new.parameters.names == old.parameters.names)
                #expect(new.note == "{}")
                #expect(new.producer == old.producer)
                for (one, other) in zip(old.parameters, new.parameters) {
                    #expect(one.shape == other.shape)
                    #expect(one.elementType == other.elementType)
                    #expect(try one.readBytes() == other.readBytes())
                }
                _ = try old.rewritten(to: folder + "/b.safetensors")
                #expect(try contents(folder + "/a.safetensors") == contents(folder + "/b.safetensors"))
            }
        }
    }

    @Test("edits remove, replace and insert, and what is new takes its neighbour's type")
    func edits() throws {
        let old = try openCheckpoint(TestFiles.fixture("formats/types.safetensors"))
        var edits = ParameterEdits()
        edits.set("int64", .remove)
        edits.set("float32", .replace { Tensor(shape: $0.shape, values: $0.values.map { $0 * 2 }) })
        edits.set("new", .insert(Tensor([1.5, -2]), .before, neighbour: "float16"))
        try TestFiles.withTemporaryFolder { folder throws in
            let new = try old.rewritten(to: folder + "/a.safetensors", edits: edits)
            #expect(new.parameters["int64"] == nil)
            #expect(new.parameters["new"]?.elementType == .float16)
            #expect(try new.parameters["new"]?.read() == Tensor([1.5, -2]))
            let doubled = try #require(old.parameters["float32"]).read().values.map { $0 * 2 }
            #expect(try new.parameters["float32"]?.read().values == doubled)
        }
    }

    @Test("an edit that does not fit half precision is refused")
    func doesNotFit() throws {
        let old = try openCheckpoint(TestFiles.fixture("formats/types.safetensors"))
        var edits = ParameterEdits()
        edits.set("float16", .replace { Tensor(shape: $0.shape, repeating: 70_000) })
        try TestFiles.withTemporaryFolder { folder throws in
            let path = folder + "/a.safetensors"
            #expect(
                throws: CheckpointError.doesNotFit(
                    path: path, name: "float16", value: 70_000, type: "float16")
            ) { try old.rewritten(to: path, edits: edits) }
            #expect(try list(folder).isEmpty)
        }
    }
}

@Suite("damaged safetensors files")
struct SafetensorsErrorTests {
    private static let tensor = #""a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}"#

    @Test("a whole file of one tensor is read")
    func whole() throws {
        try withFile("{\(Self.tensor)}   ", data: 8) { path throws in
            #expect(try SafetensorsFile(path: path).parameters["a"]?.read() == Tensor([0, 0]))
        }
    }

    @Test("fewer bytes than a length")
    func tooShort() throws {
        try expectError(bytes: [1, 2, 3]) { .tooShort(path: $0, found: 3) }
    }

    @Test("a header over the limit")
    func headerTooLong() throws {
        let length = [UInt8](repeating: 0xff, count: 8)
        try expectError(bytes: length + Array("{}".utf8)) {
            .headerTooLong(path: $0, found: .max, limit: 100_000_000)
        }
    }

    @Test("a header that runs past the end")
    func headerTruncated() throws {
        try expectError(bytes: [100, 0, 0, 0, 0, 0, 0, 0] + Array("{}".utf8)) {
            .headerTruncated(path: $0, found: 2, expected: 100)
        }
    }

    @Test("a header that is no object")
    func wrongStart() throws {
        try expectError(" {}") { .wrongStart(path: $0, found: 0x20) }
    }

    @Test("a header that is no JSON")
    func notJSON() throws {
        try expectError("{,}") {
            let defect = JSONError.Defect.unexpectedByte(UInt8(ascii: ","), expected: "a key in quotes")
            return .notJSON(path: $0, reason: JSONError(defect, offset: 1, line: 1))
        }
    }

    @Test("two tensors of one name")
    func duplicate() throws {
        let header = "{\(Self.tensor), \(Self.tensor)}"
        try expectError(header, data: 8) {
            let offset = Self.tensor.utf8.count + 3
            return .notJSON(path: $0, reason: JSONError(.duplicateKey("a"), offset: offset, line: 1))
        }
    }

    @Test("metadata that is not strings")
    func metadata() throws {
        try expectError(#"{"__metadata__": {"a": 1}}"#) { .wrongMetadata(path: $0, found: "a: 1") }
        try expectError(#"{"__metadata__": []}"#) { .wrongMetadata(path: $0, found: "[]") }
    }

    @Test(
        "fields that are missing or of another form",
        arguments: [
            (#"{"shape": [], "data_offsets": [0, 4]}"#, "dtype", "missing", "a name of a type"),
            (
                #"{"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}"#, "shape", "[-1]",
                "a list of numbers that are not negative"
            ),
            (
                #"{"dtype": "F32", "shape": [1.0], "data_offsets": [0, 4]}"#, "shape", "[1.0]",
                "a list of numbers that are not negative"
            ),
            (#"{"dtype": "F32", "shape": []}"#, "data_offsets", "missing", "[begin, end]"),
            (
                #"{"dtype": "F32", "shape": [], "data_offsets": [4, 0]}"#, "data_offsets", "[4, 0]",
                "[begin, end]"
            ),
        ])
    func fields(record: String, field: String, found: String, expected: String) throws {
        try expectError(#"{"a": \#(record)}"#, data: 4) {
            .wrongField(path: $0, tensor: "a", field: field, found: found, expected: expected)
        }
    }

    @Test("an unknown element type")
    func type() throws {
        try expectError(#"{"a": {"dtype": "F8_E4M3", "shape": [4], "data_offsets": [0, 4]}}"#, data: 4) {
            .unsupportedType(path: $0, tensor: "a", found: "F8_E4M3")
        }
    }

    @Test("a shape whose size is no number")
    func overflow() throws {
        let shape = [1 << 40, 1 << 40]
        try expectError(#"{"a": {"dtype": "F32", "shape": \#(shape), "data_offsets": [0, 4]}}"#, data: 4) {
            .shapeOverflow(path: $0, tensor: "a", shape: shape)
        }
    }

    @Test("offsets that do not fit the shape")
    func length() throws {
        try expectError(#"{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}"#, data: 4) {
            .wrongLength(path: $0, tensor: "a", found: 4, expected: 8)
        }
    }

    @Test("a hole between tensors, and tensors that share bytes", arguments: [12, 4])
    func contiguity(begin: Int) throws {
        let second = #""b": {"dtype": "F32", "shape": [1], "data_offsets": [\#(begin), \#(begin + 4)]}"#
        try expectError("{\(Self.tensor), \(second)}", data: 16) {
            .notContiguous(path: $0, tensor: "b", found: begin, expected: 8)
        }
    }

    @Test("more or fewer bytes than the tensors take", arguments: [7, 9])
    func fileSize(data: Int) throws {
        let header = "{\(Self.tensor)}"
        try expectError(header, data: data) {
            .wrongFileSize(
                path: $0, found: 8 + header.utf8.count + data, expected: 8 + header.utf8.count + 8)
        }
    }

    @Test("offsets beyond every number")
    func offsets() throws {
        let record = #"{"dtype": "U8", "shape": [\#(Int.max)], "data_offsets": [0, \#(Int.max)]}"#
        let header = #"{"a": \#(record)}"#
        try expectError(header) {
            .wrongFileSize(path: $0, found: 8 + header.utf8.count, expected: .max)
        }
    }

    // MARK: Made files

    private func withFile(_ header: String, data: Int = 0, _ body: (String) throws -> Void) throws {
        let length = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian, Array.init)
        try withFile(bytes: length + header.utf8 + [UInt8](repeating: 0, count: data), body)
    }

    private func withFile(bytes: [UInt8], _ body: (String) throws -> Void) throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let path = folder + "/a.safetensors"
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            try body(path)
        }
    }

    private func expectError(
        _ header: String, data: Int = 0, _ error: (String) -> SafetensorsError,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        try withFile(header, data: data) { path throws in
            #expect(throws: error(path), sourceLocation: sourceLocation) { try SafetensorsFile(path: path) }
        }
    }

    private func expectError(bytes: [UInt8], _ error: (String) -> SafetensorsError) throws {
        try withFile(bytes: bytes) { path throws in
            #expect(throws: error(path)) { try SafetensorsFile(path: path) }
        }
    }
}

/// Expects every parameter to hold what torch stored under `group` in `formats/expected.h5`, to the bit where that
/// is a Float32.
func expectStored(
    _ checkpoint: any Checkpoint, _ group: String, sourceLocation: SourceLocation = #_sourceLocation
) throws {
    let expected = try HDF5File(reading: TestFiles.fixture("formats/expected.h5")).root.group(group)
    #expect(try Set(checkpoint.parameters.names) == Set(expected.names()), sourceLocation: sourceLocation)
    for parameter in checkpoint.parameters {
        let dataset = try expected.dataset(parameter.name)
        let found = try parameter.read()
        #expect(found.shape.extents == dataset.shape, "\(parameter.name)", sourceLocation: sourceLocation)
        #expect(
            try found.values == dataset.readFloats(), "\(parameter.name)", sourceLocation: sourceLocation)
    }
}
