/// Rows of text in aligned columns, for a terminal.
package struct TextTable: Sendable {
    /// How the cells of a column stand.
    package enum Alignment: Sendable {
        /// Words.
        case left
        /// Numbers.
        case right
    }

    private let columns: [(title: String, alignment: Alignment)]
    private var rows: [[String]] = []

    /// A table without rows.
    package init(_ columns: [(title: String, alignment: Alignment)]) { self.columns = columns }

    /// Adds a row of as many cells as there are columns.
    package mutating func add(_ cells: String...) { add(cells) }

    /// Adds a row of as many cells as there are columns.
    package mutating func add(_ cells: [String]) {
        precondition(cells.count == columns.count, "\(cells.count) cells in \(columns.count) columns")
        rows.append(cells)
    }

    /// Fills the cells of a column: `cells` gets the columns of a terminal that are left beside the others in `width`,
    /// at least eight, and gives a cell for each row.
    package mutating func fill(_ column: Int, width: Int, _ cells: (_ room: Int) -> [String]) {
        let others = widths.enumerated().filter { $0.offset != column }.reduce(0) { $0 + $1.element + 2 }
        let new = cells(max(width - others, 8))
        precondition(new.count == rows.count, "\(new.count) cells for \(rows.count) rows")
        for row in rows.indices { rows[row][column] = new[row] }
    }

    private var widths: [Int] {
        columns.indices.map { column in
            ([columns[column].title] + rows.map { $0[column] }).map(Columns.count).max() ?? 0
        }
    }

    /// The table, two spaces between columns, without spaces at the ends of lines. Without rows there are no lines: a header
    /// alone says nothing.
    package var lines: [String] {
        if rows.isEmpty { return [] }
        let widths = widths
        return ([columns.map(\.title)] + rows).map { cells in
            let padded = cells.indices.map { column in
                let gap = String(repeating: " ", count: widths[column] - Columns.count(cells[column]))
                return columns[column].alignment == .left ? cells[column] + gap : gap + cells[column]
            }
            let line = padded.joined(separator: "  ")
            return String(line.reversed().drop { $0 == " " }.reversed())
        }
    }
}
