import Tensors

/// The values that a restricted pickle can build.
enum PickleValue {
    case none
    case bool(Bool)
    case int(Int)
    case float(Double)
    case string(String)
    case bytes([UInt8])
    case tuple(PickleList)
    case list(PickleList)
    case dictionary(PickleDictionary)
    case global(PickleGlobal)
    case storage(TorchStorage)
    case tensor(TorchTensor)

    /// The kind of value, for errors.
    var kind: String {
        switch self {
        case .none: "None"
        case .bool: "a bool"
        case .int: "an int"
        case .float: "a float"
        case .string: "a string"
        case .bytes: "bytes"
        case .tuple: "a tuple"
        case .list: "a list"
        case .dictionary: "a dict"
        case .global: "a class or function"
        case .storage: "a storage"
        case .tensor: "a tensor"
        }
    }

    var int: Int? { if case .int(let value) = self { value } else { nil } }
    var string: String? { if case .string(let value) = self { value } else { nil } }
    var tuple: [PickleValue]? { if case .tuple(let list) = self { list.values } else { nil } }
    /// A tuple of integers, such as a shape.
    var ints: [Int]? {
        guard let values = tuple else { return nil }
        let ints = values.compactMap(\.int)
        return ints.count == values.count ? ints : nil
    }
}

/// A value of values. Whoever made it clears it in the end: a chain of a million lists would otherwise be freed by a
/// recursion that is as deep, and circles never.
protocol PickleContainer: AnyObject {
    func clear()
}

/// A list, which the memo may know before it is filled, or a tuple.
final class PickleList: PickleContainer {
    var values: [PickleValue]

    init(_ values: [PickleValue] = []) { self.values = values }

    func clear() { values = [] }
}

/// A dictionary in insertion order, which the memo may know before it is filled. Only strings and integers are
/// keys of interest; entries under other keys are kept without one.
final class PickleDictionary: PickleContainer {
    private(set) var entries: [(key: String?, value: PickleValue)] = []
    private var index: [String: Int] = [:]

    func clear() { (entries, index) = ([], [:]) }

    subscript(_ key: String) -> PickleValue? { index[key].map { entries[$0].value } }

    func set(_ key: PickleValue, _ value: PickleValue) {
        guard let name = key.string ?? key.int.map(String.init) else {
            return entries.append((nil, value))
        }
        if let place = index[name] {
            entries[place].value = value
        } else {
            index[name] = entries.count
            entries.append((name, value))
        }
    }
}

/// The classes and functions that a pickle may name. None of them is ever run; they select a value to build.
enum PickleGlobal: Equatable {
    case orderedDictionary
    case rebuildTensor
    case rebuildParameter
    case storage(ElementType)

    init?(module: String, name: String) {
        switch (module, name) {
        case ("collections", "OrderedDict"): self = .orderedDictionary
        case ("torch._utils", "_rebuild_tensor_v2"): self = .rebuildTensor
        case ("torch._utils", "_rebuild_parameter"): self = .rebuildParameter
        case ("torch", _), ("torch.storage", _):
            guard let type = Self.storages[name] else { return nil }
            self = .storage(type)
        default: return nil
        }
    }

    private static let storages: [String: ElementType] = [
        "DoubleStorage": .float64, "FloatStorage": .float32, "HalfStorage": .float16,
        "BFloat16Storage": .bfloat16, "LongStorage": .int64, "IntStorage": .int32, "ShortStorage": .int16,
        "CharStorage": .int8, "ByteStorage": .uint8,
    ]
}

/// Numbers that tensors are views of: one member of the archive.
struct TorchStorage {
    /// The member's name below `data/`.
    let key: String
    let type: ElementType
    /// The number of elements.
    let count: Int
}

/// A view of a storage, checked against it: every element that it reaches is there.
struct TorchTensor {
    let storage: TorchStorage
    /// Elements before the first one.
    let offset: Int
    let shape: Shape
    /// Elements from one position of a dimension to the next.
    let strides: [Int]

    /// Nil where the view reaches beyond the storage, or has more elements than it: an expanded view.
    init?(storage: TorchStorage, offset: Int, extents: [Int], strides: [Int]) {
        guard let shape = Shape(checking: extents), strides.count == extents.count, offset >= 0,
            strides.allSatisfy({ $0 >= 0 }), shape.count <= storage.count
        else { return nil }
        if shape.count > 0 {
            var last = offset
            for (extent, stride) in zip(extents, strides) {
                let (step, tooFar) = (extent - 1).multipliedReportingOverflow(by: stride)
                let (sum, beyond) = last.addingReportingOverflow(step)
                if tooFar || beyond { return nil }
                last = sum
            }
            guard last < storage.count else { return nil }
        }
        (self.storage, self.offset, self.shape, self.strides) = (storage, offset, shape, strides)
    }

    /// The tensor's elements in row-major order, from all bytes of its storage.
    func elements(of bytes: [UInt8]) -> [UInt8] {
        let size = storage.type.size
        if isContiguous { return Array(bytes[offset * size..<(offset + shape.count) * size]) }
        var result: [UInt8] = []
        result.reserveCapacity(shape.count * size)
        var position = [Int](repeating: 0, count: shape.rank)
        for _ in 0..<shape.count {
            let place = offset + zip(position, strides).reduce(0) { $0 + $1.0 * $1.1 }
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
