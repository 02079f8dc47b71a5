import Foundation
import HDF5
import TestSupport
import Testing

/// What is told of files that are not HDF5, or not whole.
struct FileTests {
    @Test("a path without a file is told as such")
    func missing() {
        #expect(throws: HDF5Error.fileMissing(path: "/no/such/file.h5")) {
            try HDF5File(reading: "/no/such/file.h5")
        }
    }

    @Test("a folder is told as such")
    func folder() throws {
        try TestFiles.withTemporaryFolder { folder -> Void in
            #expect(throws: HDF5Error.fileUnreadable(path: folder, reason: "it is a folder")) {
                try HDF5File(reading: folder)
            }
        }
    }

    @Test("a device is refused before it is read")
    func device() {
        #expect(throws: HDF5Error.fileUnreadable(path: "/dev/zero", reason: "it is not a regular file")) {
            try HDF5File(reading: "/dev/zero")
        }
    }

    @Test("a file that is written while it is read is told; one whose name goes to another stays as it was")
    func changed() throws {
        try TestFiles.withTemporaryFolder { folder throws -> Void in
            let (path, other) = (folder + "/a.h5", folder + "/b.h5")
            try FileManager.default.copyItem(atPath: TestFiles.fixture("mnist-test.h5"), toPath: path)
            let open = { try HDF5File(reading: path).root.dataset("labels") }
            let renamed = try open()
            let values = try renamed.readFloats()
            try FileManager.default.copyItem(atPath: path, toPath: other)
            #expect(rename(other, path) == 0)
            #expect(try renamed.readFloats() == values)

            let changed = try open()
            let file = try #require(FileHandle(forWritingAtPath: path))
            try file.truncate(atOffset: 100)
            #expect(throws: HDF5Error.changed(path: path)) { try changed.readFloats() }
        }
    }

    @Test("a file without bytes is told as such")
    func empty() throws {
        try withFile([]) { path in
            #expect(throws: HDF5Error.emptyFile(path: path)) { try HDF5File(reading: path) }
        }
    }

    @Test(
        "other kinds of files are told by their first bytes",
        arguments: [
            ("<!DOCTYPE html><title>404</title>", FileKind.html),
            ("\n  <html lang=\"en\">", .html),
            ("<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>", .html),
            ("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", .gitLFSPointer),
            ("PK\u{3}\u{4}\u{14}\0\0\0", .zip),
            ("\u{40}\0\0\0\0\0\0\0{\"conv1.weight\":{}}", .safetensors),
            ("not a network", .unknown), ("x", .unknown),
        ])
    func otherKinds(text: String, kind: FileKind) throws {
        try withFile(Array(text.utf8)) { path in
            #expect(throws: HDF5Error.notHDF5(path: path, looksLike: kind)) { try HDF5File(reading: path) }
        }
    }

    @Test("binary kinds of files are told by their first bytes")
    func binaryKinds() {
        #expect(FileKind(firstBytes: [0x93] + Array("NUMPY".utf8) + [1, 0]) == .numpy)
        #expect(FileKind(firstBytes: [0x80, 2, 0x8A]) == .pickle)
        #expect(FileKind(firstBytes: []) == .unknown)
    }

    @Test("a file that is cut off says how many bytes there should be")
    func truncated() throws {
        let whole = try Data(contentsOf: URL(fileURLWithPath: TestFiles.fixture("mnist-resnet.torch.h5")))
        for count in [whole.count / 2, whole.count - 1] {
            try withFile(Array(whole.prefix(count))) { path in
                #expect(throws: HDF5Error.truncated(path: path, found: count, expected: whole.count)) {
                    try HDF5File(reading: path)
                }
            }
        }
    }

    @Test("a signature alone is an error of the library, not a crash")
    func signatureAlone() throws {
        try withFile([0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A]) { path in
            #expect(throws: HDF5Error.self) { try HDF5File(reading: path) }
        }
    }

    @Test("a file behind a block of the user's own opens")
    func userBlock() throws {
        try TestFiles.withTemporaryFolder { folder in
            let path = folder + "/block.h5"
            try MadeFile.write(to: path, userBlock: 1024) { try $0.dataset("a", [2], values: [Float(1), 2]) }
            #expect(try HDF5File(reading: path).root.dataset("a").readFloats() == [1, 2])
        }
    }

    // Without chunks: libhdf5 1.10.8 divides by zero where a chunked layout message has a wrong version.
    @Test("one bit turned gives an error or other values, never a crash")
    func damage() throws {
        let whole = try TestFiles.withTemporaryFolder { folder in
            let path = folder + "/whole.h5"
            try MadeFile.write(to: path) { file in
                try file.group("a")
                try file.dataset("a/b", [4, 4], values: [Float](repeating: 1, count: 16))
                try file.attribute("n", [2], type: stringType(3), values: Array("onetwo".utf8))
            }
            return try Data(contentsOf: URL(fileURLWithPath: path))
        }
        var refused = 0
        try TestFiles.withTemporaryFolder { folder in
            let path = folder + "/damaged.h5"
            for position in stride(from: 0, to: whole.count, by: 13) {
                var bytes = whole
                bytes[position] ^= 1 << UInt8(position % 8)
                try bytes.write(to: URL(fileURLWithPath: path))
                do {
                    let root = try HDF5File(reading: path).root
                    for (_, dataset) in try root.datasets() { _ = try dataset.readFloats() }
                    for name in try root.attributes.names() { _ = try root.attributes.strings(name) }
                } catch is HDF5Error {
                    refused += 1
                }
            }
        }
        #expect(refused > 0)
    }

    private func withFile(_ bytes: [UInt8], _ body: (String) throws -> Void) throws {
        try TestFiles.withTemporaryFolder { folder in
            let path = folder + "/model.h5"
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            try body(path)
        }
    }
}
