import Archives
import TestSupport
import Testing

@testable import Checkpoints

@Suite("BiT's archives of arrays, damaged")
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
