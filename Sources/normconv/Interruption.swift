import Dispatch
import Foundation
import NormConvKit

/// Ctrl-C and its relatives leave no temporary file behind.
enum Interruption {
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
                AtomicFile.exitRemovingTemporaries(128 + number) { Terminal.endLine() }
            }
            source.resume()
            sources.append(source)
        }
    }
}
