/// Strings, their escapes resolved.
extension JSONParser {
    /// The string that starts at the position, its quotes dropped and its escapes resolved.
    mutating func string() throws(JSONError) -> String {
        position += 1
        var result = ""
        var start = position
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "\""):
                try append(start, to: &result)
                position += 1
                return result
            case UInt8(ascii: "\\"):
                try append(start, to: &result)
                result.unicodeScalars.append(try escape())
                start = position
            case let byte where byte < 0x20: throw error(.controlCharacter(byte))
            default: position += 1
            }
        }
        throw error(.unexpectedEnd(expected: "a closing quote"))
    }

    /// Appends the plain bytes from `start` to the position.
    private mutating func append(_ start: Int, to result: inout String) throws(JSONError) {
        let run = bytes[start..<position]
        if run.isEmpty { return }
        if run.contains(where: { $0 >= 0x80 }) {
            var parser = Unicode.UTF8.ForwardParser()
            var iterator = run.makeIterator()
            checking: while true {
                switch parser.parseScalar(from: &iterator) {
                case .valid: continue
                case .emptyInput: break checking
                case .error:
                    position = start
                    throw error(.invalidUTF8)
                }
            }
        }
        result.append(String(decoding: run, as: UTF8.self))
    }

    private mutating func escape() throws(JSONError) -> Unicode.Scalar {
        position += 1
        let byte = current
        if position == bytes.count { throw unexpected("an escape") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{c}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return try unicodeEscape()
        default:
            position -= 2
            throw error(.invalidEscape)
        }
    }

    /// The character of `\uXXXX`, or of a surrogate pair of two such escapes.
    private mutating func unicodeEscape() throws(JSONError) -> Unicode.Scalar {
        let start = position - 2
        let unit = try hexadecimal()
        if let scalar = Unicode.Scalar(unit) { return scalar }
        if unit < 0xdc00, take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) {
            let low = try hexadecimal()
            if (0xdc00...0xdfff).contains(low),
                let scalar = Unicode.Scalar(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00))
            {
                return scalar
            }
        }
        position = start
        throw error(.loneSurrogate)
    }

    private mutating func hexadecimal() throws(JSONError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard position < bytes.count, let digit = Character(Unicode.Scalar(current)).hexDigitValue else {
                throw unexpected("a hexadecimal digit")
            }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }
}
