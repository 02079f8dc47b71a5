import Archives
import Foundation
import TestSupport
import Testing

@testable import Checkpoints

@Suite("the command that PyTorch converts a file with")
struct TorchConversionTests {
    /// What a file is refused with that has these members.
    private func refusal(_ members: [(String, String)]) throws -> String {
        try TestFiles.withTemporaryFolder { folder throws in
            let path = folder + "/model.pth"
            var archive = try ZipOutput(path: path, named: path)
            for (member, text) in members { try archive.add(member, Array(text.utf8)) }
            try archive.close()
            let error = #expect(throws: (any Error).self) { _ = try openCheckpoint(path) }
            return "\(try #require(error))".replacingOccurrences(of: folder + "/", with: "")
        }
    }

    /// The words that a shell makes of a command, by the shell itself.
    private func words(_ command: String, shell: String = "/bin/sh") throws -> [String] {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: shell)
        process.arguments = ["-c", "python3() { printf '%s\\0' \"$@\"; }; " + command]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return data.split(separator: 0, omittingEmptySubsequences: false).dropLast().map {
            String(decoding: $0, as: UTF8.self)
        }
    }

    /// The command at the end of an error.
    private func command(_ error: String) throws -> String {
        String(error[try #require(error.range(of: "python3 -c ")).lowerBound...])
    }

    @Test("numbers of another byte order: PyTorch converts them, and runs nothing")
    func bigEndian() throws {
        let error = try refusal([("model/data.pkl", "}."), ("model/byteorder", "big")])
        #expect(error.hasPrefix("model.pth: big-endian numbers"), "\(error)")
        let words = try self.words(command(error))
        #expect(words.count == 4 && words[0] == "-c", "\(words)")
        #expect(words[1].contains("weights_only=True") && words[1].contains("\"state_dict\",\"model\""))
        #expect(words[2...] == ["model.pth", "model.safetensors"])
    }

    @Test("what runs commands or code comes with no command")
    func dangerous() throws {
        let error = try refusal([("model/data.pkl", "cos\nsystem\n(X\u{2}\0\0\0lstR.")])
        #expect(error.contains("Do not load this file") && !error.contains("python3"), "\(error)")
    }

    @Test(
        "a shell gets the file's name back, whatever it holds",
        arguments: [
            "my model.pth", "it's.pth", "\"$HOME\".pth", "`id`$(id).pt", "a\\b;c&d|e>f.ckpt", "*?[a].pth",
            "~", "=ls", "#x.pth", "ünïcode 网络.bin", "mark'\u{301}.pth", "''", "!x",
        ])
    func quoting(name: String) throws {
        let words = try self.words(TorchConversion.command(for: name))
        #expect(words.count == 4 && words[2] == name)
        #expect(words[3].hasSuffix(".safetensors") && words[3] != name)
        #expect(!words[1].contains("'") && !words[1].contains("\n"))
    }

    @Test(
        "a name with control characters stays on the line",
        .enabled(if: FileManager.default.isExecutableFile(atPath: "/bin/bash")),
        arguments: ["a\nb.pth", "a\u{1B}[2J'\\\t.pth", "\u{7F}\u{1}0.pth"])
    func controlCharacters(name: String) throws {
        let command = TorchConversion.command(for: name)
        #expect(!command.unicodeScalars.contains { $0.value < 32 || $0.value == 127 })
        #expect(try words(command, shell: "/bin/bash")[2] == name)
    }

    @Test(
        "the new file has the old one's name with another ending",
        arguments: [
            ("a.pth", "a.safetensors"), ("a.PT", "a.safetensors"), ("a/b.ckpt", "a/b.safetensors"),
            ("a.pth.tar", "a.safetensors"), ("pytorch_model.bin", "pytorch_model.safetensors"),
            ("model", "model.safetensors"), ("a.b", "a.b.safetensors"),
        ])
    func output(name: String, expected: String) throws {
        #expect(try words(TorchConversion.command(for: name))[3] == expected)
    }
}

@Suite("second names of files")
struct BackupTests {
    @Test("where there are no second names, a copy has the bytes and the mode, and takes no file's place")
    func copy() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let (path, copy) = (folder + "/a", folder + "/a.bak")
            let bytes = Data((0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31) })
            try bytes.write(to: URL(fileURLWithPath: path))
            chmod(path, 0o640)
            try Backup.copy(path, to: copy)
            #expect(try Data(contentsOf: URL(fileURLWithPath: copy)) == bytes)
            var status = stat()
            #expect(stat(copy, &status) == 0 && status.st_mode & 0o7777 == 0o640)
            #expect(throws: CheckpointError.targetExists(path: copy)) { try Backup.copy(path, to: copy) }
        }
    }

    @Test("it is taken away again only where the file is still under its own name")
    func remove() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let path = folder + "/a"
            try Data("old".utf8).write(to: URL(fileURLWithPath: path))
            try Backup(of: path).remove()
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["a"])
            let backup = try Backup(of: path)
            try FileManager.default.removeItem(atPath: path)
            backup.remove()
            #expect(try Data(contentsOf: URL(fileURLWithPath: path + ".bak")) == Data("old".utf8))
        }
    }
}
