import Foundation
import TestSupport
import Testing

private let model = TestFiles.fixture("mnist-resnet.keras3.h5")
private let split = TestFiles.fixture("mnist-test.h5")

@Suite("Ctrl-C")
struct InterruptionTests {
    /// Runs the slow engine over a thousand images, and interrupts it when it has counted some.
    private func interrupted(_ options: [String], by signal: Int32 = SIGINT) throws -> TerminalRun {
        var isSent = false
        return try normconv(
            columns: 120, ["eval", model, "--data", split, "--engine", "reference"] + options
        ) { text, process in
            if !isSent, text.contains(/[1-9][0-9]*\/1,000 images .* left/) {
                isSent = true
                kill(process.processIdentifier, signal)
            }
        }
    }

    /// A run whose signals came before it ended. On a busy machine they may come later: then it is run again, in an empty folder.
    private func runInTime(_ folder: String, isLate: (TerminalRun) -> Bool, _ run: () throws -> TerminalRun)
        throws -> TerminalRun
    {
        for _ in 1..<10 {
            let result = try run()
            guard isLate(result) else { return result }
            try FileManager.default.removeItem(atPath: folder + "/out.h5")
        }
        return try run()
    }

    /// Images that a partial result's file holds, by its lines of JSON.
    private func images(in path: String) throws -> Int {
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").dropFirst()
        return try lines.reduce(0) { sum, line in
            let pair = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [Any])
            return sum + (try #require((pair[1] as? [String: Any])?["labels"] as? [Int])).count
        }
    }

    @Test(
        "the last line says how many images are kept, and how to go on",
        arguments: [
            ("--resume", "run the same command to continue"),
            ("--partial", "use --resume instead of --partial to continue"),
        ], [SIGINT, SIGTERM])
    func kept(option: (name: String, continuation: String), signal: Int32) throws {
        try TestFiles.withTemporaryFolder { folder in
            let file = folder + "/run.partial"
            let run = try interrupted([option.name, file], by: signal)
            #expect(run.code == 128 + signal)
            let last = try #require(run.lines.last)
            let expected = /Interrupted: ([0-9]+) of 1,000 images are kept in (.*); (.*)/
            let match = try #require(try expected.wholeMatch(in: last), "\(last)")
            #expect(match.2 == file && match.3 == option.continuation)
            // What was written when the signal came may be one block more than was counted.
            let said = try #require(Int(match.1))
            #expect(try 1...images(in: file) ~= said)
        }
    }

