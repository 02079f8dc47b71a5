import Foundation
import TestSupport
import Testing

private let model = TestFiles.fixture("mnist-resnet.keras3.h5")
private let other = TestFiles.fixture("mnist-sequential.keras3.h5")
private let split = TestFiles.fixture("mnist-test-100.npz")

/// Every command, with little to do.
private let commands: [[String]] = [
    ["inspect", model],
    ["convert", model, "{folder}/plain.h5"],
    [
        "convert", model, "{folder}/calibrated.h5", "--calibrate", split, "--calibration-images", "16",
        "--epochs", "1",
    ],
    ["convert", model, "{folder}/made.h5", "--synthesize", "--calibration-images", "8"],
    ["eval", model, "--data", split],
    ["eval", model, other, "--data", split],
    ["merge", "{folder}/part"],
    ["sweep", model, "--data", split, "--batch-sizes", "10", "--shuffles", "1"],
    ["diff", model, model, "--data", split, "--images", "8"],
    ["benchmark", model, "--images", "5", "--repeats", "3", "--workers", "2", "--batch", "2"],
]

/// Commands that show no progress: they take no time.
private let quick: Set = ["inspect", "merge"]

@Suite("in a terminal")
struct TerminalTests {
    /// Runs a command in a folder that has a partial result.
    private func run(
        _ command: [String], columns: Int, term: String? = "xterm-256color"
    ) throws -> TerminalRun {
        try TestFiles.withTemporaryFolder { folder in
            if command[0] == "merge" {
                let part = try normconv("eval", model, "--data", split, "--partial", folder + "/part")
                #expect(part.code == 0, "\(part.errors)")
            }
            let arguments = command.map { $0.replacingOccurrences(of: "{folder}", with: folder) }
            return try normconv(columns: columns, term: term, arguments)
        }
    }

    @Test(
        "no progress line is as wide as the terminal or counts beyond its total, whatever the command",
        arguments: commands, [40, 60, 80, 200])
    func width(command: [String], columns: Int) throws {
        let run = try run(command, columns: columns)
        #expect(run.code == 0, "\(run.text)")
        #expect(run.progress.isEmpty == (quick.contains(command[0]) || command.count == 3), "\(run.text)")
        for line in run.progress {
            #expect(line.count < columns, "\(line)")
            #expect(line.contains(" left"), "\(line)")
            #expect(!line.contains("\u{1B}") && !line.contains("\n"), "\(line)")
            guard let match = line.firstMatch(of: /([0-9,]+)\/([0-9,]+)/) else { continue }
            let numbers = try [match.1, match.2].map { try #require(Int($0.replacing(",", with: ""))) }
            #expect(numbers[0] <= numbers[1], "\(line)")
            // Five images are eight: two for each of two workers, and as many again. Three repeats of them.
            if command.contains("5") { #expect(numbers[1] == 24, "\(line)") }
        }
        let rest = run.text.replacing(/\u{1B}\[(K|1m|0m)/, with: "")
        #expect(!rest.contains("\u{1B}"))
    }

    @Test(
        "calibration and synthesis say at once that the time left is being estimated, and then the time left",
        arguments: commands.filter { $0.contains("--calibrate") || $0.contains("--synthesize") })
    func timeLeft(command: [String]) throws {
        let run = try run(command, columns: 80)
        let first = try #require(run.progress.first)
        #expect(first.contains("estimating the time left") && !first.contains("#"), "\(first)")
        let unfinished = run.progress.filter { $0.contains("-]") }
        #expect(unfinished.contains { $0.contains(/[0-9]:[0-9][0-9] left/) }, "\(run.progress)")
        #expect(unfinished.contains { $0.contains("layers 1/") }, "\(run.progress)")
    }

    @Test(
        "a terminal that understands no escape sequences gets none", arguments: commands)
    func dumb(command: [String]) throws {
        // One way for each command, and all ways in all.
        let terms = ["dumb", "", nil]
        let term = terms[(commands.firstIndex(of: command) ?? 0) % 3]
        let run = try run(command, columns: 80, term: term)
        #expect(run.code == 0 && !run.text.contains("\u{1B}") && !run.text.isEmpty, "\(run.text)")
    }

    @Test("so does one without a TERM, and one whose TERM is empty or dumb", arguments: [nil, "", "dumb"])
    func dumbEval(term: String?) throws {
        let run = try run(["eval", model, other, "--data", split], columns: 80, term: term)
        #expect(run.code == 0 && !run.text.contains("\u{1B}") && run.text.contains("images/s"))
    }

    @Test("benchmark runs whole batches for each worker, and counts no further", arguments: [1, 64, 65])
    func benchmark(images: Int) throws {
        let run = try run(
            ["benchmark", model, "--input", "28x28x1", "--images", "\(images)", "--repeats", "2"],
            columns: 200)
        #expect(run.code == 0 && !run.progress.isEmpty, "\(run.text)")
        let counts = run.progress.compactMap { $0.firstMatch(of: /([0-9,]+)\/([0-9,]+) images/) }
        #expect(counts.count == run.progress.count && Set(counts.map(\.2)).count == 1)
    }

    @Test("the width is read whenever the line is written")
    func resized() throws {
        try TestFiles.withTemporaryFolder { folder in
            let terminal = try PseudoTerminal(columns: 120)
            let run = try terminal.run(
                [
                    "convert", model, folder + "/gn.h5", "--calibrate", split, "--calibration-images", "48",
                    "--epochs", "10",
                ], environment: ["TERM": "xterm"]
            ) { text, _ in
                if text.contains("layers") { terminal.resize(40) }
            }
            #expect(run.code == 0, "\(run.text)")
            let widths = run.progress.map(\.count)
            #expect(try #require(widths.first) > 60 && #require(widths.last) < 40, "\(widths)")
        }
    }

    @Test("--quiet shows no progress and no colour but in results")
    func quietness() throws {
        let run = try run(["eval", model, "--data", split, "--quiet"], columns: 80)
        #expect(run.code == 0 && run.progress.isEmpty && !run.text.contains("\r\u{1B}"))
    }

    @Test("a name cannot move the cursor from within the progress line")
    func names() throws {
        try TestFiles.withTemporaryFolder { folder in
            let path = folder + "/a\u{1B}[2J\u{7}.h5"
            try FileManager.default.copyItem(atPath: model, toPath: path)
            let run = try normconv(columns: 120, ["eval", path, "--data", split])
            #expect(run.code == 0 && !run.text.contains("\u{1B}[2J") && !run.text.contains("\u{7}"))
            #expect(run.progress.contains { $0.contains(#"\u{1B}[2J"#) }, "\(run.progress)")
        }
    }
}
