import ArgumentParser
import Foundation
import NormConvKit

/// What `--json` prints on standard output where a command fails: `{"error": {...}}`. Standard error has the same for people.
struct JSONFailure: Encodable {
    /// One line for people, the file, the object in it, what was found and what was expected, as far as they are known.
    struct Details: Encodable {
        var message: String
        var file: String?
        var object: String?
        var found: String?
        var expected: String?
        /// 1 failure, 64 usage error.
        var exitCode: Int32
    }

    let schemaVersion = 1
    let error: Details

    /// Prints the error where these arguments ask for JSON, and nothing was printed yet.
    static func print(_ error: any Error, arguments: [String]) {
        let code = NormConv.exitCode(for: error)
        guard arguments.prefix(while: { $0 != "--" }).contains("--json"), !Terminal.hasResult,
            !(error is ExitCode), [.failure, .validationFailure].contains(code)
        else { return }
        let told = NormConvError(error)
        let message =
            code == .failure
            ? "\(OneLine.failure(error))" : usage(Suggestion.message(for: error, arguments: arguments))
        let failure = JSONFailure(
            error: Details(
                message: message, file: told.file, object: told.object, found: told.found,
                expected: told.expected, exitCode: code.rawValue))
        if let text = try? JSONReport.text(failure) { try? Terminal.result(text) }
    }

    /// The first line of a usage error, without its prefix.
    private static func usage(_ message: String) -> String {
        let end = ["\nHelp: ", "\nUsage: "].compactMap { message.range(of: $0)?.lowerBound }.min()
        let line = OneLine.printable(String(message.prefix(upTo: end ?? message.endIndex)))
        return line.hasPrefix("Error: ") ? String(line.dropFirst(7)) : line
    }
}