    @Test("a resumed run counts what was kept, from its start")
    func resumed() throws {
        try TestFiles.withTemporaryFolder { folder in
            let file = folder + "/run.partial"
            _ = try interrupted(["--resume", file])
            let kept = try images(in: file)
            let run = try interrupted(["--resume", file])
            #expect(run.code == 130 && run.lines.last?.hasPrefix("Interrupted: ") == true)
            let counts = try run.progress.compactMap { line in
                try line.firstMatch(of: /([0-9]+)\/1,000 images/).map { try #require(Int($0.1)) }
            }
            #expect(counts.first == 0 && counts.dropFirst().allSatisfy { $0 >= kept }, "\(counts)")
        }
    }

    @Test(
        "a calibration ends by the exit code, with its line cleared and no file",
        arguments: [SIGTERM, SIGHUP, SIGQUIT])
    func calibration(signal: Int32) throws {
        try TestFiles.withTemporaryFolder { folder in
            var isSent = false
            let run = try normconv(
                columns: 80,
                [
                    "convert", model, folder + "/out.h5", "--calibrate",
                    TestFiles.fixture("mnist-test-100.npz"), "--epochs", "10000",
                ]
            ) { text, process in
                if !isSent, text.contains("layers ") {
                    isSent = true
                    kill(process.processIdentifier, signal)
                }
            }
            #expect(run.code == 128 + signal)
            #expect(run.text.hasSuffix("\r\u{1B}[K"), "\(run.text.suffix(40))")
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
        }
    }

    @Test("a Ctrl-C ends a refresh of statistics by the exit code, with its line cleared and no file")
    func refresh() throws {
        try TestFiles.withTemporaryFolder { folder in
            let run = try runInTime(folder, isLate: { $0.code == 0 }) {
                var isSent = false
                return try normconv(
                    columns: 120,
                    [
                        "convert", model, folder + "/out.h5", "--to", "none", "--refresh-statistics", split,
                        "--refresh-images", "1000", "--refresh-batch", "2", "--calibration-memory", "1M",
                    ]
                ) { text, process in
                    if !isSent, text.contains("refreshing statistics") {
                        isSent = true
                        kill(process.processIdentifier, SIGINT)
                    }
                }
            }
            #expect(run.code == 130)
            #expect(run.text.hasSuffix("\r\u{1B}[K"), "\(run.text.suffix(40))")
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
        }
    }

    @Test(
        "a first Ctrl-C ends a calibration with the best network so far, in any stage",
        arguments: ["outputs ", "layers ", "training "])
    func earlyEnd(stage: String) throws {
        try TestFiles.withTemporaryFolder { folder in
            let output = folder + "/out.h5"
            var isSent = false
            let run = try normconv(
                columns: 120,
                [
                    "convert", model, output, "--calibrate", TestFiles.fixture("mnist-test-100.npz"),
                    "--epochs", "10000",
                ]
            ) { text, process in
                if !isSent, text.contains(stage) {
                    isSent = true
                    kill(process.processIdentifier, SIGINT)
                }
            }
            #expect(run.code == 0)
            #expect(run.text.contains("Ending the calibration with the best network so far."))
            #expect(run.text.contains("ended early by Ctrl-C"))
            #expect(FileManager.default.fileExists(atPath: output))
        }
    }

    @Test("a first Ctrl-C ends synthesis too")
    func earlySynthesis() throws {
        try TestFiles.withTemporaryFolder { folder in
            let run = try runInTime(folder, isLate: { $0.text.contains(/"images" : 256/) }) {
                var isSent = false
                return try normconv(
                    columns: 120,
                    [
                        "convert", model, folder + "/out.h5", "--synthesize", "--calibration-images", "256",
                        "--json",
                    ]
                ) { text, process in
                    if !isSent, text.contains("images ") {
                        isSent = true
                        kill(process.processIdentifier, SIGINT)
                    }
                }
            }
            #expect(run.code == 0)
            // Not all images are made then.
            #expect(!run.text.contains(/"images" : 256/))
            #expect(run.text.contains(/"endedEarly" : true/))
            #expect(FileManager.default.fileExists(atPath: folder + "/out.h5"))
        }
    }

    @Test("a second Ctrl-C ends a calibration by the exit code, with no file")
    func secondInterrupt() throws {
        try TestFiles.withTemporaryFolder { folder in
            let run = try runInTime(folder, isLate: { $0.code == 0 }) {
                var sent = 0
                return try normconv(
                    columns: 120,
                    [
                        "convert", model, folder + "/out.h5", "--synthesize", "--calibration-images", "256",
                    ]
                ) { text, process in
                    if sent == 0 && text.contains("images ")
                        || sent == 1 && text.contains("Ending the calibration")
                    {
                        sent += 1
                        kill(process.processIdentifier, SIGINT)
                    }
                }
            }
            #expect(run.code == 130)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
        }
    }

    @Test("nothing is said where nothing is kept, or with --quiet")
    func silent() throws {
        let run = try interrupted([])
        #expect(run.code == 130 && !run.text.contains("Interrupted"))
        try TestFiles.withTemporaryFolder { folder in
            let file = folder + "/run.partial"
            let (process, errors) = (Process(), Pipe())
            process.executableURL = program
            process.arguments = [
                "eval", model, "--data", split, "--engine", "reference", "--quiet", "--resume", file,
            ]
            process.standardError = errors
            process.standardOutput = FileHandle.nullDevice
            try process.run()
            while process.isRunning, FileManager.default.contents(atPath: file)?.isEmpty ?? true {
                sched_yield()
            }
            kill(process.processIdentifier, SIGTERM)
            process.waitUntilExit()
            #expect(process.terminationStatus == 143)
            #expect(errors.fileHandleForReading.readDataToEndOfFile().isEmpty)
        }
    }
}
