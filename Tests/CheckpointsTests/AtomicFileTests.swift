import Foundation
import TestSupport
import Testing

@testable import Checkpoints

/// A file is there whole or not at all.
struct AtomicFileTests {
    private struct Failure: Error {}

    @Test("a new file appears under its name and leaves nothing else")
    func new() throws {
        try TestFiles.withTemporaryFolder { folder in
            try AtomicFile.write(to: folder + "/a", overwrite: false) { temporary in
                #expect(!FileManager.default.fileExists(atPath: folder + "/a"))
                try Data("new".utf8).write(to: URL(fileURLWithPath: temporary))
            }
            #expect(try list(folder) == ["a"])
            #expect(try contents(folder + "/a") == Data("new".utf8))
        }
    }

    @Test("a file that exists is only replaced when that is asked for")
    func exists() throws {
        try withFile { folder, path throws in
            #expect(throws: CheckpointError.targetExists(path: path)) {
                try AtomicFile.write(to: path, overwrite: false) { _ in Issue.record("the body ran") }
            }
            #expect(try contents(path) == Data("old".utf8))
            #expect(try list(folder) == ["a"])
        }
    }

    @Test("a body that fails leaves the old file and no temporary one")
    func failure() throws {
        try withFile { folder, path throws in
            #expect(throws: Failure.self) {
                try AtomicFile.write(to: path, overwrite: true) { temporary in
                    try Data("half".utf8).write(to: URL(fileURLWithPath: temporary))
                    throw Failure()
                }
            }
            #expect(try contents(path) == Data("old".utf8))
            #expect(try list(folder) == ["a"])
        }
    }

    @Test("a replaced file keeps its permissions")
    func permissions() throws {
        try withFile { _, path throws in
            chmod(path, 0o640)
            try AtomicFile.write(to: path, overwrite: true) { _ in }
            var status = stat()
            #expect(stat(path, &status) == 0)
            #expect(status.st_mode & 0o7777 == 0o640)
        }
    }

    @Test("a symbolic link stays one, and the file that it leads to is replaced")
    func symbolicLink() throws {
        try withFile { folder, path throws in
            symlink("a", folder + "/link")
            try AtomicFile.write(to: folder + "/link", overwrite: true) { temporary in
                try Data("new".utf8).write(to: URL(fileURLWithPath: temporary))
            }
            #expect(try contents(path) == Data("new".utf8))
            #expect(try FileManager.default.destinationOfSymbolicLink(atPath: folder + "/link") == "a")
        }
    }

    @Test("a folder that is not there, and a target that is no file, are told")
    func cannotWrite() throws {
        try TestFiles.withTemporaryFolder { folder -> Void in
            let path = folder + "/none/a"
            #expect(throws: CheckpointError.cannotWrite(path: path, reason: "No such file or directory")) {
                try AtomicFile.write(to: path, overwrite: false) { _ in }
            }
            #expect(throws: CheckpointError.cannotWrite(path: folder, reason: "it is not a regular file")) {
                try AtomicFile.write(to: folder, overwrite: true) { _ in }
            }
        }
    }

    private func withFile(_ body: (_ folder: String, _ path: String) throws -> Void) throws {
        try TestFiles.withTemporaryFolder { folder in
            try Data("old".utf8).write(to: URL(fileURLWithPath: folder + "/a"))
            try body(folder, folder + "/a")
        }
    }
}
