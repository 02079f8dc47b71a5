/// An array of strings from an npy file: numpy's `S` (bytes) and `U` (UTF-32).
package struct NumpyTexts: Sendable {
    /// Extents, outermost first.
    package let shape: [Int]
    /// The strings in row-major order, without the zeros that fill them up. What is not Unicode becomes U+FFFD.
    package let strings: [String]

    /// Strings from the bytes of an npy file; nil if its elements are something else. `file` and `member` name it in errors.
    package init?(_ bytes: [UInt8], file: String, member: String) throws(ArchiveError) {
        let header = try NumpyPreamble(bytes, file: file, member: member)
        let kind = header.description.dropFirst()
        guard let order = header.description.first, "<>|".contains(order), let type = kind.first,
            "SU".contains(type), let characters = Int(kind.dropFirst()), characters > 0
        else { return nil }
        guard !header.isFortranOrder || header.shape.count <= 1 else {
            throw .fortranOrder(file: file, member: member)
        }
        let width = type == "S" ? 1 : 4
        let (size, overflow) = characters.multipliedReportingOverflow(by: width)
        guard !overflow else {
            throw .unsupportedElementType(file: file, member: member, found: "'\(header.description)'")
        }
        try header.check(fileSize: bytes.count, elementSize: size, file: file, member: member)
        shape = header.shape
        strings = stride(from: header.length, to: bytes.count, by: size).map { start in
            let field = bytes[start..<start + size]
            return width == 1 ? Self.text(field) : Self.text(utf32: field, isBigEndian: order == ">")
        }
    }

    private static func text(_ field: ArraySlice<UInt8>) -> String {
        let end = field.lastIndex { $0 != 0 }.map { $0 + 1 } ?? field.startIndex
        return String(decoding: field[..<end], as: UTF8.self)
    }

    private static func text(utf32 field: ArraySlice<UInt8>, isBigEndian: Bool) -> String {
        var scalars: [UInt32] = stride(from: field.startIndex, to: field.endIndex, by: 4).map { start in
            let digits = field[start..<start + 4]
            return (isBigEndian ? Array(digits) : digits.reversed()).reduce(0) { $0 << 8 | UInt32($1) }
        }
        while scalars.last == 0 { scalars.removeLast() }
        return String(decoding: scalars, as: UTF32.self)
    }
}
