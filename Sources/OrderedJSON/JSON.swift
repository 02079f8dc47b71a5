/// A JSON value that keeps what most parsers lose: the order of keys and the spelling of numbers. What was not
/// edited is therefore written back as it was read.
package enum JSON: Sendable, Equatable {
    /// `null`
    case null
    /// `true` or `false`
    case bool(Bool)
    /// A number as it is spelled in the text: `1`, `1.0`, `1e-05`, or Python's `NaN`, `Infinity`, `-Infinity`.
    case number(String)
    /// Text, with its escapes resolved.
    case string(String)
    /// Values in order.
    case array([JSON])
    /// Members in order, each key once.
    case object([Member])

    /// A key of an object and its value.
    package struct Member: Sendable, Equatable {
        /// The key, unique in its object.
        package var key: String
        /// What it stands for.
        package var value: JSON

        /// A member.
        package init(_ key: String, _ value: JSON) {
            self.key = key
            self.value = value
        }
    }
}

// MARK: - Reading

extension JSON {
    /// The value under a key of an object; nil if there is none or this is no object.
    package subscript(_ key: String) -> JSON? { members?.first { $0.key == key }?.value }

    /// The value at a place of an array; nil beyond its end or where this is no array.
    package subscript(_ index: Int) -> JSON? {
        guard let array, array.indices.contains(index) else { return nil }
        return array[index]
    }

    /// True for `null`.
    package var isNull: Bool { self == .null }

    /// The truth value, nil for anything else.
    package var bool: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }

    /// The text, nil for anything else.
    package var string: String? {
        if case .string(let value) = self { value } else { nil }
    }

    /// The number where it is spelled as an integer that fits: `3`, and not `3.0`.
    package var int: Int? {
        if case .number(let spelling) = self { Int(spelling) } else { nil }
    }

    /// The number, `NaN` and infinities included; nil for anything that is not a number.
    package var double: Double? {
        guard case .number(let spelling) = self else { return nil }
        switch spelling {
        case "NaN": return .nan
        case "Infinity": return .infinity
        case "-Infinity": return -.infinity
        default: return Double(spelling)
        }
    }

    /// The values of an array, nil for anything else.
    package var array: [JSON]? {
        if case .array(let values) = self { values } else { nil }
    }

    /// The values of an array of strings; nil for anything else, for what is left out would shift the rest.
    package var strings: [String]? {
        guard let array else { return nil }
        let strings = array.compactMap(\.string)
        return strings.count == array.count ? strings : nil
    }

    /// The members of an object in order, nil for anything else.
    package var members: [Member]? {
        if case .object(let members) = self { members } else { nil }
    }
}

// MARK: - Making and changing

extension JSON {
    /// An integer.
    package static func int(_ value: Int) -> JSON { .number(String(value)) }

    /// A number in the shortest spelling that reads back the same, as Python's `repr` gives it.
    package static func double(_ value: Double) -> JSON {
        if value.isNaN { return .number("NaN") }
        if value.isInfinite { return .number(value < 0 ? "-Infinity" : "Infinity") }
        return .number("\(value)")
    }

    /// The object with one member set: in place where the key exists, at the end where not. Anything that is no
    /// object stays as it is.
    package func setting(_ key: String, _ value: JSON) -> JSON {
        guard var members else { return self }
        if let index = members.firstIndex(where: { $0.key == key }) {
            members[index].value = value
        } else {
            members.append(Member(key, value))
        }
        return .object(members)
    }

    /// The object without these keys. Anything that is no object stays as it is.
    package func removing(_ keys: Set<String>) -> JSON {
        guard let members else { return self }
        return .object(members.filter { !keys.contains($0.key) })
    }

    /// The object with the value under an existing key transformed; unchanged where the key is missing.
    package func updating<Failure: Error>(
        _ key: String, _ transform: (JSON) throws(Failure) -> JSON
    ) throws(Failure) -> JSON {
        guard let value = self[key] else { return self }
        return setting(key, try transform(value))
    }
}
