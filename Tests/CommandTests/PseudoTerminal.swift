import Foundation

/// What a run of the program wrote to a terminal.
struct TerminalRun {
    let code: Int32
    /// Standard output and standard error as they came, with escape sequences.
    let text: String

    /// The texts that stood in the progress line one after another: each begins where the line is cleared, and is cleared
    /// itself by the next.
    var progress: [String] {
        text.components(separatedBy: "\r\u{1B}[K").dropFirst().dropLast()
            .filter { !$0.isEmpty && !$0.contains("\r\n") }
    }

    /// What stays on the screen, line by line.
    var lines: [String] {
        let shown = text.components(separatedBy: "\r\n").map {
            $0.components(separatedBy: "\r\u{1B}[K").last ?? ""
        }
        return shown.last == "" ? Array(shown.dropLast()) : shown
    }
}

/// What stands between the program and a test: a terminal of so many columns, without a screen.
final class PseudoTerminal {
    private let master: Int32
    private let slave: Int32

    init(columns: Int) throws {
        var (master, slave) = (Int32(-1), Int32(-1))
        guard openpty(&master, &slave, nil, nil, nil) == 0 else { throw CocoaError(.fileReadUnknown) }
        // Programs of other tests do not get them: the end of a run is when its program has closed them.
        for descriptor in [master, slave] { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        (self.master, self.slave) = (master, slave)
        resize(columns)
    }

    deinit { close(master) }

    /// Gives it another width.
    func resize(_ columns: Int) {
        var size = winsize(ws_row: 24, ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
        _ = ioctl(master, UInt(TIOCSWINSZ), &size)
    }

    /// Runs the program to its end, once. `onText` gets all that has come whenever there is more.
    func run(
        _ arguments: [String], environment: [String: String],
        onText: (String, Process) -> Void = { _, _ in }
    ) throws -> TerminalRun {
        let process = Process()
        process.executableURL = program
        process.arguments = arguments
        process.environment = environment
        process.standardInput = FileHandle.nullDevice
        let terminal = FileHandle(fileDescriptor: slave, closeOnDealloc: false)
        process.standardOutput = terminal
        process.standardError = terminal
        try process.run()
        close(slave)
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(master, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            // When the last writer has gone, Linux says EIO.
            guard count > 0 else { break }
            bytes += buffer[..<count]
            onText(String(decoding: bytes, as: UTF8.self), process)
        }
        process.waitUntilExit()
        return TerminalRun(code: process.terminationStatus, text: String(decoding: bytes, as: UTF8.self))
    }
}

/// Runs the program in a terminal of so many columns; without TERM where `term` is nil.
func normconv(
    columns: Int, term: String? = "xterm-256color", _ arguments: [String],
    onText: (String, Process) -> Void = { _, _ in }
) throws -> TerminalRun {
    var environment = ["PATH": "/usr/bin:/bin"]
    environment["TERM"] = term
    return try PseudoTerminal(columns: columns).run(
        withoutEstimate(arguments), environment: environment, onText: onText)
}
