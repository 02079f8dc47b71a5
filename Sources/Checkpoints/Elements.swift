import Tensors

/// Stored elements, little-endian, and the Float32 values that everything here computes with.
enum Elements {
    /// The values of stored elements, rounded to nearest where they are wider. `bytes` holds whole elements.
    static func floats(_ bytes: [UInt8], _ type: ElementType) -> [Float] {
        switch type {
        case .float16: decode(bytes, UInt16.self, HalfPrecision.float(half:))
        case .bfloat16: decode(bytes, UInt16.self, HalfPrecision.float(brain:))
        case .float32: decode(bytes, UInt32.self) { Float(bitPattern: $0) }
        case .float64: decode(bytes, UInt64.self) { Float(Double(bitPattern: $0)) }
        case .int8: decode(bytes, Int8.self) { Float($0) }
        case .int16: decode(bytes, Int16.self) { Float($0) }
        case .int32: decode(bytes, Int32.self) { Float($0) }
        case .int64: decode(bytes, Int64.self) { Float($0) }
        case .uint8: decode(bytes, UInt8.self) { Float($0) }
        case .uint16: decode(bytes, UInt16.self) { Float($0) }
        case .uint32: decode(bytes, UInt32.self) { Float($0) }
        case .uint64: decode(bytes, UInt64.self) { Float($0) }
        }
    }

    /// Values as stored elements, rounded to nearest even; nil and the value at fault where one does not fit.
    static func bytes(_ values: [Float], _ type: ElementType) -> Result<[UInt8], Misfit> {
        switch type {
        case .float16: encode(values) { fits($0, type) ? HalfPrecision.half($0) : nil }
        case .bfloat16: encode(values) { fits($0, type) ? HalfPrecision.brain($0) : nil }
        case .float32:
            firstMisfit(values, type).map { .failure($0) }
                ?? .success(values.withUnsafeBytes { Array($0) })
        case .float64: encode(values) { fits($0, type) ? Double($0).bitPattern : nil }
        case .int8: encode(values) { Int8(exactly: $0) }
        case .int16: encode(values) { Int16(exactly: $0) }
        case .int32: encode(values) { Int32(exactly: $0) }
        case .int64: encode(values) { Int64(exactly: $0) }
        case .uint8: encode(values) { UInt8(exactly: $0) }
        case .uint16: encode(values) { UInt16(exactly: $0) }
        case .uint32: encode(values) { UInt32(exactly: $0) }
        case .uint64: encode(values) { UInt64(exactly: $0) }
        }
    }

    /// Whether a value is written as a finite number of a type of floats. Half precision ends at 65,504; what is nearer to
    /// the next power of two than to bfloat16's largest number would become an infinity, too.
    static func fits(_ value: Float, _ type: ElementType) -> Bool {
        switch type {
        case .float16: abs(value) <= 65_504
        case .bfloat16: value.isFinite && HalfPrecision.brain(value) & 0x7F80 != 0x7F80
        default: value.isFinite
        }
    }

    /// The first value that is not written as a finite number of a type of floats.
    static func firstMisfit(_ values: [Float], _ type: ElementType) -> Misfit? {
        switch type {
        case .float16, .bfloat16: values.first { !fits($0, type) }.map(Misfit.init)
        default: values.firstNonFinite.map { Misfit(value: values[$0]) }
        }
    }

    /// A value outside the range of its type.
    struct Misfit: Error { let value: Float }

    private static func decode<Bits: FixedWidthInteger>(
        _ bytes: [UInt8], _ type: Bits.Type, _ value: (Bits) -> Float
    ) -> [Float] {
        let count = bytes.count / MemoryLayout<Bits>.size
        return bytes.withUnsafeBytes { buffer in
            [Float](unsafeUninitializedCapacity: count) { values, made in
                for index in 0..<count {
                    let offset = index * MemoryLayout<Bits>.size
                    let bits = buffer.loadUnaligned(fromByteOffset: offset, as: Bits.self)
                    values.initializeElement(at: index, to: value(Bits(littleEndian: bits)))
                }
                made = count
            }
        }
    }

    private static func encode<Bits: FixedWidthInteger>(
        _ values: [Float], _ bits: (Float) -> Bits?
    ) -> Result<[UInt8], Misfit> {
        var elements: [Bits] = []
        elements.reserveCapacity(values.count)
        for value in values {
            guard let bits = bits(value) else { return .failure(Misfit(value: value)) }
            elements.append(bits.littleEndian)
        }
        return .success(elements.withUnsafeBytes { Array($0) })
    }
}

extension Parameter {
    /// The elements as a file of the parameter's type stores them, little-endian; `path` is named in errors.
    func encoded(path: String) throws -> [UInt8] {
        if let bytes = try readBytes() { return bytes }
        switch Elements.bytes(try read().values, elementType) {
        case .success(let bytes): return bytes
        case .failure(let misfit):
            throw CheckpointError.doesNotFit(
                path: path, name: name, value: misfit.value, type: elementType.rawValue)
        }
    }
}
