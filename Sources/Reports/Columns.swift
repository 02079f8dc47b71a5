/// The number of terminal columns of text: most characters take one, East Asian ones and emoji two, combining marks none.
package enum Columns {
    /// The columns of a text of one line.
    package static func count(_ text: String) -> Int { text.reduce(0) { $0 + width($1) } }

    /// The longest prefix of a text within a number of columns.
    package static func prefix(_ text: String, _ columns: Int) -> Substring {
        var (left, end) = (columns, text.startIndex)
        while end < text.endIndex, width(text[end]) <= left {
            left -= width(text[end])
            end = text.index(after: end)
        }
        return text[..<end]
    }

    /// The longest suffix of a text within a number of columns.
    package static func suffix(_ text: String, _ columns: Int) -> Substring {
        var (left, start) = (columns, text.endIndex)
        while start > text.startIndex {
            let before = text.index(before: start)
            guard width(text[before]) <= left else { break }
            left -= width(text[before])
            start = before
        }
        return text[start...]
    }

    private static func width(_ character: Character) -> Int {
        character.unicodeScalars.reduce(0) { max($0, width($1)) }
    }

    private static func width(_ scalar: Unicode.Scalar) -> Int {
        guard scalar.value >= 0x300 else { return 1 }
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format: return 0
        default: return wide.contains { $0.contains(scalar.value) } ? 2 : 1
        }
    }

    /// Wide and full-width characters (Unicode's East Asian Width W and F), as ranges that hold little else.
    private static let wide: [ClosedRange<UInt32>] = [
        0x1100...0x115F, 0x231A...0x231B, 0x23E9...0x23F3, 0x2E80...0x303E, 0x3041...0xA4CF,
        0xA960...0xA97C, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60,
        0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F680...0x1F6FF, 0x1F900...0x1FAFF, 0x20000...0x3FFFD,
    ]
}
