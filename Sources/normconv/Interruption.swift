import Dispatch
import Foundation
import NormConvKit
import Synchronization

/// Ctrl-C and its relatives leave no temporary file behind.
enum Interruption {
    /// A last line for people, or nil: called on another thread, when the progress line is cleared and before the program
    /// ends.
    static let farewell = Mutex<@Sendable () -> String?>({ nil })

    nonisolated(unsafe) private static var sources: [any DispatchSourceSignal] = []

    /// Called once, before any thread is started.
    static func install() {
        // A limit of file sizes (`ulimit -f`) is told as a full disk is, instead of ending the program.
        signal(SIGXFSZ, SIG_IGN)
        for number in [SIGINT, SIGQUIT, SIGTERM, SIGHUP] {
            // Ignored from the start means that somebody else decided: nohup, a job in the background.
            let previous = unsafeBitCast(signal(number, SIG_IGN), to: Int.self)
            guard previous != unsafeBitCast(SIG_IGN, to: Int.self) else { continue }
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                AtomicFile.exitRemovingTemporaries(128 + number) { lastWords() }
            }
            source.resume()
            sources.append(source)
        }
    }

    /// What is said before the end.
    private static func lastWords() {
        Terminal.endLine()
        if let text = farewell.withLock({ $0 })() { Terminal.note(text) }
    }
}
