extension JSON {
    /// Parses one JSON text: RFC 8259, and the `NaN`, `Infinity` and `-Infinity` that Python writes. Keys that stand
    /// twice in one object are refused. Time is linear in the text's length, memory in that and in the number of values,
    /// of which the largest networks have some ten thousand.
    package static func parse(
        _ bytes: [UInt8], depthLimit: Int = 512, valueLimit: Int = 1_000_000
    ) throws(JSONError) -> JSON {
        var parser = JSONParser(bytes: bytes, depthLimit: depthLimit, valueLimit: valueLimit)
        return try parser.text()
    }

    /// Parses one JSON text.
    package static func parse(_ text: String, depthLimit: Int = 512) throws(JSONError) -> JSON {
        try parse(Array(text.utf8), depthLimit: depthLimit)
    }
}

/// Recursive descent; `depthLimit` bounds the stack.
struct JSONParser {
    let bytes: [UInt8]
    private let depthLimit: Int
    private let valueLimit: Int
    var position = 0
    private var depth = 0
    private var values = 0

    init(bytes: [UInt8], depthLimit: Int, valueLimit: Int) {
        self.bytes = bytes
        self.depthLimit = depthLimit
        self.valueLimit = valueLimit
    }

    /// The byte at the position; 0, which can stand nowhere, at the end.
    var current: UInt8 { position < bytes.count ? bytes[position] : 0 }

    mutating func text() throws(JSONError) -> JSON {
        skipSpace()
        let value = try value()
        skipSpace()
        guard position == bytes.count else { throw error(.trailingContent) }
        return value
    }

    private mutating func value() throws(JSONError) -> JSON {
        values += 1
        guard values <= valueLimit else { throw error(.tooManyValues(limit: valueLimit)) }
        switch current {
        case UInt8(ascii: "{"): return try nested { parser throws(JSONError) in try parser.object() }
        case UInt8(ascii: "["): return try nested { parser throws(JSONError) in try parser.array() }
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number(try number())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case UInt8(ascii: "N"): return try word("NaN", .number("NaN"))
        case UInt8(ascii: "I"): return try word("Infinity", .number("Infinity"))
        default: throw unexpected("a value")
        }
    }

    // MARK: Arrays and objects

    private mutating func nested(
        _ body: (inout JSONParser) throws(JSONError) -> JSON
    ) throws(JSONError) -> JSON {
        guard depth < depthLimit else { throw error(.tooDeep(limit: depthLimit)) }
        depth += 1
        position += 1
        skipSpace()
        let value = try body(&self)
        depth -= 1
        return value
    }

    private mutating func array() throws(JSONError) -> JSON {
        var values: [JSON] = []
        if take(UInt8(ascii: "]")) { return .array(values) }
        while true {
            values.append(try value())
            skipSpace()
            if take(UInt8(ascii: "]")) { return .array(values) }
            guard take(UInt8(ascii: ",")) else { throw unexpected("',' or ']'") }
            skipSpace()
        }
    }

    private mutating func object() throws(JSONError) -> JSON {
        var members: [JSON.Member] = []
        var keys: Set<String> = []
        if take(UInt8(ascii: "}")) { return .object(members) }
        while true {
            guard current == UInt8(ascii: "\"") else { throw unexpected("a key in quotes") }
            let start = position
            let key = try string()
            guard keys.insert(key).inserted else {
                position = start
                throw error(.duplicateKey(key))
            }
            skipSpace()
            guard take(UInt8(ascii: ":")) else { throw unexpected("':'") }
            skipSpace()
            members.append(JSON.Member(key, try value()))
            skipSpace()
            if take(UInt8(ascii: "}")) { return .object(members) }
            guard take(UInt8(ascii: ",")) else { throw unexpected("',' or '}'") }
            skipSpace()
        }
    }

    // MARK: Scalars

    private mutating func word(_ word: StaticString, _ value: JSON) throws(JSONError) -> JSON {
        for index in 0..<word.utf8CodeUnitCount {
            guard take(word.utf8Start[index]) else { throw unexpected("'\(word)'") }
        }
        return value
    }

    private mutating func number() throws(JSONError) -> String {
        let start = position
        if take(UInt8(ascii: "-")), current == UInt8(ascii: "I") {
            _ = try word("Infinity", .null)
            return "-Infinity"
        }
        if !take(UInt8(ascii: "0")) { try digits() }
        if take(UInt8(ascii: ".")) { try digits() }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            try digits()
        }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    private mutating func digits() throws(JSONError) {
        let start = position
        while (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(current) { position += 1 }
        if position == start { throw unexpected("a digit") }
    }

    // MARK: Steps and errors

    private mutating func skipSpace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0a, 0x0d: position += 1
            default: return
            }
        }
    }

    mutating func take(_ byte: UInt8) -> Bool {
        guard position < bytes.count, bytes[position] == byte else { return false }
        position += 1
        return true
    }

    func unexpected(_ expected: String) -> JSONError {
        position < bytes.count
            ? error(.unexpectedByte(bytes[position], expected: expected))
            : error(.unexpectedEnd(expected: expected))
    }

    func error(_ defect: JSONError.Defect) -> JSONError {
        let line = 1 + bytes[..<position].count { $0 == UInt8(ascii: "\n") }
        return JSONError(defect, offset: position, line: line)
    }
}
