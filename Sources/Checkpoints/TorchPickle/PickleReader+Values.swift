/// The parts of opcodes. `at` is the byte of the opcode, for errors.
extension PickleReader {
    /// Bytes of a line, and of a string of Python 2 that is kept as text.
    private static let lineLimit = 64 << 10

    /// A little-endian number of a few bytes.
    mutating func unsigned(_ count: Int) throws -> UInt64 {
        try take(count).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    }

    /// The length before a string or bytes.
    mutating func length(_ opcode: UInt8) throws -> Int {
        switch opcode {
        case 0x8c, UInt8(ascii: "U"), UInt8(ascii: "C"): Int(try unsigned(1))
        case 0x8d, 0x8e, 0x96: Int(clamping: try unsigned(8))
        default: Int(try unsigned(4))
        }
    }

    /// A string of so many bytes.
    mutating func text(_ count: Int, _ at: Int) throws -> String {
        guard let text = String(validating: try take(count), as: UTF8.self) else {
            throw PickleError.notUTF8(path: path, at: at)
        }
        return text
    }

    /// A string of Python 2, which is text or bytes.
    mutating func byteString(_ count: Int) throws -> PickleValue {
        guard count <= Self.lineLimit else { return .bytes(try skip(count)) }
        let bytes = try take(count)
        return String(validating: bytes, as: UTF8.self).map(PickleValue.string)
            ?? .bytes(PickleBytes(Array(bytes)))
    }

    /// A line without its end, as GLOBAL has two.
    mutating func line(_ at: Int) throws -> String {
        var line: [UInt8] = []
        while case let next = try byte(), next != UInt8(ascii: "\n") {
            guard line.count < Self.lineLimit else {
                throw PickleError.tooMany(path: path, object: "bytes in a line", limit: Self.lineLimit)
            }
            line.append(next)
        }
        guard let text = String(validating: line, as: UTF8.self) else {
            throw PickleError.notUTF8(path: path, at: at)
        }
        return text
    }

    /// An integer or a float.
    mutating func number(_ opcode: UInt8) throws -> PickleValue {
        switch opcode {
        case UInt8(ascii: "J"): return .int(Int(Int32(truncatingIfNeeded: try unsigned(4))))
        case UInt8(ascii: "K"): return .int(Int(try unsigned(1)))
        case UInt8(ascii: "M"): return .int(Int(try unsigned(2)))
        case UInt8(ascii: "G"):
            let bits = try take(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            return .float(Double(bitPattern: bits))
        default:
            let count = opcode == 0x8a ? Int(try byte()) : Int(try unsigned(4))
            guard count <= 8 else {
                _ = try skip(count)
                return .wideInt
            }
            let bits = try unsigned(count)
            // Two's complement of `count` bytes: the sign moves up to the top and down again.
            let unused = 64 - 8 * count
            return .int(count == 0 ? 0 : Int(Int64(bitPattern: bits << unused) >> unused))
        }
    }
}
