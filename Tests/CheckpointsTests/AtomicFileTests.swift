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

    @Test("several files appear only when all are whole")
    func several() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let paths = ["a", "b", "c"].map { folder + "/" + $0 }
            try AtomicFile.write(toAll: paths, overwrite: false) { temporaries in
                #expect(temporaries.count == 3)
                for (place, temporary) in temporaries.enumerated() {
                    try Data("\(place)".utf8).write(to: URL(fileURLWithPath: temporary))
                }
                #expect(paths.allSatisfy { !FileManager.default.fileExists(atPath: $0) })
            }
            #expect(try list(folder) == ["a", "b", "c"])
            #expect(try paths.map(contents) == ["0", "1", "2"].map { Data($0.utf8) })
        }
    }

    @Test("where the body fails, none of several files changes")
    func severalFailing() throws {
        try withFile { folder, path throws in
            let paths = [folder + "/b", path, folder + "/c"]
            #expect(throws: Failure.self) {
                try AtomicFile.write(toAll: paths, overwrite: true) { temporaries in
                    try Data("half".utf8).write(to: URL(fileURLWithPath: temporaries[1]))
                    throw Failure()
                }
            }
            #expect(try contents(path) == Data("old".utf8))
            #expect(try list(folder) == ["a"])
        }
    }

    @Test("a file that comes while the body is at work keeps its place, and the first of several stays away")
    func severalRaced() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let (first, second) = (folder + "/a", folder + "/b")
            #expect(throws: CheckpointError.targetExists(path: second)) {
                try AtomicFile.write(toAll: [first, second], overwrite: false) { _ in
                    try Data("theirs".utf8).write(to: URL(fileURLWithPath: second))
                }
            }
            #expect(try list(folder) == ["b"])
            #expect(try contents(second) == Data("theirs".utf8))
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

    @Test(
        "what killed runs left for the target is deleted; files that a run is writing, and others', are not")
    func leftovers() throws {
        try TestFiles.withTemporaryFolder { folder in
            let left = [".a.normconv-1-0.tmp", ".a.normconv-2147483647-1z141z3.tmp"]
            let others = [
                ".a.normconv-1-0", ".a.normconv-x-0.tmp", ".a.normconv-1-0-0.tmp", ".aa.normconv-1-0.tmp",
                "a.normconv-1-0.tmp", ".a.normconv-1-?.tmp",
            ]
            let locked = ".a.normconv-1-1.tmp"
            for name in left + others + [locked] {
                try Data("half".utf8).write(to: URL(fileURLWithPath: folder + "/" + name))
            }
            let descriptor = open(folder + "/" + locked, O_RDONLY)
            defer { close(descriptor) }
            #expect(flock(descriptor, LOCK_EX) == 0)
            try AtomicFile.write(Data("new".utf8), to: folder + "/a", overwrite: false)
            #expect(try Set(list(folder)) == Set(others + [locked, "a"]))
        }
    }

    @Test("two writes to one target do not disturb each other, and both leave whole files")
    func nested() throws {
        try TestFiles.withTemporaryFolder { folder in
            let path = folder + "/a"
            try AtomicFile.write(to: path, overwrite: true) { temporary in
                try AtomicFile.write(Data("first".utf8), to: path, overwrite: true)
                #expect(try contents(path) == Data("first".utf8))
                try Data("second".utf8).write(to: URL(fileURLWithPath: temporary))
            }
            #expect(try contents(path) == Data("second".utf8))
            #expect(try list(folder) == ["a"])
        }
    }

    @Test("a file that comes while another is written stays, unless it may be replaced")
    func lateFile() throws {
        try TestFiles.withTemporaryFolder { folder throws -> Void in
            let path = folder + "/a"
            #expect(throws: CheckpointError.targetExists(path: path)) {
                try AtomicFile.write(to: path, overwrite: false) { _ in
                    try Data("other".utf8).write(to: URL(fileURLWithPath: path))
                }
            }
            #expect(try contents(path) == Data("other".utf8))
            #expect(try list(folder) == ["a"])
        }
    }

    @Test("a name of the length that the system allows can be written")
    func longName() throws {
        try TestFiles.withTemporaryFolder { folder in
            for name in [String(repeating: "a", count: 255), String(repeating: "é", count: 127)] {
                try AtomicFile.write(Data("new".utf8), to: folder + "/" + name, overwrite: false)
                #expect(try list(folder).contains(name))
            }
            #expect(try list(folder).count == 2)
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
            #expect(throws: CheckpointError.cannotWrite(path: folder, reason: "it is a folder")) {
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
