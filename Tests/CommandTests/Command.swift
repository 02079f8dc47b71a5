import Foundation
import TestSupport
import Testing

/// What a run of the program gave.
struct Run {
    let code: Int32
    let output: String
    let errors: String

    /// The one object that `--json` writes.
    func json() throws -> [String: Any] {
        let object = try JSONSerialization.jsonObject(with: Data(output.utf8))
        return object as? [String: Any] ?? [:]
    }
}

/// Runs the program that was built beside the tests.
func normconv(_ arguments: String...) throws -> Run { try normconv(arguments) }

/// Runs the program with what a shell does around it: `$0` of `script` is the program, `$@` are the arguments.
func normconv(inShell script: String, _ arguments: String...) throws -> Run {
    try normconv(inShell: script, arguments)
}

/// The same, of a list.
func normconv(inShell script: String, _ arguments: [String]) throws -> Run {
    try run(URL(fileURLWithPath: "/bin/sh"), ["-c", script, program.path] + arguments)
}

/// Runs the program that was built beside the tests. Agreement is estimated only where a test asks for it: most fixtures have random
/// weights.
func normconv(_ arguments: [String]) throws -> Run { try run(program, withoutEstimate(arguments)) }

/// The arguments, with no estimate of a conversion's agreement unless they say something about it.
func withoutEstimate(_ arguments: [String]) -> [String] {
    let saysNothing = !arguments.contains { ["--min-agreement", "--compare-recipes"].contains($0) }
    let keepsNorms = zip(arguments, arguments.dropFirst()).contains { $0 == ("--to", "none") }
    guard arguments.first == "convert", saysNothing, !keepsNorms else { return arguments }
    return arguments + ["--min-agreement", "0"]
}

/// Runs another program that was built beside the tests, with more in its environment.
func run(_ name: String, _ arguments: [String], environment: [String: String]) throws -> Run {
    try run(built(name), arguments, environment: environment)
}

private func run(
    _ executable: URL, _ arguments: [String], environment: [String: String] = [:]
) throws -> Run {
    let process = Process()
    process.executableURL = executable
    process.arguments = arguments
    // What a sanitizer is told holds for the program too.
    let sanitizers = ProcessInfo.processInfo.environment.filter { $0.key.hasSuffix("SAN_OPTIONS") }
    process.environment = ["NO_COLOR": "1", "PATH": "/usr/bin:/bin"].merging(sanitizers) { $1 }
        .merging(environment) { $1 }
    let (output, errors) = (Pipe(), Pipe())
    process.standardOutput = output
    process.standardError = errors
    process.standardInput = FileHandle.nullDevice
    try process.run()
    // Standard error holds a few lines: it fits in the pipe while the other one is read to its end.
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    let remarks = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return Run(code: process.terminationStatus, output: text, errors: remarks)
}

let program = built("normconv")

/// A program of this package, beside the tests.
private func built(_ name: String) -> URL {
    let tests = CommandLine.arguments.first { $0.contains(".xctest") } ?? CommandLine.arguments[0]
    var folder = URL(fileURLWithPath: tests).deletingLastPathComponent()
    for _ in 0..<4 {
        let candidate = folder.appendingPathComponent(name)
        if FileManager.default.isExecutableFile(atPath: candidate.path) { return candidate }
        folder.deleteLastPathComponent()
    }
    return URL(fileURLWithPath: "\(name) is not beside the tests")
}
