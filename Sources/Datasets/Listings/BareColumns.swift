/// The path and label columns of a list without a header.
struct BareColumns {
    private let rows: ArraySlice<ListTable.Row>
    private let list: ImageList

    init(_ rows: ArraySlice<ListTable.Row>, _ list: ImageList) { (self.rows, self.list) = (rows, list) }

    /// The fields' content: the path is the field of an existing image, the label is the only other field.
    func columns(requiresLabels: Bool) throws(DatasetError) -> ImageList.Columns {
        let first = rows[rows.startIndex]
        if list.table.separator == .space, !list.locator.finds(first.fields[0]),
            Self.isImage(first.fields.last)
        {
            return try labelsFirst()
        }
        guard let path = pathColumn(first.fields) else {
            // A first line that is not an image, before lines that are.
            if let second = rows.dropFirst().first, second.fields.contains(where: list.locator.finds) {
                throw unclear(first)
            }
            throw list.locator.missing(first.fields[0], line: first.line)
        }
        var columns = ImageList.Columns(paths: try list.paths(path, of: rows), line: first.line)
        let labels = try labelColumns(first.fields.indices.filter { $0 != path })
        if labels.count == 1 {
            columns.labels = try list.labelColumn(labels[0], of: rows).labels()
            columns.source =
                list.table.separator == .space ? "the last word of each line" : "column \(labels[0] + 1)"
        } else if !labels.isEmpty, requiresLabels {
            throw unclear(first)
        }
        return columns
    }

    private static func isImage(_ name: String?) -> Bool {
        name.map { ImageListing.endings.contains(ending(of: $0)) } ?? false
    }

    private func pathColumn(_ fields: [String]) -> Int? {
        fields.firstIndex(where: list.locator.finds) ?? fields.firstIndex(where: Self.isImage)
    }

    /// `LABEL PATH`: the path may contain spaces.
    private func labelsFirst() throws(DatasetError) -> ImageList.Columns {
        var (paths, labels) = ([String](), [LabelColumn.Cell]())
        for row in rows {
            let text = row.text
            guard let end = text.firstIndex(where: \.isWhitespace) else {
                throw .malformedLine(
                    file: list.table.path, line: row.line, found: text,
                    expected: "a label and an image's path")
            }
            labels.append(.init(line: row.line, text: String(text[..<end])))
            paths.append(String(text[end...].drop(while: \.isWhitespace)))
        }
        let column = LabelColumn(file: list.table.path, cells: labels)
        return ImageList.Columns(
            paths: paths, line: rows[rows.startIndex].line, labels: try column.labels(),
            source: "the first word of each line")
    }

    /// The columns without a leading line number, as in MXNet's lists.
    private func labelColumns(_ columns: [Int]) throws(DatasetError) -> [Int] {
        guard columns.count > 1, columns[0] == 0, rows.count > 1 else { return columns }
        let first = try list.labelColumn(0, of: rows)
        guard first.isWhole, Set(first.cells.map(\.text)).count == rows.count else { return columns }
        return Array(columns.dropFirst())
    }

    private func unclear(_ row: ListTable.Row) -> DatasetError {
        .columnsUnclear(
            file: list.table.path, line: row.line, found: row.fields,
            expected: "a path and a label, or a first line that names the columns: " + ListHeader.understood)
    }
}
