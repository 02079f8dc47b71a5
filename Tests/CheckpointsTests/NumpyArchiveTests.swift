import Archives
import Tensors
import TestSupport
import Testing

@testable import Checkpoints

@Suite("BiT's archives of arrays")
struct NumpyArchiveTests {
    private static let member = "resnet/head/conv2d/kernel.npy"

    @Test("a member that is no array is named")
    func notNumpy() throws {
        try withArchive([1, 2, 3]) { path in
            #expect(throws: ArchiveError.notNumpy(file: path, member: Self.member)) {
                try openCheckpoint(path)
            }
        }
    }

    @Test("complex numbers are refused by their type")
    func type() throws {
        try withArchive(array("<c8", shape: "(1,)", bytes: 8)) { path in
            let error = ArchiveError.unsupportedElementType(file: path, member: Self.member, found: "'<c8'")
            #expect(throws: error) { try openCheckpoint(path) }
        }
    }

    @Test("an array with fewer values than its shape asks for is refused")
    func payload() throws {
        try withArchive(array("<f4", shape: "(2, 2)", bytes: 12)) { path in
            let error = ArchiveError.wrongPayload(file: path, member: Self.member, found: 12, expected: 16)
            #expect(throws: error) { try openCheckpoint(path) }
        }
    }

    @Test("an archive is written back with every array as it was, and a note of its own")
    func roundTrip() throws {
        try TestFiles.withNamedNetwork("bit.npz") { path throws in
            let new = try openCheckpoint(path).rewritten(to: path + ".new.npz")
            #expect(new.layout == .numpyArchive)
            #expect(new.note == "{}")
            let (old, written) = (try ZipArchive(path: path), try ZipArchive(path: path + ".new.npz"))
            #expect(old.arrayNames.count == 25)
            #expect(written.arrayNames == old.arrayNames)
            #expect(written.members.map(\.name) == old.members.map(\.name) + ["normconv.json"])
            for name in old.arrayNames {
                let (one, other) = (try old.array(named: name), try written.array(named: name))
                #expect(other.shape == one.shape, "\(name)")
                #expect(other.elementType == one.elementType, "\(name)")
                #expect(other.storage.elementsEqual(one.storage), "\(name)")
            }
            // Written twice, the note is replaced and the bytes are the same.
            _ = try new.rewritten(to: path + ".again.npz")
            #expect(try contents(path + ".again.npz") == contents(path + ".new.npz"))
        }
    }

    @Test("big-endian arrays are written little-endian, with the same values")
    func bigEndian() throws {
        var bytes = array(">f4", shape: "(2,)", bytes: 8)
        bytes.replaceSubrange(bytes.count - 8..<bytes.count, with: [0x3f, 0x80, 0, 0, 0xc0, 0, 0, 1])
        try withArchive(bytes) { path throws in
            _ = try openCheckpoint(path).rewritten(to: path + ".new.npz")
            let written = try ZipArchive(path: path + ".new.npz").array(named: "resnet/head/conv2d/kernel")
            #expect(Array(written.storage) == [0, 0, 0x80, 0x3f, 1, 0, 0, 0xc0])
        }
    }

    @Test("an edit changes its array in the array's own type, and leaves the others alone")
    func edit() throws {
        try TestFiles.withNamedNetwork("bit.npz") { path throws in
            let name = "resnet/head/conv2d/bias"
            var edits = ParameterEdits()
            edits.set(name, .replace { Tensor(shape: $0.shape, values: $0.values.map { $0 + 1 }) })
            let old = try openCheckpoint(path)
            let new = try old.rewritten(to: path + ".new.npz", edits: edits)
            let before = try #require(old.parameters[name]).read().values
            let after = try #require(new.parameters[name])
            #expect(after.elementType == .float16)
            #expect(zip(try after.read().values, before).allSatisfy { abs($0 - $1 - 1) < 1e-3 })
            edits.set(name, .replace { Tensor(shape: $0.shape, repeating: 70_000) })
            #expect(throws: CheckpointError.self) {
                try old.rewritten(to: path + ".large.npz", edits: edits)
            }
        }
    }

    /// An array of zeros as numpy writes it.
    private func array(_ type: String, shape: String, bytes: Int) -> [UInt8] {
        let header = "{'descr': '\(type)', 'fortran_order': False, 'shape': \(shape), }"
        let padded = header + String(repeating: " ", count: 117 - header.utf8.count) + "\n"
        return [0x93] + Array("NUMPY".utf8) + [1, 0, 118, 0] + Array(padded.utf8)
            + [UInt8](repeating: 0, count: bytes)
    }

    private func withArchive(_ bytes: [UInt8], _ body: (String) throws -> Void) throws {
        try TestFiles.withTemporaryFolder { folder in
            let path = folder + "/bit.npz"
            var output = try ZipOutput(path: path, named: path)
            try output.add(Self.member, bytes)
            try output.close()
            try body(path)
        }
    }
}
