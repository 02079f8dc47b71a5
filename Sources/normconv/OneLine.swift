import ArgumentParser

/// Makes text with parts from files safe to print: no line ends, no terminal escapes, bounded length.
enum OneLine {
    /// The longest error, in bytes.
    private static let limit = 1_900
    /// What `Terminal.bold` adds.
    private static let bold = ["\u{1B}[1m", "\u{1B}[0m"]

    /// The error with a description of one line and bounded length. The end is kept, because it may be a command to paste.
    /// ArgumentParser's own errors are unchanged.
    static func failure(_ error: any Error) -> any Error {
        guard NormConv.exitCode(for: error) == .failure, !(error is ExitCode) else { return error }
        // An empty path, for example from an unset shell variable.
        let text = "\(error)".hasPrefix(": ") ? "''\(error)" : "\(error)"
        let cut = text.utf8.count > limit ? "\(text.prefix(limit / 4)) … \(text.suffix(limit * 3 / 4))" : text
        return Failure(description: printable(cut))
    }

    private struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// The text with control characters as escapes (`\n`, `\u{1B}`), except those for bold text, and the name of
    /// standard input for its path.
    static func printable(_ text: String) -> String {
        let text = StandardStreams.naming(text)
        guard text.unicodeScalars.contains(where: isControl) else { return text }
        var result = ""
        var rest = Substring(text)
        while let scalar = rest.unicodeScalars.first {
            if let code = bold.first(where: rest.hasPrefix) {
                result += code
                rest = rest.dropFirst(code.count)
            } else {
                result += isControl(scalar) ? scalar.escaped(asASCII: true) : String(scalar)
                rest.unicodeScalars.removeFirst()
            }
        }
        return result
    }

    /// C0, delete, C1, the line and paragraph separators, and controls of the text direction.
    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<32, 127..<160, 0x2028, 0x2029, 0x202A...0x202E, 0x2066...0x2069: true
        default: false
        }
    }
}
