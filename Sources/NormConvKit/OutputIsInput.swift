import Foundation

/// An output that is the same file as one of the inputs.
package struct OutputIsInput: Error, CustomStringConvertible {
    let output: String
    let input: String

    /// The message in one line.
    package var description: String {
        "\(output): is the input \(input), which the results would overwrite; name another file"
    }

    /// Throws where a file is one of the inputs.
    package static func check(_ output: String, _ inputs: [String]) throws(OutputIsInput) {
        guard let file = identity(output) else { return }
        for input in inputs where identity(input) == file {
            throw OutputIsInput(output: output, input: input)
        }
    }

    /// Whether both are one file, however they are called.
    package static func areOne(_ first: String, _ second: String) -> Bool {
        first == second || identity(first).map { $0 == identity(second) } ?? false
    }

    /// What tells a file from others, however it is called.
    private static func identity(_ path: String) -> [UInt64]? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return [UInt64(truncatingIfNeeded: status.st_dev), UInt64(status.st_ino)]
    }
}
