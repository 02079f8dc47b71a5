import Tensors

extension ElementType {
    /// numpy's code without the byte order, as `f4`; nil for bfloat16, which numpy does not have.
    package var numpyCode: String? {
        switch self {
        case .bfloat16: nil
        case .float16, .float32, .float64: "f\(size)"
        case .int8, .int16, .int32, .int64: "i\(size)"
        case .uint8, .uint16, .uint32, .uint64: "u\(size)"
        }
    }

    /// The type of a code without the byte order. Booleans (`b1`) are bytes.
    package init?(numpyCode code: String) {
        guard let type = code == "b1" ? .uint8 : Self.allCases.first(where: { $0.numpyCode == code }) else {
            return nil
        }
        self = type
    }
}

/// An array from an npy file, its elements kept as stored and decoded when asked for. Row-major (C order).
package struct NumpyArray: Sendable {
    /// Extents, outermost first.
    package let shape: [Int]
    /// The number of elements.
    package let count: Int
    /// How the elements are encoded.
    package let elementType: ElementType
    /// Whether the elements are truth values, bytes of 0 and 1.
    package let isBoolean: Bool
    let isBigEndian: Bool
    private let bytes: [UInt8]
    /// Where the elements begin in `bytes`.
    private let start: Int

    /// An array from the bytes of an npy file; `file` and `member` name it in errors.
    package init(_ bytes: [UInt8], file: String, member: String) throws(ArchiveError) {
        let header = try NumpyHeader(bytes, file: file, member: member)
        // Column-major and row-major are the same with one dimension.
        guard !header.isFortranOrder || header.shape.count <= 1 else {
            throw .fortranOrder(file: file, member: member)
        }
        guard let expected = Shape.product(of: header.shape, times: header.elementType.size) else {
            throw .malformedNumpyHeader(
                file: file, member: member, found: "shape \(header.shape)", expected: "a smaller one")
        }
        guard bytes.count - header.length == expected else {
            throw .wrongPayload(
                file: file, member: member, found: bytes.count - header.length, expected: expected)
        }
        shape = header.shape
        count = expected / header.elementType.size
        elementType = header.elementType
        isBoolean = header.isBoolean
        isBigEndian = header.isBigEndian
        self.bytes = bytes
        start = header.length
    }

    /// The elements' bytes as stored.
    package var storage: ArraySlice<UInt8> { bytes[start...] }

    /// Writes the elements of a range as Float32, rounded to nearest where they are wider.
    package func copyFloats(_ range: Range<Int>, to target: UnsafeMutablePointer<Float>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        switch elementType {
        case .uint8: copy(range, of: UInt8.self, to: target) { Float($0) }
        case .uint16: copy(range, of: UInt16.self, to: target) { Float($0) }
        case .uint32: copy(range, of: UInt32.self, to: target) { Float($0) }
        case .uint64: copy(range, of: UInt64.self, to: target) { Float($0) }
        case .int8: copy(range, of: Int8.self, to: target) { Float($0) }
        case .int16: copy(range, of: Int16.self, to: target) { Float($0) }
        case .int32: copy(range, of: Int32.self, to: target) { Float($0) }
        case .int64: copy(range, of: Int64.self, to: target) { Float($0) }
        case .float16: copy(range, of: UInt16.self, to: target) { Float(halfBits: $0) }
        case .bfloat16: copy(range, of: UInt16.self, to: target) { Float(bitPattern: UInt32($0) << 16) }
        case .float32: copy(range, of: UInt32.self, to: target) { Float(bitPattern: $0) }
        case .float64: copy(range, of: UInt64.self, to: target) { Float(Double(bitPattern: $0)) }
        }
    }

    /// All elements as integers; nil if they are floats or one does not fit an `Int`.
    package func integers() -> [Int]? {
        switch elementType {
        case .uint8: all(UInt8.self)
        case .uint16: all(UInt16.self)
        case .uint32: all(UInt32.self)
        case .uint64: all(UInt64.self)
        case .int8: all(Int8.self)
        case .int16: all(Int16.self)
        case .int32: all(Int32.self)
        case .int64: all(Int64.self)
        case .float16, .bfloat16, .float32, .float64: nil
        }
    }

    private func copy<Bits: FixedWidthInteger>(
        _ range: Range<Int>, of type: Bits.Type, to target: UnsafeMutablePointer<Float>,
        decode: (Bits) -> Float
    ) {
        bytes.withUnsafeBytes { buffer in
            for (offset, index) in range.enumerated() {
                target[offset] = decode(load(buffer, index))
            }
        }
    }

    private func all<Value: FixedWidthInteger>(_ type: Value.Type) -> [Int]? {
        var values: [Int] = []
        values.reserveCapacity(count)
        return bytes.withUnsafeBytes { buffer in
            for index in 0..<count {
                guard let value = Int(exactly: load(buffer, index) as Value) else { return nil }
                values.append(value)
            }
            return values
        }
    }

    private func load<Bits: FixedWidthInteger>(_ buffer: UnsafeRawBufferPointer, _ index: Int) -> Bits {
        let offset = start + index * MemoryLayout<Bits>.size
        let bits = buffer.loadUnaligned(fromByteOffset: offset, as: Bits.self)
        return isBigEndian ? Bits(bigEndian: bits) : Bits(littleEndian: bits)
    }
}

