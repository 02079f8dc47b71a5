import Foundation
import NormConvKit

/// What is said to people: results on standard output, all else on standard error.
enum Terminal {
    /// Whether terminals understand escape sequences: not where TERM is `dumb`, empty or not set.
    private static let understandsEscapes = !["", "dumb"].contains(environment("TERM"))

    /// Whether standard error is a terminal that shows progress.
    static let showsProgress = isatty(STDERR_FILENO) == 1 && understandsEscapes

    private static let usesColour =
        isatty(STDOUT_FILENO) == 1 && understandsEscapes && environment("NO_COLOR").isEmpty

    private static func environment(_ name: String) -> String {
        ProcessInfo.processInfo.environment[name] ?? ""
    }

    /// The columns of the terminal at standard error as it is now; 80 where it does not say.
    private static var columns: Int {
        var size = winsize()
        guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

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

    /// Writes the progress line anew, one column short of the terminal's width: a full line would wrap.
    static func progress(_ text: ProgressText) {
        error("\r\u{1B}[K" + text.line(columns: columns - 1))
    }

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
