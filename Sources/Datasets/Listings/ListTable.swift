import Foundation

/// The lines of a list, split into fields.
struct ListTable {
    /// The separator of fields.
    enum Separator: Character {
        case comma = ","
        case semicolon = ";"
        case tab = "\t"
        case space = " "
    }

    /// A line's fields.
    struct Row {
        /// Counted from 1.
        var line: Int
        var fields: [String]

        /// The fields, for errors.
        var text: String { fields.joined(separator: " ") }
    }

    let path: String
    let separator: Separator
    private(set) var rows: [Row] = []

    private static let mostBytes = 1 << 30

    /// Reads a list. Lines that are empty or begin with `#` are skipped.
    init(path: String) throws(DatasetError) {
        let text = try listText(path, limit: Self.mostBytes)
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated()
            .map { (line: $0 + 1, text: $1) }
            .filter { !$0.text.allSatisfy(\.isWhitespace) && !$0.text.hasPrefix("#") }
        guard !lines.isEmpty else { throw .emptyList(file: path) }
        self.path = path
        if ending(of: path) == "jsonl" {
            (separator, rows) = (.comma, try MetadataFile.rows(ofLines: lines, file: path))
            return
        }
        separator = Self.separator(of: lines.map(\.text), isCSV: ending(of: path) == "csv")
        for (line, text) in lines {
            guard let fields = Self.fields(text, separator) else {
                throw .malformedLine(
                    file: path, line: line, found: String(text), expected: "quotes that are closed")
            }
            rows.append(Row(line: line, fields: fields))
        }
    }

    /// From the first line of a CSV file; otherwise the separator that every line has.
    private static func separator(of lines: [Substring], isCSV: Bool) -> Separator {
        let inAll = [Separator.tab, .comma, .semicolon].first { separator in
            lines.allSatisfy { $0.contains(separator.rawValue) }
        }
        guard isCSV else { return inAll ?? .space }
        let counts = [Separator.comma, .semicolon, .tab].map { separator in
            (separator, lines[0].count { $0 == separator.rawValue })
        }
        return counts.max { $0.1 < $1.1 }.flatMap { $0.1 > 0 ? $0.0 : nil } ?? .comma
    }

    /// The fields of a line; nil if a quote is not closed. With white space as separator there are two fields: the last word,
    /// and everything before it, which may contain spaces.
    private static func fields(_ text: Substring, _ separator: Separator) -> [String]? {
        switch separator {
        case .comma, .semicolon: return quotedFields(text.drop(while: \.isWhitespace), separator.rawValue)
        case .tab: return text.split(separator: "\t", omittingEmptySubsequences: false).map(strip)
        case .space:
            let whole = strip(text)
            guard let end = whole.lastIndex(where: \.isWhitespace) else { return [whole] }
            return [strip(whole[..<end]), String(whole[whole.index(after: end)...])]
        }
    }

    private static func strip(_ text: some StringProtocol) -> String {
        text.trimmingCharacters(in: .whitespaces)
    }

    /// Fields between separators; in double quotes separators count as text and two quotes as one (RFC 4180).
    private static func quotedFields(_ text: Substring, _ separator: Character) -> [String]? {
        var fields: [String] = []
        var field = ""
        var isQuoted = false
        var characters = text.makeIterator()
        var next = characters.next()
        while let character = next {
            next = characters.next()
            switch character {
            case "\"" where isQuoted && next == "\"":
                field.append(character)
                next = characters.next()
            case "\"": isQuoted.toggle()
            case separator where !isQuoted:
                fields.append(strip(field))
                field = ""
            default: field.append(character)
            }
        }
        return isQuoted ? nil : fields + [strip(field)]
    }
}
