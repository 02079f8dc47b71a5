import Tensors

/// What stands before the elements in an npy file, versions 1 to 3: a Python dictionary of element type, order and shape.
/// The format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
package struct NumpyPreamble: Equatable {
    /// The element type as numpy writes it: `<f4`, `|S7`.
    package let description: String
    /// Extents, outermost first.
    package let shape: [Int]
    /// Where the elements begin.
    package let length: Int
    /// Whether the array is stored column by column.
    package let isFortranOrder: Bool

    /// numpy itself reads no longer headers from untrusted files.
    package static let maximumLength = 10_000

    /// Reads the first bytes of an npy file; `file` and `member` name it in errors.
    package init(_ bytes: [UInt8], file: String, member: String) throws(ArchiveError) {
        guard bytes.count >= 12, bytes.starts(with: [0x93] + Array("NUMPY".utf8)) else {
            throw .notNumpy(file: file, member: member)
        }
        let (start, count): (Int, Int)
        switch bytes[6] {
        case 1: (start, count) = (10, Int(bytes.integer(at: 8, as: UInt16.self)))
        case 2, 3: (start, count) = (12, Int(bytes.integer(at: 8, as: UInt32.self)))
        default: throw .unsupportedNumpyVersion(file: file, member: member, found: Int(bytes[6]))
        }
        guard count <= min(Self.maximumLength, bytes.count - start) else {
            throw .malformedNumpyHeader(
                file: file, member: member, found: "\(count) bytes",
                expected: "at most \(min(Self.maximumLength, bytes.count - start))")
        }
        var parser = NumpyHeaderParser(bytes[start..<start + count], file: file, member: member)
        let fields = try parser.dictionary()
        description = fields.description
        isFortranOrder = fields.isFortranOrder
        shape = fields.shape
        length = start + count
    }

    /// Checks that a file's bytes are what the shape asks for, with elements of a size in bytes.
    package func check(
        fileSize: Int, elementSize: Int, file: String, member: String
    ) throws(ArchiveError) {
        guard let expected = Shape.product(of: shape, times: elementSize) else {
            throw .malformedNumpyHeader(
                file: file, member: member, found: "shape \(shape)", expected: "a smaller one")
        }
        guard fileSize - length == expected else {
            throw .wrongPayload(file: file, member: member, found: fileSize - length, expected: expected)
        }
    }
}

/// The header of an npy file of numbers or truth values.
struct NumpyHeader: Equatable {
    let elementType: ElementType
    let isBoolean: Bool
    let isBigEndian: Bool
    let isFortranOrder: Bool
    let shape: [Int]
    /// Where the elements begin.
    let length: Int

    init(_ bytes: [UInt8], file: String, member: String) throws(ArchiveError) {
        let preamble = try NumpyPreamble(bytes, file: file, member: member)
        (elementType, isBigEndian) = try Self.element(preamble.description, file: file, member: member)
        isBoolean = preamble.description.hasSuffix("b1")
        isFortranOrder = preamble.isFortranOrder
        (shape, length) = (preamble.shape, preamble.length)
    }

    /// `<f4`, `>i8`, `|u1`: byte order, kind, width.
    private static func element(
        _ description: String, file: String, member: String
    ) throws(ArchiveError) -> (ElementType, Bool) {
        guard let order = description.first, "<>|".contains(order),
            let type = ElementType(numpyCode: String(description.dropFirst())),
            type.size == 1 || order != "|"
        else { throw .unsupportedElementType(file: file, member: member, found: "'\(description)'") }
        return (type, order == ">")
    }
}

/// Reads the one form of dictionary that numpy writes; nothing is evaluated.
private struct NumpyHeaderParser {
    struct Fields {
        var description: String
        var isFortranOrder: Bool
        var shape: [Int]
    }

    private var rest: Substring
    private let file: String
    private let member: String

    init(_ bytes: ArraySlice<UInt8>, file: String, member: String) {
        rest = Substring(String(decoding: bytes, as: UTF8.self))
        (self.file, self.member) = (file, member)
    }

    mutating func dictionary() throws(ArchiveError) -> Fields {
        var description: String?
        var isFortranOrder: Bool?
        var shape: [Int]?
        try take("{")
        while !takes("}") {
            let key = try string()
            try take(":")
            switch key {
            case "descr" where description == nil: description = try elementDescription()
            case "fortran_order" where isFortranOrder == nil: isFortranOrder = try boolean()
            case "shape" where shape == nil: shape = try tuple()
            default: throw malformed("the keys descr, fortran_order and shape, once each", found: "'\(key)'")
            }
            if !takes(",") {
                try take("}")
                break
            }
        }
        skipSpace()
        guard rest.isEmpty else { throw malformed("its end") }
        guard let description, let isFortranOrder, let shape else {
            throw malformed(
                "the keys descr, fortran_order and shape, once each", found: "fewer of them")
        }
        return Fields(description: description, isFortranOrder: isFortranOrder, shape: shape)
    }

    /// A structured type is a list; it is well-formed, but not for us.
    private mutating func elementDescription() throws(ArchiveError) -> String {
        skipSpace()
        if rest.first == "[" {
            throw .unsupportedElementType(file: file, member: member, found: "a record")
        }
        return try string()
    }

    private mutating func boolean() throws(ArchiveError) -> Bool {
        if takes("True") { return true }
        if takes("False") { return false }
        throw malformed("True or False")
    }

    private mutating func tuple() throws(ArchiveError) -> [Int] {
        var extents: [Int] = []
        try take("(")
        while !takes(")") {
            skipSpace()
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            guard let extent = Int(digits) else { throw malformed("an extent") }
            rest = rest.dropFirst(digits.count)
            extents.append(extent)
            if !takes(",") {
                try take(")")
                break
            }
        }
        return extents
    }

    private mutating func string() throws(ArchiveError) -> String {
        skipSpace()
        guard let quote = rest.first, quote == "'" || quote == "\"" else { throw malformed("a string") }
        let content = rest.dropFirst().prefix { $0 != quote && $0 != "\\" }
        rest = rest[content.endIndex...]
        try take(String(quote))
        return String(content)
    }

    private mutating func take(_ token: String) throws(ArchiveError) {
        guard takes(token) else { throw malformed("'\(token)'") }
    }

    private mutating func takes(_ token: String) -> Bool {
        skipSpace()
        guard rest.hasPrefix(token) else { return false }
        rest = rest.dropFirst(token.count)
        return true
    }

    private mutating func skipSpace() { rest = rest.drop { $0 == " " || $0 == "\n" } }

    private func malformed(_ expected: String, found: String? = nil) -> ArchiveError {
        .malformedNumpyHeader(
            file: file, member: member, found: found ?? String(rest.prefix(20)).debugDescription,
            expected: expected)
    }
}
