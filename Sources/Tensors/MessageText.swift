extension Collection where Element: CustomStringConvertible {
    /// The first few in a sentence, and how many more there are: `conv1, conv2, conv3, … and 28 more`. No warning or error
    /// lists everything that a file holds.
    package func listed(_ limit: Int = 3) -> String {
        let shown = prefix(limit).map(\.description).joined(separator: ", ")
        return count > limit ? "\(shown), … and \(count - limit) more" : shown
    }
}

extension String {
    /// The text as one word of a shell command, to be pasted: in quotes where a shell would take a part of it for
    /// something else.
    package var shellWord: String {
        let isPlain = unicodeScalars.allSatisfy {
            $0.isASCII
                && ($0.properties.isAlphabetic || "0123456789_-./,:=+@%".unicodeScalars.contains($0))
        }
        if isPlain, !isEmpty, !hasPrefix("=") { return self }
        let isControl = { (scalar: Unicode.Scalar) in scalar.value < 32 || scalar.value == 127 }
        guard unicodeScalars.contains(where: isControl) else {
            // Scalars: a quote with a combining mark is one character, and no longer equal to a quote.
            return "'" + unicodeScalars.map { $0 == "'" ? "'\\''" : "\($0)" }.joined() + "'"
        }
        // What would end the line or move the cursor, as bash and zsh write it.
        let escaped = unicodeScalars.map { scalar in
            if isControl(scalar) {
                let octal = String(scalar.value, radix: 8)
                return "\\" + String(repeating: "0", count: 3 - octal.count) + octal
            }
            return scalar == "'" || scalar == "\\" ? "\\\(scalar)" : "\(scalar)"
        }
        return "$'" + escaped.joined() + "'"
    }
}

extension Int {
    /// `1 image`, `2 images`.
    package func counted(_ noun: String) -> String { "\(self) \(noun)\(self == 1 ? "" : "s")" }
}
