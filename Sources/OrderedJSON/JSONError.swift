/// Why a text is not JSON, and where.
package struct JSONError: Error, Equatable {
    /// What is wrong.
    package let defect: Defect
    /// Bytes before the place.
    package let offset: Int
    /// Line of the place, from 1.
    package let line: Int

    /// A defect at a place.
    package init(_ defect: Defect, offset: Int, line: Int) {
        self.defect = defect
        self.offset = offset
        self.line = line
    }

    /// The kinds of defects.
    package enum Defect: Sendable, Equatable {
        /// The text ends inside a value.
        case unexpectedEnd(expected: String)
        /// A byte that is not allowed here.
        case unexpectedByte(UInt8, expected: String)
        /// Something follows the value.
        case trailingContent
        /// Bytes that are not UTF-8.
        case invalidUTF8
        /// A backslash with something unknown after it.
        case invalidEscape
        /// Half of a surrogate pair, which stands for no character.
        case loneSurrogate
        /// A control character that should have been escaped.
        case controlCharacter(UInt8)
        /// A key that occurs twice in its object.
        case duplicateKey(String)
        /// Arrays and objects nested deeper than allowed.
        case tooDeep(limit: Int)
        /// More values than allowed.
        case tooManyValues(limit: Int)
    }
}

extension JSONError: CustomStringConvertible {
    /// One line: where, and what was found and expected.
    package var description: String { "JSON, line \(line), byte \(offset): \(defect)" }
}

extension JSONError.Defect: CustomStringConvertible {
    /// What was found, and what was expected.
    package var description: String {
        switch self {
        case .unexpectedEnd(let expected): "the text ends where \(expected) was expected"
        case .unexpectedByte(let byte, let expected): "found \(Self.name(byte)), expected \(expected)"
        case .trailingContent: "found more text, expected the end"
        case .invalidUTF8: "the text is not UTF-8"
        case .invalidEscape:
            "found an unknown escape, expected one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX"
        case .loneSurrogate: "found half of a surrogate pair"
        case .controlCharacter(let byte): "found \(Self.name(byte)) in a string, expected an escape"
        case .duplicateKey(let key): "the key '\(key)' occurs twice in one object"
        case .tooDeep(let limit): "nested deeper than \(limit) levels"
        case .tooManyValues(let limit): "more than \(limit) values, expected at most \(limit)"
        }
    }

    private static func name(_ byte: UInt8) -> String {
        (0x20..<0x7f).contains(byte)
            ? "'\(Character(Unicode.Scalar(byte)))'" : "byte 0x\(String(byte, radix: 16))"
    }
}
