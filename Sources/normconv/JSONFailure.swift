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
        let failure = JSONFailure(
            error: code == .failure
                ? details(error) : usage(Suggestion.message(for: error, arguments: arguments)))
        if let text = try? JSONReport.text(failure) { try? Terminal.result(text) }
    }

    private static func details(_ error: any Error) -> Details {
        let told = NormConvError(error)
        return Details(
            message: "\(OneLine.failure(error))", file: told.file.map(StandardStreams.naming),
            object: told.object, found: told.found,
            expected: told.expected, exitCode: ExitCode.failure.rawValue)
    }

    /// The first line of a usage error, without its prefix, and what it tells.
    private static func usage(_ message: String) -> Details {
        let end = ["\nHelp: ", "\nUsage: "].compactMap { message.range(of: $0)?.lowerBound }.min()
        // A choice of many values has a line for each.
        let text = message.prefix(upTo: end ?? message.endIndex)
            .replacing("the following:\n  - ", with: "").replacing("\n  - ", with: ", ")
        let printed = OneLine.printable(String(text))
        let line = printed.hasPrefix("Error: ") ? String(printed.dropFirst(7)) : printed
        let told = ErrorMessage(usage: line)
        return Details(
            message: line, object: told.object, found: told.found, expected: told.expected,
            exitCode: ExitCode.validationFailure.rawValue)
    }
}
