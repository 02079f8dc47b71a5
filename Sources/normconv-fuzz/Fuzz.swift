import ArgumentParser
import CCrashGuard
import Foundation
import Tensors

/// Damages good files in every way and reads them: the readers must neither crash nor hang nor fill the memory.
///
/// The inputs are numbered; the same number, seed and files give the same input. Each is read by a process of its own, as
/// normconv is one for each command: what a library damages in its memory is found where it shows.
@main
struct Fuzz: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "normconv-fuzz",
        abstract: "Reads damaged copies of good files and counts what the readers do not survive.",
        discussion: """
            EXAMPLES
              normconv-fuzz seeds --count 200000
              normconv-fuzz seeds --first 4711 --count 1 --keep here

            Exit codes: 0 nothing but crashes inside C libraries, of which normconv
            makes errors, 1 anything else, also where reading changed a file.
            """)

    @Argument(help: "A folder of good files, small ones.")
    var seeds: String

    @Option(help: "How many inputs.")
    var count = 5_000

    @Option(help: "The number of the first one.")
    var first = 0

    @Option(help: "Another seed gives other inputs.")
    var seed: UInt64 = 0

    @Option(help: "Only seeds whose name has this in it.")
    var only: String?

    @Option(help: "Seconds by the clock that an input may take.")
    var seconds: UInt32 = 60

    @Option(help: "MiB that reading may come to; 0, for a sanitizer, is no limit.")
    var memory = 600

    @Option(help: "A folder for the inputs that were not survived.")
    var keep: String?

    @Option(help: .hidden)
    var worker: String?

    func run() throws {
        let corpus = try Corpus(folder: seeds, only: only, seed: seed)
        if let worker {
            let reader = try Worker(
                corpus: corpus, state: SharedState(path: worker), weights: seeds + "/weights.h5",
                seconds: seconds, mostMemory: memory << 20)
            reader.run(first..<first + count)
        } else {
            try supervise(corpus)
        }
    }

    /// Starts a worker for all inputs, and another one after each input that is not survived.
    private func supervise(_ corpus: Corpus) throws {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("normconv-fuzz-\(ProcessInfo.processInfo.processIdentifier)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let state = try SharedState(path: folder + "/state")
        var failures: [Failure] = []
        var next = first
        let start = ContinuousClock.now
        while next < first + count {
            guard let end = try worker(from: next, folder: folder, state: state) else { break }
            let input = corpus.input(state.input)
            failures.append(Failure(input: state.input, format: input.format, end: end))
            if !input.isUnchanged(in: folder) { state.countChanged(input.format) }
            if let keep {
                try FileManager.default.createDirectory(atPath: keep, withIntermediateDirectories: true)
                let name = "\(keep)/\(end)-\(state.input).\(input.ending)".replacingOccurrences(
                    of: " ", with: "-")
                try Data(input.bytes).write(to: URL(fileURLWithPath: name))
            }
            next = state.input + 1
        }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        print(Self.table(failures, state: state))
        print("\(count) inputs of \(corpus.count) files, seed \(seed), \(Int(seconds)) s")
        for failure in failures.prefix(50) { print(failure) }
        let anyChanged = Format.allCases.contains { state.changed($0) > 0 }
        if anyChanged || failures.contains(where: { ![.library, .afterwards].contains($0.end) }) {
            throw ExitCode.failure
        }
    }

    /// Runs a worker until it ends. Nil where it came to the end of all inputs.
    private func worker(from number: Int, folder: String, state: SharedState) throws -> Failure.End? {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        process.arguments =
            [seeds, "--first", "\(number)", "--count", "\(first + count - number)", "--seed", "\(seed)"]
            + ["--seconds", "\(seconds)", "--memory", "\(memory)", "--worker", folder + "/state"]
            + (only.map { ["--only", $0] } ?? [])
        process.environment = ProcessInfo.processInfo.environment.merging(["TMPDIR": folder]) { $1 }
        let errors = folder + "/errors"
        _ = FileManager.default.createFile(atPath: errors, contents: nil)
        process.standardError = FileHandle(forWritingAtPath: errors)
        state.input = number
        try process.run()
        process.waitUntilExit()
        switch (process.terminationReason, process.terminationStatus) {
        case (.exit, 0): return nil
        case (.exit, 1):
            let text = (try? String(contentsOfFile: errors, encoding: .utf8)) ?? ""
            return text.contains("crashed afterwards") ? .afterwards : .library
        case (.exit, Worker.memoryExit): return .memory
        case (.uncaughtSignal, SIGALRM): return .hang
        case (.exit, Worker.systemExit): throw POSIXError(.EIO)
        case (_, let code): return .crash(code)
        }
    }

    private static func table(_ failures: [Failure], state: SharedState) -> String {
        var lines = [
            "format         inputs  accepted  in C libraries  afterwards  crashes  hangs  memory  changed"
        ]
        for format in Format.allCases {
            let own = failures.filter { $0.format == format }
            let crashes = own.count { if case .crash = $0.end { true } else { false } }
            let numbers = [
                (state.tried(format) + own.count, 10), (state.accepted(format), 10),
                (own.count { $0.end == .library }, 16), (own.count { $0.end == .afterwards }, 12),
                (crashes, 9),
                (own.count { $0.end == .hang }, 7), (own.count { $0.end == .memory }, 8),
                (state.changed(format), 9),
            ].map { number, width in
                String(repeating: " ", count: max(0, width - "\(number)".count)) + "\(number)"
            }
            lines.append(
                format.rawValue.padding(toLength: 11, withPad: " ", startingAt: 0) + numbers.joined())
        }
        return lines.joined(separator: "\n")
    }
}

/// An input that was not survived.
struct Failure: CustomStringConvertible {
    let input: Int
    let format: Format
    let end: End

    enum End: Equatable, CustomStringConvertible {
        /// A crash or an endless loop inside a C library, of which normconv makes an error.
        case library
        /// A crash elsewhere after a C library failed, of which normconv makes one too.
        case afterwards
        case crash(Int32)
        case hang
        case memory

        var description: String {
            switch self {
            case .library: "library"
            case .afterwards: "afterwards"
            case .crash(let signal): "signal \(signal)"
            case .hang: "hang"
            case .memory: "memory"
            }
        }
    }

    var description: String { "input \(input) (\(format)): \(end)" }
}
