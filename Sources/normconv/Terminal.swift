import Foundation
import NormConvKit
import Synchronization

/// What is said to people: results on standard output, all else on standard error.
enum Terminal {
    /// Whether standard error is a terminal that shows progress.
    static let showsProgress = isatty(STDERR_FILENO) == 1

    private static let usesColour =
        isatty(STDOUT_FILENO) == 1 && (ProcessInfo.processInfo.environment["NO_COLOR"] ?? "").isEmpty

    /// Takes the places of standard input, output and error where they are closed: a file that is opened next would get
    /// them, and everything that is printed. What is written to them goes on failing.
    static func holdDescriptors() {
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
            _ = open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY)
        }
    }

    /// Bold, where colours are wanted.
    static func bold(_ text: String) -> String { usesColour ? "\u{1B}[1m\(text)\u{1B}[0m" : text }

    /// Results, to standard output; throws where they cannot be written, so that nobody takes half for whole.
    static func result(_ text: String) throws {
        do {
            try FileHandle.standardOutput.write(contentsOf: Data(text.utf8))
        } catch {
            throw CannotPrint(reason: String(cString: strerror(errno)))
        }
    }

    /// Results, line by line.
    static func result(_ lines: [String]) throws {
        try result(lines.map(OneLine.printable).joined(separator: "\n") + "\n")
    }

    /// Text to standard error; one that is closed or full is no reason to stop.
    static func error(_ text: String) { try? FileHandle.standardError.write(contentsOf: Data(text.utf8)) }

    /// A line on standard error.
    static func note(_ text: String) { error(OneLine.printable(text) + "\n") }

    /// Clears a progress line that may stand there.
    static func endLine() {
        if showsProgress { error("\r\u{1B}[K") }
    }
}

/// Standard output that cannot be written.
struct CannotPrint: Error, CustomStringConvertible {
    let reason: String

    var description: String { "standard output: cannot be written: \(reason)" }
}

/// A line on standard error that counts images, where that is a terminal.
final class ProgressLine: Sendable {
    private struct State {
        var done = 0
        var shown = ContinuousClock.now
    }
    private let title: String
    private let total: Int
    private let isOn: Bool
    private let start = ContinuousClock.now
    private let state = Mutex(State())

    init(_ title: String, total: Int, isOn: Bool) {
        self.title = title
        self.total = total
        self.isOn = isOn && Terminal.showsProgress
    }

    /// Counts images; at most ten times a second the line is written anew.
    func advance(_ images: Int) {
        guard isOn else { return }
        state.withLock { state in
            state.done += images
            guard ContinuousClock.now - state.shown > .milliseconds(100) else { return }
            state.shown = .now
            let seconds = (ContinuousClock.now - start) / .seconds(1)
            let line = Formatting.progress(title, done: state.done, of: total, seconds: seconds)
            Terminal.error("\r\u{1B}[K\(line)")
        }
    }

    /// Clears the line.
    func finish() { if isOn { Terminal.endLine() } }
}

/// A line on standard error that says how far a stage is, where that is a terminal.
final class StageLine {
    private let isOn: Bool
    private let start = ContinuousClock.now
    private var shown: ContinuousClock.Instant?

    init(isOn: Bool) { self.isOn = isOn && Terminal.showsProgress }

    /// At most ten times a second the line is written anew.
    func show(_ progress: CalibrationProgress) {
        let now = ContinuousClock.now
        guard isOn, shown.map({ now - $0 > .milliseconds(100) }) ?? true else { return }
        shown = now
        let seconds = Formatting.fixed((now - start) / .seconds(1), digits: 0)
        Terminal.error(
            "\r\u{1B}[Kcalibrating: \(progress.stage) \(progress.done)/\(progress.total)  \(seconds) s")
    }

    /// Clears the line.
    func finish() { if isOn { Terminal.endLine() } }
}
