/// Which columns of a list with a header hold paths and labels.
struct NamedColumns {
    private let header: ListHeader
    private let rows: ArraySlice<ListTable.Row>
    private let list: ImageList
    /// Places of columns that may hold paths or labels under a name that is not known.
    private let others: [Int]
    /// What the column of parts alone decided.
    private let assumption: String?

    /// Of several parts of a data set the lines of one are taken, the training part with `takesTraining`.
    init(
        _ header: ListHeader, _ rows: ArraySlice<ListTable.Row>, _ list: ImageList, takesTraining: Bool
    ) {
        (self.header, self.list) = (header, list)
        let part = PartColumn(header, rows)
        others = header.others.filter { $0 != part?.column }
        (self.rows, assumption) = part?.chosen(of: rows, takesTraining: takesTraining) ?? (rows, nil)
    }

    /// The columns' content. A column of class numbers takes precedence over one of names; the names must match the numbers.
    func columns(requiresLabels: Bool) throws(DatasetError) -> ImageList.Columns {
        let path = try pathColumn()
        var columns = ImageList.Columns(
            paths: try list.paths(path, of: rows), line: rows[rows.startIndex].line)
        columns.assumptions = assumption.map { [$0] } ?? []
        do throws(DatasetError) {
            (columns.labels, columns.source) = try labels(besides: path)
        } catch {
            switch error {
            case .columnsUnclear, .severalLabels: if requiresLabels { throw error }
            default: throw error
            }
        }
        return columns
    }

    private func pathColumn() throws(DatasetError) -> Int {
        let first = rows[rows.startIndex].fields
        let finds = { (column: Int) in column < first.count && list.locator.finds(first[column]) }
        if let found = header.paths.first(where: finds) ?? header.paths.first { return found }
        let others = others.filter { !header.numbers.contains($0) }
        guard let found = others.first(where: finds) ?? (header.names.count == 2 ? others.first : nil) else {
            throw unclear(ListHeader.understoodPath)
        }
        return found
    }

    private func labels(
        besides path: Int
    ) throws(DatasetError) -> (labels: ClassLabels, source: String) {
        let named = header.classNames.filter { $0 != path }
        if let number = try numberColumn(besides: path) {
            let column = try list.labelColumn(number, of: rows)
            guard let name = try nameColumn(named.filter { $0 != number }) else {
                return (try column.labels(), source(number))
            }
            let names = try list.labelColumn(name, of: rows)
            return (
                try column.labels(named: names),
                "columns '\(header.names[number])' and '\(header.names[name])'"
            )
        }
        let candidates = named + header.numbers.filter { $0 != path && !named.contains($0) }
        if !candidates.isEmpty {
            let column = try only(candidates)
            return (try list.labelColumn(column, of: rows).labels(), source(column))
        }
        let others = others.filter { $0 != path }
        if others.count == 1 {
            return (try list.labelColumn(others[0], of: rows).labels(), source(others[0]))
        }
        return try oneHot(others)
    }

    private func source(_ column: Int) -> String { "column '\(header.names[column])'" }

    /// The column of whole numbers among those with a name for class numbers.
    private func numberColumn(besides path: Int) throws(DatasetError) -> Int? {
        var whole: [Int] = []
        for column in header.numbers where column != path {
            if try list.labelColumn(column, of: rows).isWhole { whole.append(column) }
        }
        return whole.isEmpty ? nil : try only(whole)
    }

    /// The likeliest column of class names: one with such a name, or one of text.
    private func nameColumn(_ columns: [Int]) throws(DatasetError) -> Int? {
        for column in columns {
            if header.saysNames(column) { return column }
            if try !list.labelColumn(column, of: rows).isWhole { return column }
        }
        return nil
    }

    /// One of several columns with equal content.
    private func only(_ columns: [Int]) throws(DatasetError) -> Int {
        let first = try list.labelColumn(columns[0], of: rows).labels()
        for column in columns.dropFirst() where try list.labelColumn(column, of: rows).labels() != first {
            throw unclear("one column of labels; remove the others", columns)
        }
        return columns[0]
    }

    /// Columns of 0 and 1, one for each class, in their order.
    private func oneHot(
        _ columns: [Int]
    ) throws(DatasetError) -> (labels: ClassLabels, source: String) {
        var classes: [LabelColumn] = []
        for column in columns { classes.append(try list.labelColumn(column, of: rows)) }
        guard classes.count > 1, classes.allSatisfy(\.isBinary), let last = columns.last else {
            throw unclear(ListHeader.understoodClass)
        }
        let names = columns.map { header.names[$0] }
        var labels: [Int] = []
        for (image, row) in rows.enumerated() {
            let ones = classes.indices.filter { classes[$0].cells[image].text.hasPrefix("1") }
            guard ones.count == 1 else {
                throw .severalLabels(
                    file: "\(list.table.path):\(row.line)", object: "\(names[0])…\(header.names[last])",
                    image: image, found: ones.count)
            }
            labels.append(ones[0])
        }
        return (
            .places(labels, of: names),
            "columns of 0 and 1, '\(header.names[columns[0]])' to '\(header.names[last])'"
        )
    }

    private func unclear(_ expected: String, _ columns: [Int]? = nil) -> DatasetError {
        .columnsUnclear(
            file: list.table.path, line: list.table.rows[0].line,
            found: (columns ?? Array(header.names.indices)).map { header.names[$0] },
            expected: expected)
    }
}
