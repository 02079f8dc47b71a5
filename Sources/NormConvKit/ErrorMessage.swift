/// What an error's message tells of its parts. Messages have one form, so that no case has to say it twice:
/// `PLACE: OBJECT: FOUND, expected EXPECTED; THE WAY ON`.
package struct ErrorMessage: Equatable {
    /// The thing that is named first: `layer 'stem_bn': …`, `'x_test': …`, `--init noise: …`.
    package private(set) var object: String?
    /// What stands before `expected`, or behind `found`.
    package private(set) var found: String?
    /// What stands behind `expected`, up to the way on.
    package private(set) var expected: String?

    private static let expectation = [", expected ", "; expected ", ", but expected "]
    /// What may stand before the object's name.
    private static let kinds = [
        "", "layer ", "parameter ", "tensor ", "module ", "attribute ", "shard ", "class ", "option ",
    ]

    /// Reads a message; `file` is the path that it begins with, if it does.
    package init(_ message: String, file: String? = nil) {
        var text = Substring(message)
        if let file, text.hasPrefix(file) { text = text.dropFirst(file.count).drop { $0 != " " }.dropFirst() }
        object = Self.object(text)
        let marks = Self.expectation.compactMap { text.firstRange(of: $0) }
        if let mark = marks.min(by: { $0.lowerBound < $1.lowerBound }) {
            expected = String(Self.clause(text[mark.upperBound...]))
            found = Self.lastPart(text[..<mark.lowerBound])
        } else if text.hasPrefix("found ") || text.contains(": found "),
            let mark = text.firstRange(of: "found ")
        {
            found = String(Self.clause(text[mark.upperBound...]))
        }
    }

    private static func object(_ text: Substring) -> String? {
        if text.hasPrefix("--") { return String(text.prefix { $0 != " " && $0 != ":" }) }
        guard let kind = kinds.last(where: { text.hasPrefix($0 + "'") }) else { return nil }
        let name = text.dropFirst(kind.count + 1).prefix { $0 != "'" }
        return name.isEmpty ? nil : String(name)
    }

    /// What is said last: behind `found`, else behind the last colon.
    private static func lastPart(_ text: Substring) -> String? {
        let ends = [": ", "found ", "Found "].compactMap { text.ranges(of: $0).last?.upperBound }
        let part = text[(ends.max() ?? text.startIndex)...]
        return part.isEmpty ? nil : String(part)
    }

    /// The text up to the end of its clause, which is not inside brackets or quotes.
    private static func clause(_ text: Substring) -> Substring {
        var (depth, isQuoted, before) = (0, false, Character(" "))
        for index in text.indices {
            let next = text.index(after: index)
            let after = next == text.endIndex ? " " : text[next]
            switch text[index] {
            // An apostrophe stands between letters.
            case "'": isQuoted = isQuoted ? after.isLetter : !before.isLetter
            case "(", "[": depth += 1
            case ")", "]": depth -= 1
            case ";", ":", ".": if after == " ", depth <= 0, !isQuoted { return text[..<index] }
            default: break
            }
            before = text[index]
        }
        return text
    }
}

extension ErrorMessage {
    /// Reads a usage error: `--workers must be between 1 and 1024.`, `The value 'x' is invalid for '--seed <seed>'`.
    package init(usage message: String) {
        self.init(message)
        object =
            Self.option(message)
            ?? Self.quoted(message, before: ["Missing expected argument ", "There is no command "])
        found = found ?? Self.quoted(message, before: ["The value "])
        for mark in [" must be ", "Please provide one of ", ": expected "] where expected == nil {
            guard let range = message.firstRange(of: mark) else { continue }
            var clause = Self.clause(message[range.upperBound...])
            if let other = clause.firstRange(of: ", not ") {
                found = found ?? String(clause[other.upperBound...])
                clause = clause[..<other.lowerBound]
            }
            expected = String(clause)
        }
    }

    /// The option that a usage error names first.
    private static func option(_ message: String) -> String? {
        let words = message.split { " ',.:=".contains($0) }
        return words.first { $0.hasPrefix("--") && $0.count > 2 }.map(String.init)
    }

    private static func quoted(_ message: String, before marks: [String]) -> String? {
        guard let mark = marks.first(where: message.hasPrefix) else { return nil }
        let text = message.dropFirst(mark.count + 1).prefix { $0 != "'" }
        return text.isEmpty ? nil : String(text)
    }
}
