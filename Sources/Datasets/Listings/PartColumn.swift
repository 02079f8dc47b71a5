/// The column of a list that says which part of the data set a line belongs to: `Split` with `train` and `test`.
struct PartColumn {
    /// Its place.
    let column: Int
    private let name: String
    /// The value of each line, and the part that it names.
    private let values: [(text: String, part: ArrayName.Part)]

    /// Nil where no column of such a name has names of parts only.
    init?(_ header: ListHeader, _ rows: ArraySlice<ListTable.Row>) {
        for column in header.parts {
            let values = rows.compactMap { row -> (text: String, part: ArrayName.Part)? in
                guard column < row.fields.count else { return nil }
                return ArrayName.part(row.fields[column]).map { (row.fields[column], $0) }
            }
            guard values.count == rows.count else { continue }
            (self.column, name, self.values) = (column, header.names[column], values)
            return
        }
        return nil
    }

    /// The lines of the test part, else validation, else training; with `takesTraining` in the other order. `assumption`
    /// says which were taken, if there are others or they are for training.
    func chosen(
        of rows: ArraySlice<ListTable.Row>, takesTraining: Bool
    ) -> (rows: ArraySlice<ListTable.Row>, assumption: String?) {
        let found = Set(values.map(\.part))
        let order = ArrayName.Part.allCases
        guard let part = (takesTraining ? order.reversed() : order).first(where: found.contains) else {
            return (rows, nil)
        }
        let taken = zip(rows, values).filter { $0.1.part == part }.map(\.0)
        let said = "lines with \(texts { $0 == part }) in column '\(name)' are the split"
        if found.count > 1 {
            return (taken[...], said + "; there is also \(texts { $0 != part })")
        }
        return (rows, part == .training && !takesTraining ? said + "; the list has no test part" : nil)
    }

    private func texts(_ isIncluded: (ArrayName.Part) -> Bool) -> String {
        Set(values.filter { isIncluded($0.part) }.map(\.text)).sortedByCodePoints.map { "'\($0)'" }
            .joined(separator: " and ")
    }
}