extension Float {
    /// The value of an IEEE 754 half-precision number. By hand: macOS on Intel has no `Float16`.
    init(halfBits bits: UInt16) {
        let sign: Float = bits & 0x8000 == 0 ? 1 : -1
        let fraction = UInt32(bits & 0x3ff)
        switch bits >> 10 & 0x1f {
        case 0: self = sign * Float(fraction) * 0x1p-24
        case 31: self = fraction == 0 ? sign * .infinity : .nan
        case let exponent:
            self = Float(
                bitPattern: UInt32(bits & 0x8000) << 16 | UInt32(exponent + 112) << 23 | fraction << 13)
        }
    }
}

extension ZipArchive {
    /// The names of the arrays in an npz file: its members that end in `.npy`, without that.
    package var arrayNames: [String] {
        members.map(\.name).filter { $0.hasSuffix(".npy") }.map { String($0.dropLast(4)) }
    }

    /// What stands before the elements of the array of that name, without reading these.
    package func preamble(named name: String) throws(ArchiveError) -> NumpyPreamble {
        let member = name + ".npy"
        guard let found = self[member] else { throw .missingMember(file: path, member: member) }
        return try NumpyPreamble(
            start(of: found, count: NumpyPreamble.maximumLength + 12), file: path, member: member)
    }

    /// The strings of that name in an npz file; nil where there are other elements.
    package func texts(named name: String) throws(ArchiveError) -> NumpyTexts? {
        let member = name + ".npy"
        guard let found = self[member] else { throw .missingMember(file: path, member: member) }
        return try NumpyTexts(read(found), file: path, member: member)
    }

    /// The array of that name in an npz file.
    package func array(named name: String) throws(ArchiveError) -> NumpyArray {
        let member = name + ".npy"
        guard let found = self[member] else { throw .missingMember(file: path, member: member) }
        return try NumpyArray(read(found), file: path, member: member)
    }
}

extension NumpyArray {
    /// What stands before the elements in an npy file: version 1.0, little-endian, C order. bfloat16, which numpy does not
    /// have, becomes two bytes without a meaning.
    package static func header(_ type: ElementType, shape: [Int]) -> [UInt8] {
        let extents = shape.map(String.init).joined(separator: ", ") + (shape.count == 1 ? "," : "")
        let order = type.size == 1 ? "|" : "<"
        var text =
            "{'descr': '\(order)\(type.numpyCode ?? "V2")', 'fortran_order': False, 'shape': (\(extents)), }"
        // The header ends in a newline and fills whole blocks of 64 bytes.
        text += String(repeating: " ", count: 63 - (10 + text.utf8.count) % 64) + "\n"
        let length = withUnsafeBytes(of: UInt16(text.utf8.count).littleEndian, Array.init)
        return [0x93] + Array("NUMPY".utf8) + [1, 0] + length + text.utf8
    }

    /// The elements little-endian, whatever their order in the file.
    package var littleEndianBytes: [UInt8] {
        let size = elementType.size
        guard isBigEndian, size > 1 else { return Array(storage) }
        var bytes = Array(storage)
        for start in stride(from: 0, to: bytes.count, by: size) { bytes[start..<start + size].reverse() }
        return bytes
    }
}
