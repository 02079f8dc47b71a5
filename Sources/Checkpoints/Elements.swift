import Tensors

/// Stored elements, little-endian, and the Float32 values that everything here computes with.
enum Elements {
    /// The values of stored elements, rounded to nearest where they are wider. `bytes` holds whole elements.
    static func floats(_ bytes: [UInt8], _ type: ElementType) -> [Float] {
        switch type {
        case .float16: decode(bytes, UInt16.self, HalfPrecision.float(half:))
        case .bfloat16: decode(bytes, UInt16.self, HalfPrecision.float(bfloat16:))
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
        if let misfit = firstMisfit(values, type) { return .failure(misfit) }
        let bytes =
            switch type {
            case .float16: encode(values, HalfPrecision.half)
            case .bfloat16: encode(values, HalfPrecision.bfloat16)
            case .float32: encode(values, \.bitPattern)
            case .float64: encode(values) { Double($0).bitPattern }
            case .int8: encode(values) { Int8($0) }
            case .int16: encode(values) { Int16($0) }
            case .int32: encode(values) { Int32($0) }
            case .int64: encode(values) { Int64($0) }
            case .uint8: encode(values) { UInt8($0) }
            case .uint16: encode(values) { UInt16($0) }
            case .uint32: encode(values) { UInt32($0) }
            case .uint64: encode(values) { UInt64($0) }
            }
        return .success(bytes)
    }

    /// Whether a value is written as a finite number of a type of floats, or exactly as an integer. Half precision ends at
    /// 65,504; what is nearer to the next power of two than to bfloat16's largest number would become an infinity, too.
    static func fits(_ value: Float, _ type: ElementType) -> Bool {
        switch type {
        case .float16: abs(value) <= 65_504
        case .bfloat16: value.isFinite && HalfPrecision.bfloat16(value) & 0x7F80 != 0x7F80
        case .float32, .float64: value.isFinite
        case .int8: Int8(exactly: value) != nil
        case .int16: Int16(exactly: value) != nil
        case .int32: Int32(exactly: value) != nil
        case .int64: Int64(exactly: value) != nil
        case .uint8: UInt8(exactly: value) != nil
        case .uint16: UInt16(exactly: value) != nil
        case .uint32: UInt32(exactly: value) != nil
        case .uint64: UInt64(exactly: value) != nil
        }
    }

    /// The first value that does not fit a type.
    static func firstMisfit(_ values: [Float], _ type: ElementType) -> Misfit? {
        switch type {
        case .float32, .float64: values.firstNonFinite.map { Misfit(value: values[$0]) }
        default: values.first { !fits($0, type) }.map(Misfit.init)
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
        _ values: [Float], _ bits: (Float) -> Bits
    ) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: values.count * MemoryLayout<Bits>.size) { buffer, made in
            let bytes = UnsafeMutableRawBufferPointer(buffer)
            for (index, value) in values.enumerated() {
                bytes.storeBytes(
                    of: bits(value).littleEndian, toByteOffset: index * MemoryLayout<Bits>.size, as: Bits.self
                )
            }
            made = values.count * MemoryLayout<Bits>.size
        }
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
