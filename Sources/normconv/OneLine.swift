import ArgumentParser

/// Text of which a part comes out of files: it must not end the line, move a terminal's cursor or fill the screen.
enum OneLine {
    /// Letters of an error.
    private static let limit = 1_900
    /// What `Terminal.bold` adds.
    private static let bold = ["\u{1B}[1m", "\u{1B}[0m"]

    /// A failure whose description is one line of bounded length, of which the end stays where a command to paste may stand; ArgumentParser's own errors stay as they are.
    static func failure(_ error: any Error) -> any Error {
        guard NormConv.exitCode(for: error) == .failure, !(error is ExitCode) else { return error }
        // An empty path, as an unset variable of the shell gives.
        let text = "\(error)".hasPrefix(": ") ? "''\(error)" : "\(error)"
        let cut = text.utf8.count > limit ? "\(text.prefix(limit / 4)) … \(text.suffix(limit * 3 / 4))" : text
        return Failure(description: printable(cut))
    }

    private struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// The text with control characters as escapes (`\n`, `\u{1B}`), but for what makes letters bold.
    static func printable(_ text: String) -> String {
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

    /// C0, delete, C1, and the line and paragraph separators. Also what turns the direction of text around.
    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<32, 127..<160, 0x2028, 0x2029, 0x202A...0x202E, 0x2066...0x2069: true
        default: false
        }
    }
}
