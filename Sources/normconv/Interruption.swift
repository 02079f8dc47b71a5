import CCrashGuard
import Foundation
import NormConvKit
import Synchronization
import Threads

/// One thread that computes nothing receives all signals. Ctrl-C and similar signals leave no temporary file, and no
/// handler runs on a computing thread.
enum Interruption {
    /// Returns the last message, or nil. Called on the signal thread, after the progress line is cleared and before the
    /// program ends.
    static let farewell = Mutex<@Sendable () -> String?>({ nil })

    /// Asked at a first Ctrl-C, on the signal thread: whether the work that is running ends by itself soon. Then the program goes
    /// on, and a second Ctrl-C ends it.
    static let endsEarly = Mutex<@Sendable () -> Bool>({ false })

    /// Called once, before any thread starts: all threads inherit the blocked signals.
    static func install() {
        // A file size limit (`ulimit -f`) is reported like a full disk, instead of ending the program.
        signal(SIGXFSZ, SIG_IGN)
        nc_guard_block_signals(nil)
        unblock(SIGPIPE)
        var ends = sigset_t()
        sigemptyset(&ends)
        for number in [SIGINT, SIGQUIT, SIGTERM, SIGHUP] where !isIgnored(number) { sigaddset(&ends, number) }
        let waiting = Thread { [ends] in wait(for: ends) }
        waiting.stackSize = 1 << 18
        waiting.start()
    }

    /// Waits for the signals that end the program. All others (Ctrl-Z, a profiler's) keep their default action.
    private static func wait(for ends: sigset_t) {
        withUnsafePointer(to: ends) { ends in
            pthread_sigmask(SIG_SETMASK, ends, nil)
            var number: Int32 = 0
            repeat {
                while sigwait(ends, &number) != 0 {}
            } while number == SIGINT && endsEarly.withLock({ $0 })()
            AtomicFile.exitRemovingTemporaries(128 + number) { lastWords() }
        }
    }

    /// Whether the parent process ignores the signal, such as nohup or a shell for a background job.
    private static func isIgnored(_ number: Int32) -> Bool {
        var action = sigaction()
        sigaction(number, nil, &action)
        #if canImport(Darwin)
            let handler = action.__sigaction_u.__sa_handler
        #else
            let handler = action.__sigaction_handler.sa_handler
        #endif
        return unsafeBitCast(handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
    }

    /// Restores the default action of a signal: a closed pipe ends the program.
    private static func unblock(_ number: Int32) {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, number)
        pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    }

    /// Prints the last message.
    private static func lastWords() {
        Terminal.endLine()
        if let text = farewell.withLock({ $0 })() { Terminal.note(text) }
    }
}

/// Runs what a first Ctrl-C ends with what it has: `what` names it.
func endingEarly<Result: Sendable>(
    _ what: String, quiet: Bool, _ body: () async throws -> Result
) async throws -> Result {
    let end = EarlyEnd()
    Interruption.endsEarly.withLock {
        $0 = {
            guard end.request() else { return false }
            if !quiet {
                Terminal.endLine()
                Terminal.note("Ending \(what). Press Ctrl-C again to stop without a file.")
            }
            return true
        }
    }
    defer { Interruption.endsEarly.withLock { $0 = { false } } }
    return try await EarlyEnd.$current.withValue(end) { try await body() }
}
