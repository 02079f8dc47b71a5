import CSignalStorm
import Foundation

/// `signal-storm JOB FOLDER SIGNALS`: repeats a job of the library until so many signals were sent to this process, in which the
/// handlers are the program's own. `FOLDER` has the fixtures.
///
/// Prints `sent N, handled N, misplaced N, different N`: handlers that ran where the library computes, and runs whose results
/// were other ones than without signals.
@main
struct SignalStorm {
    static func main() throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 4, let job = Job(rawValue: arguments[1]), let signals = Int(arguments[3])
        else {
            FileHandle.standardError.write(Data("signal-storm JOB FOLDER SIGNALS\n".utf8))
            exit(64)
        }
        let run = try job.prepared(fixtures: arguments[2])
        let expected = try run()
        storm_start()
        var different = 0
        repeat {
            if try run() != expected { different += 1 }
        } while storm_sent() < signals
        storm_stop()
        print(
            "sent \(storm_sent()), handled \(storm_handled()), misplaced \(storm_misplaced()), different \(different)"
        )
    }
}
