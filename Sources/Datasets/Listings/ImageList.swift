import Foundation

/// A text file with a line per image: path and label, separated by white space, tabs, commas or semicolons.
///
/// Lines that are empty or begin with `#` are skipped. The first line may name the columns. Oxford-IIIT Pet's lists
/// (`Abyssinian_201 1 1 1`: name, class from 1, species, breed) are recognized by their four columns. Ambiguous lists are
/// refused.
struct ImageList {
    /// Extensions of lists.
    static let endings: Set = ["txt", "csv", "tsv", "lst", "jsonl"]

    let table: ListTable
    let locator: ImageLocator
    /// Whether of several parts the training part is taken.
    private let takesTraining: Bool

    /// Reads and splits the lines. Paths start from `root`, or are looked for near the list.
    init(path: String, root: String? = nil, takesTraining: Bool = false) throws(DatasetError) {
        self.takesTraining = takesTraining
        table = try ListTable(path: path)
        locator = ImageLocator(list: path, root: root)
    }

    /// The images and their labels.
    func listing(requiresLabels: Bool) throws(DatasetError) -> ImageListing {
        if let pets = try petListing() { return pets }
        let header = ListHeader(table.rows[0].fields)
        let hasHeader =
            header.isHeader && (table.separator != .space || header.isKnownThroughout)
            && !header.names.contains(where: locator.finds)
        let content = table.rows.dropFirst(hasHeader ? 1 : 0)
        guard !content.isEmpty else { throw .emptyList(file: table.path) }
        let columns =
            hasHeader
            ? try NamedColumns(header, content, self, takesTraining: takesTraining)
                .columns(requiresLabels: requiresLabels)
            : try BareColumns(content, self).columns(requiresLabels: requiresLabels)
        let files = try locator.paths(columns.paths, line: columns.line)
        guard let labels = columns.labels else {
            guard !requiresLabels else {
                throw .malformedLine(
                    file: table.path, line: table.rows[0].line, found: table.rows[0].text,
                    expected: "an image's path and its label")
            }
            return ImageListing(
                source: table.path, files: files, labels: nil, assumptions: columns.assumptions)
        }
        return ImageListing(
            source: table.path, files: files, labels: labels, labelSource: columns.source,
            assumptions: columns.assumptions)
    }

    /// The content of a list's columns.
    struct Columns {
        var paths: [String]
        /// The line of the first path.
        var line: Int
        /// Nil without labels.
        var labels: ClassLabels?
        /// The source of the labels.
        var source = ""
        /// What a column of parts alone decided.
        var assumptions: [String] = []
    }

    /// A column's fields. Throws if a line has too few.
    func cells(_ column: Int, of rows: ArraySlice<ListTable.Row>) throws(DatasetError) -> [LabelColumn.Cell] {
        var cells: [LabelColumn.Cell] = []
        cells.reserveCapacity(rows.count)
        for row in rows {
            guard column < row.fields.count else {
                throw .malformedLine(
                    file: table.path, line: row.line, found: row.text,
                    expected: "as many fields as the lines before")
            }
            cells.append(LabelColumn.Cell(line: row.line, text: row.fields[column]))
        }
        return cells
    }

    /// A column of labels.
    func labelColumn(
        _ column: Int, of rows: ArraySlice<ListTable.Row>
    ) throws(DatasetError) -> LabelColumn {
        LabelColumn(file: table.path, cells: try cells(column, of: rows))
    }

    /// A column of paths. Throws where one is missing.
    func paths(_ column: Int, of rows: ArraySlice<ListTable.Row>) throws(DatasetError) -> [String] {
        let cells = try cells(column, of: rows)
        if let empty = cells.first(where: \.text.isEmpty) {
            throw .malformedLine(file: table.path, line: empty.line, found: "", expected: "an image's path")
        }
        return cells.map(\.text)
    }

    // MARK: Oxford-IIIT Pet

    /// `name class species breed`, separated by white space; the name has no spaces. Classes count from 1. The class name is
    /// the image name up to its last underscore. Nil for other lists.
    private func petListing() throws(DatasetError) -> ImageListing? {
        guard table.separator == .space else { return nil }
        let rows = table.rows
        let parts = rows.map { $0.fields.flatMap { $0.split(whereSeparator: \.isWhitespace) } }
        guard parts.allSatisfy({ $0.count == 4 && $0.dropFirst().allSatisfy { Int($0) != nil } }) else {
            return nil
        }
        let labels = parts.map { (Int($0[1]) ?? 0) - 1 }
        guard let most = labels.max(), labels.allSatisfy({ $0 >= 0 && $0 < rows.count }) else {
            throw .malformedLine(
                file: table.path, line: rows[0].line, found: rows[0].text,
                expected: "classes that count from 1"
            )
        }
        var names = (0...most).map { "class \($0 + 1)" }
        for (label, part) in zip(labels, parts) {
            if let end = part[0].lastIndex(of: "_") { names[label] = String(part[0][..<end]) }
        }
        return ImageListing(
            source: table.path, files: try locator.paths(parts.map { String($0[0]) }, line: rows[0].line),
            labels: .places(labels, of: names), labelSource: "the second word of each line, from 1")
    }
}
