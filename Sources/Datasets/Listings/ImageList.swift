import Foundation

/// A text file with a line for each image: its path and its label, apart by white space, tabs or commas.
///
/// Lines that are empty or begin with `#` are passed over. A CSV file may begin with a header, which then says which
/// columns are meant. Oxford-IIIT Pet's lists (`Abyssinian_201 1 1 1`: name, class from 1, species, breed) are told by
/// their four columns.
struct ImageList {
    /// Endings by which a list is told.
    static let endings: Set = ["txt", "csv", "tsv", "lst"]

    private static let pathColumns: Set = ["path", "file", "filename", "image", "image_path", "img"]
    private static let labelColumns: Set = ["label", "class", "target", "class_name", "category"]
    private static let mostBytes = 1 << 30

    private let path: String
    private var rows: [Row] = []
    private let separator: Separator

    /// A line's fields.
    private struct Row {
        var line: Int
        var fields: [String]
    }

    private enum Separator { case comma, tab, space }

    /// Reads and takes apart the lines.
    init(path: String) throws(DatasetError) {
        let text = try listText(path, limit: Self.mostBytes)
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated()
            .map { (line: $0 + 1, text: $1) }
            .filter { !$0.text.allSatisfy(\.isWhitespace) && !$0.text.hasPrefix("#") }
        guard !lines.isEmpty else { throw .emptyList(file: path) }
        let separator: Separator =
            ending(of: path) == "csv" || lines.allSatisfy { $0.text.contains(",") }
            ? .comma : lines.allSatisfy { $0.text.contains("\t") } ? .tab : .space
        self.path = path
        self.separator = separator
        for (line, text) in lines {
            guard let fields = Self.fields(text, separator) else {
                throw .malformedLine(
                    file: path, line: line, found: String(text), expected: "quotes that are closed")
            }
            rows.append(Row(line: line, fields: fields))
        }
    }

    /// The images and their labels.
    func listing(requiresLabels: Bool) throws(DatasetError) -> ImageListing {
        if isPetList { return try petListing() }
        let hasHeader =
            separator != .space && rows[0].fields.contains { Self.pathColumns.contains($0.lowercased()) }
        let columns = hasHeader ? Self.columns(rows[0].fields) : (path: 0, label: 1)
        let content = rows.dropFirst(hasHeader ? 1 : 0)
        guard let first = content.first else { throw .emptyList(file: path) }
        guard let labelColumn = columns.label, labelColumn < first.fields.count else {
            if requiresLabels {
                throw .malformedLine(
                    file: path, line: rows[0].line, found: rows[0].fields.joined(separator: " "),
                    expected: "an image's path and its label")
            }
            return ImageListing(
                source: path, files: try located(try column(columns.path, of: content), first.line),
                labels: nil)
        }
        let texts = try column(labelColumn, of: content)
        let numbers = texts.compactMap { Int($0) }
        return ImageListing(
            source: path, files: try located(try column(columns.path, of: content), first.line),
            labels: numbers.count == texts.count ? .numbers(numbers, names: nil) : .names(texts))
    }

    private func column(_ index: Int, of rows: ArraySlice<Row>) throws(DatasetError) -> [String] {
        var values: [String] = []
        for row in rows {
            guard index < row.fields.count, !row.fields[index].isEmpty else {
                throw .malformedLine(
                    file: path, line: row.line, found: row.fields.joined(separator: " "),
                    expected: "as many fields as the lines before")
            }
            values.append(row.fields[index])
        }
        return values
    }

    private static func columns(_ header: [String]) -> (path: Int, label: Int?) {
        let names = header.map { $0.lowercased() }
        return (
            names.firstIndex(where: pathColumns.contains) ?? 0, names.firstIndex(where: labelColumns.contains)
        )
    }

    // MARK: Oxford-IIIT Pet

    /// `name class species breed`: in white space, the name without blanks.
    private var isPetList: Bool {
        separator == .space
            && rows.allSatisfy { row in
                let parts = Self.words(row)
                return parts.count == 4 && parts.dropFirst().allSatisfy { Int($0) != nil }
            }
    }

    /// Classes count from 1; a class' name is what its images' names have before the last underscore.
    private func petListing() throws(DatasetError) -> ImageListing {
        let parts = rows.map(Self.words)
        let labels = parts.map { (Int($0[1]) ?? 0) - 1 }
        guard let most = labels.max(), labels.allSatisfy({ $0 >= 0 && $0 < rows.count }) else {
            throw .malformedLine(
                file: path, line: rows[0].line, found: rows[0].fields.joined(separator: " "),
                expected: "classes that count from 1")
        }
        var names = (0...most).map { "class \($0 + 1)" }
        for (label, part) in zip(labels, parts) {
            if let end = part[0].lastIndex(of: "_") { names[label] = String(part[0][..<end]) }
        }
        return ImageListing(
            source: path, files: try located(parts.map { $0[0] }, rows[0].line),
            labels: .numbers(labels, names: names))
    }

    private static func words(_ row: Row) -> [String] {
        row.fields.flatMap { $0.split(whereSeparator: \.isWhitespace).map(String.init) }
    }

    // MARK: Paths

    /// Paths are relative to the list's folder, to `images` in it or beside it; `.jpg` and the like may be left off. Where
    /// the first image is found decides for all.
    private func located(_ names: [String], _ line: Int) throws(DatasetError) -> FilePaths {
        let parent = path.contains("/") ? path.split(separator: "/", omittingEmptySubsequences: false) : ["."]
        let folder = path.contains("/") ? parent.dropLast().joined(separator: "/") : "."
        let folders = ["", folder + "/", folder + "/images/", folder + "/../images/"]
        let isAbsolute = names[0].hasPrefix("/")
        for start in isAbsolute ? [""] : Array(folders.dropFirst()) {
            for ending in ["", ".jpg", ".jpeg", ".png"]
            where FileManager.default.fileExists(atPath: start + names[0] + ending) {
                return FilePaths(names.lazy.map { ($0.hasPrefix("/") ? $0 : start + $0) + ending })
            }
        }
        throw .listedImageMissing(file: path, line: line, image: names[0])
    }

    // MARK: Fields

    /// The fields of a line, nil where a quote is not closed. Apart by white space there are two: the last word is the
    /// label, what is before may hold blanks.
    private static func fields(_ text: Substring, _ separator: Separator) -> [String]? {
        let trimmed = text.drop(while: \.isWhitespace)
        switch separator {
        case .comma: return quotedFields(trimmed)
        case .tab: return trimmed.split(separator: "\t", omittingEmptySubsequences: false).map(strip)
        case .space:
            let whole = strip(trimmed)
            guard let end = whole.lastIndex(where: \.isWhitespace) else { return [whole] }
            return [strip(whole[..<end]), String(whole[whole.index(after: end)...])]
        }
    }

    private static func strip(_ text: some StringProtocol) -> String {
        text.trimmingCharacters(in: .whitespaces)
    }

    /// Fields between commas; in double quotes commas count as text and two quotes as one (RFC 4180).
    private static func quotedFields(_ text: Substring) -> [String]? {
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
            case "," where !isQuoted:
                fields.append(strip(field))
                field = ""
            default: field.append(character)
            }
        }
        return isQuoted ? nil : fields + [strip(field)]
    }
}
