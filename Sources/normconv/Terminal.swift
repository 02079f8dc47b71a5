import Foundation
import NormConvKit
import Synchronization

/// Prints results to standard output and everything else to standard error.
enum Terminal {
    /// Whether the terminal supports escape sequences: not if TERM is `dumb`, empty or not set.
    private static let understandsEscapes = !["", "dumb"].contains(environment("TERM"))

    /// Whether standard error is a terminal that shows progress.
    static let showsProgress = isatty(STDERR_FILENO) == 1 && understandsEscapes

    private static let usesColour =
        isatty(STDOUT_FILENO) == 1 && understandsEscapes && environment("NO_COLOR").isEmpty

    private static func environment(_ name: String) -> String {
        ProcessInfo.processInfo.environment[name] ?? ""
    }

    /// The current width of the terminal at standard error; 80 if it is unknown.
    private static var columns: Int {
        var size = winsize()
        guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    /// Reserves the descriptors of standard input, output and error if they are closed. Otherwise the next opened file would
    /// get one of them, and receive everything that is printed. Writing to a reserved descriptor still fails.
    static func holdDescriptors() {
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
            _ = open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY)
        }
    }

    /// Bold text, if colours are on.
    static func bold(_ text: String) -> String { usesColour ? "\u{1B}[1m\(text)\u{1B}[0m" : text }

    private static let written = Mutex(false)

    /// Whether results were written.
    static var hasResult: Bool { written.withLock { $0 } }

    /// Writes results to standard output. Throws if that fails, so that incomplete results do not go unnoticed.
    static func result(_ text: String) throws {
        written.withLock { $0 = true }
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

    /// Writes text to standard error. Failures are ignored.
    static func error(_ text: String) { try? FileHandle.standardError.write(contentsOf: Data(text.utf8)) }

    /// A line on standard error.
    static func note(_ text: String) { error(OneLine.printable(text) + "\n") }

    /// Rewrites the progress line, one column short of the terminal's width: a full line would wrap.
    static func progress(_ text: ProgressText) {
        error("\r\u{1B}[K" + text.line(columns: columns - 1))
    }

    /// Clears the progress line.
    static func endLine() {
        if showsProgress { error("\r\u{1B}[K") }
    }
}

/// Standard output that cannot be written.
struct CannotPrint: Error, CustomStringConvertible {
    let reason: String

    var description: String { "standard output: cannot be written: \(reason)" }
}
