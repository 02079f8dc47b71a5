import Foundation

/// A label column of a list, or an array of strings.
struct LabelColumn {
    /// A field, and the line that it is in; the image's number in an array.
    struct Cell {
        var line: Int
        var text: String
    }

    private enum Content: Equatable { case missing, whole(Int), number, text }

    let file: String
    let cells: [Cell]
    /// The array that the cells are from; nil for a list.
    var array: String?

    private static func content(_ text: String) -> Content {
        if text.isEmpty || text.lowercased() == "nan" { return .missing }
        let parts = text.drop { "+-".contains($0) }.split(separator: ".", omittingEmptySubsequences: false)
        let isDigits = { (part: Substring) in part.allSatisfy { $0.isASCII && $0.isNumber } }
        guard parts.count <= 2, parts.allSatisfy(isDigits), parts.contains(where: { !$0.isEmpty }) else {
            return .text
        }
        guard parts.count < 2 || parts[1].allSatisfy({ $0 == "0" }), !parts[0].isEmpty,
            let number = Int(text.prefix { $0 != "." })
        else { return .number }
        return .whole(number)
    }

    /// Whether all present values are whole numbers: `3`, or `3.0` as pandas writes a column with gaps.
    var isWhole: Bool {
        let contents = cells.lazy.map { Self.content($0.text) }.filter { $0 != .missing }
        return !contents.isEmpty
            && contents.allSatisfy { if case .whole = $0 { true } else { false } }
    }

    /// Whether every cell is 0 or 1.
    var isBinary: Bool {
        cells.allSatisfy { [.whole(0), .whole(1)].contains(Self.content($0.text)) }
    }

    /// The class numbers of the column. Throws with the line if one is missing, negative or not a whole number.
    func numbers() throws(DatasetError) -> [Int] {
        var numbers: [Int] = []
        numbers.reserveCapacity(cells.count)
        for cell in cells {
            let content = Self.content(cell.text)
            if case .whole(let number) = content, 0..<1 << 20 ~= number {
                numbers.append(number)
            } else {
                throw failure(cell, content == .missing ? "a label" : "a class number, 0…\((1 << 20) - 1)")
            }
        }
        return numbers
    }

    /// Numbers if all are, otherwise names. Throws with the line if one is missing or of the other kind.
    func labels() throws(DatasetError) -> ClassLabels {
        if isWhole { return .numbers(try numbers(), names: nil) }
        var first: (isText: Bool, line: Int)?
        for cell in cells {
            switch Self.content(cell.text) {
            case .missing: throw failure(cell, "a label")
            case .number: throw failure(cell, "a whole number or a name for a label")
            case let content:
                let isText = content == .text
                guard let first else {
                    first = (isText, cell.line)
                    continue
                }
                guard isText == first.isText else {
                    throw failure(
                        cell,
                        "a \(first.isText ? "name" : "number") for a label, as \(array == nil ? "in line" : "at image") \(first.line)"
                    )
                }
            }
        }
        return .names(cells.map(\.text))
    }

    /// Numbers with the names that another column has for them: each number has one name and each name one number.
    func labels(named column: LabelColumn) throws(DatasetError) -> ClassLabels {
        let numbers = try numbers()
        var names: [Int: Cell] = [:]
        var places: [String: (number: Int, line: Int)] = [:]
        for (number, name) in zip(numbers, column.cells) {
            guard Self.content(name.text) != .missing else { throw failure(name, "a class name") }
            let old = names[number] ?? name
            guard old.text == name.text else {
                throw failure(
                    Cell(line: name.line, text: "\(number) \(name.text)"),
                    "'\(old.text)' for class \(number), as in line \(old.line)")
            }
            let place = places[name.text] ?? (number, name.line)
            guard place.number == number else {
                throw failure(
                    Cell(line: name.line, text: "\(number) \(name.text)"),
                    "class \(place.number) for '\(name.text)', as in line \(place.line)")
            }
            (names[number], places[name.text]) = (old, place)
        }
        let all = (0...(numbers.max() ?? 0)).map { names[$0]?.text ?? "\($0)" }
        return .numbers(numbers, names: all)
    }

    private func failure(_ cell: Cell, _ expected: String) -> DatasetError {
        array.map {
            .malformedLabel(file: file, object: $0, image: cell.line, found: cell.text, expected: expected)
        } ?? .malformedLine(file: file, line: cell.line, found: cell.text, expected: expected)
    }
}
