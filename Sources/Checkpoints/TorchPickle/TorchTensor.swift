import Tensors

/// The kind of numbers that a storage holds.
struct TorchElements: Equatable {
    /// PyTorch's class or numpy's code: `FloatStorage`, `<f4`.
    let name: String
    /// Bytes an element takes.
    let size: Int
    /// How the elements are encoded; nil for those that are not read.
    let type: ElementType?

    init(_ name: String, size: Int, type: ElementType? = nil) {
        (self.name, self.size, self.type) = (name, size, type)
    }

    /// The storages that `torch.save` knows. Truth values are bytes; an untyped storage is counted in bytes.
    static let storages: [String: TorchElements] = {
        let readable: [(String, ElementType)] = [
            ("Double", .float64), ("Float", .float32), ("Half", .float16), ("BFloat16", .bfloat16),
            ("Long", .int64), ("Int", .int32), ("Short", .int16), ("Char", .int8), ("Byte", .uint8),
            ("Bool", .uint8),
        ]
        let others = [
            ("ComplexDouble", 16), ("ComplexFloat", 8), ("ComplexHalf", 4), ("QInt8", 1), ("QUInt8", 1),
            ("QInt32", 4), ("QUInt4x2", 1), ("QUInt2x4", 1), ("Untyped", 1),
        ]
        let all =
            readable.map { TorchElements("\($0)Storage", size: $1.size, type: $1) }
            + others.map { TorchElements("\($0)Storage", size: $1) }
        return Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })
    }()
}

/// Numbers that tensors are views of.
struct TorchStorage {
    /// Where they are: under a key of the file, or in the pickle itself.
    enum Place {
        case key(String)
        case pickle(PickleBytes)
    }

    let place: Place
    let elements: TorchElements
    /// The number of elements.
    let count: Int
    /// Elements before the first one of a view, in the format before 1.6.
    var offset = 0

    /// The same bytes as numbers of another type; nil where a view begins inside of one.
    func recast(_ type: ElementType) -> TorchStorage? {
        // A view begins in its storage, so that its bytes fit an `Int` where all do.
        guard let bytes = byteCount, case let start = offset * elements.size, start % type.size == 0 else {
            return nil
        }
        return TorchStorage(
            place: place, elements: TorchElements(elements.name, size: type.size, type: type),
            count: bytes / type.size, offset: start / type.size)
    }

    /// The bytes that the elements take; nil where the number does not fit an `Int`.
    var byteCount: Int? {
        let (bytes, overflow) = count.multipliedReportingOverflow(by: elements.size)
        return overflow ? nil : bytes
    }
}

/// A view of a storage, checked against it: every element that it reaches is there.
struct TorchTensor {
    let storage: TorchStorage
    let type: ElementType
    /// Elements before the first one.
    let offset: Int
    let shape: Shape
    /// Elements from one position of a dimension to the next.
    let strides: [Int]
    /// Elements from the first one to the last, both included.
    private let span: Int

    /// Elements of a view that has more than its storage (`expand`), for each of the storage's, and in any case.
    private static let (expansion, expansionAllowance) = (100, 1 << 20)

    /// Elements beyond those of the storage.
    var expandedCount: Int { max(0, shape.count - storage.count) }

    /// Nil where the view reaches beyond the storage, or repeats its elements more often than any network needs.
    init?(storage: TorchStorage, type: ElementType, offset: Int, extents: [Int], strides: [Int]) {
        guard let shape = Shape(checking: extents), strides.count == extents.count, offset >= 0,
            strides.allSatisfy({ $0 >= 0 }),
            shape.count / Self.expansion <= storage.count || shape.count <= Self.expansionAllowance
        else { return nil }
        var last = offset
        if shape.count > 0 {
            for (extent, stride) in zip(extents, strides) {
                let (step, tooFar) = (extent - 1).multipliedReportingOverflow(by: stride)
                let (sum, beyond) = last.addingReportingOverflow(step)
                if tooFar || beyond { return nil }
                last = sum
            }
            guard last < storage.count else { return nil }
        }
        (self.storage, self.type) = (storage, type)
        (self.shape, self.strides) = (shape, strides)
        (self.offset, span) = shape.count > 0 ? (offset, last - offset + 1) : (0, 0)
    }

    /// The bytes of the storage that the view reaches from its first element to its last.
    var byteRange: Range<Int> { offset * type.size..<(offset + span) * type.size }

    /// The tensor's elements in row-major order, from the bytes of `byteRange`.
    func elements(of bytes: [UInt8]) -> [UInt8] {
        if shape.count == 0 || isContiguous { return bytes }
        let size = type.size
        var result: [UInt8] = []
        result.reserveCapacity(shape.count * size)
        var position = [Int](repeating: 0, count: shape.rank)
        for _ in 0..<shape.count {
            let place = zip(position, strides).reduce(0) { $0 + $1.0 * $1.1 }
            result += bytes[place * size..<(place + 1) * size]
            for dimension in position.indices.reversed() {
                position[dimension] += 1
                if position[dimension] < shape[dimension] { break }
                position[dimension] = 0
            }
        }
        return result
    }

    private var isContiguous: Bool {
        var expected = 1
        for dimension in shape.extents.indices.reversed() where shape[dimension] != 1 {
            if strides[dimension] != expected { return false }
            expected *= shape[dimension]
        }
        return true
    }
}
