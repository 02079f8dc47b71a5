import CCrashGuard
import Foundation
import NormConvKit
import Synchronization

/// Signals go to one thread that computes nothing: Ctrl-C and its relatives leave no temporary file behind, and no handler runs
/// on a thread that computes.
enum Interruption {
    /// A last line for people, or nil: called on another thread, when the progress line is cleared and before the program
    /// ends.
    static let farewell = Mutex<@Sendable () -> String?>({ nil })

    /// Called once, before any thread is started: all of them inherit that signals are blocked.
    static func install() {
        // A limit of file sizes (`ulimit -f`) is told as a full disk is, instead of ending the program.
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

    /// Takes the signals that end the program; all others (Ctrl-Z, a profiler's) do here what they do anywhere.
    private static func wait(for ends: sigset_t) {
        withUnsafePointer(to: ends) { ends in
            pthread_sigmask(SIG_SETMASK, ends, nil)
            var number: Int32 = 0
            while sigwait(ends, &number) != 0 {}
            AtomicFile.exitRemovingTemporaries(128 + number) { lastWords() }
        }
    }

    /// Ignored from the start means that somebody else decided: nohup, a job in the background.
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

    /// A closed pipe ends the program as it ends others: nothing of ours handles that signal, so that nothing is interrupted.
    private static func unblock(_ number: Int32) {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, number)
        pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    }

    /// What is said before the end.
    private static func lastWords() {
        Terminal.endLine()
        if let text = farewell.withLock({ $0 })() { Terminal.note(text) }
    }
}
