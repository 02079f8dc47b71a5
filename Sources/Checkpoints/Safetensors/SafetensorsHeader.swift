import Archives
import OrderedJSON
import Tensors

/// The header of a safetensors file, checked as a whole before any of it is shown.
///
/// Source: the format's description and `validate` in `safetensors/src/tensor.rs`.
struct SafetensorsHeader {
    /// Tensors in the order of their data.
    let tensors: [Entry]
    /// The strings under `__metadata__`, in order.
    let metadata: [(key: String, value: String)]

    /// A tensor and its bytes' place in the file.
    struct Entry {
        let name: String
        let type: ElementType
        let shape: Shape
        let offset: Int
        var byteCount: Int { shape.count * type.size }
    }

    /// Bytes of a header, the format's own limit.
    static let lengthLimit = 100_000_000
    /// The key that is no tensor.
    static let metadataKey = "__metadata__"

    init(_ file: RandomAccessFile) throws {
        let path = file.path
        guard file.size >= 8 else { throw SafetensorsError.tooShort(path: path, found: file.size) }
        let length = try file.read(at: 0, count: 8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard length <= UInt64(Self.lengthLimit) else {
            throw SafetensorsError.headerTooLong(path: path, found: length, limit: Self.lengthLimit)
        }
        let count = Int(length)
        guard count <= file.size - 8 else {
            throw SafetensorsError.headerTruncated(path: path, found: file.size - 8, expected: count)
        }
        let members = try Self.members(try file.read(at: 8, count: count), path: path)
        metadata = try Self.metadata(members, path: path)
        var records = try members.filter { $0.key != Self.metadataKey }
            .map { try Record($0.key, $0.value, path: path) }
        // Ties are empty tensors; their order does not matter, but has to be the same each time.
        records.sort { ($0.begin, $0.end, $0.name) < ($1.begin, $1.end, $1.name) }
        var end = 0
        for record in records {
            guard record.begin == end else {
                throw SafetensorsError.notContiguous(
                    path: path, tensor: record.name, found: record.begin, expected: end)
            }
            end = record.end
        }
        let (expected, overflow) = end.addingReportingOverflow(8 + count)
        guard !overflow, expected == file.size else {
            throw SafetensorsError.wrongFileSize(
                path: path, found: file.size, expected: overflow ? .max : expected)
        }
        tensors = records.map {
            Entry(name: $0.name, type: $0.type, shape: $0.shape, offset: 8 + count + $0.begin)
        }
    }

    private static func members(_ bytes: [UInt8], path: String) throws(SafetensorsError) -> [JSON.Member] {
        guard bytes.first == UInt8(ascii: "{") else {
            throw .wrongStart(path: path, found: bytes.first ?? 0)
        }
        do {
            return try JSON.parse(bytes, depthLimit: 8).members ?? []
        } catch {
            throw .notJSON(path: path, reason: error)
        }
    }

    private static func metadata(
        _ members: [JSON.Member], path: String
    ) throws(SafetensorsError) -> [(key: String, value: String)] {
        guard let json = members.first(where: { $0.key == metadataKey })?.value else { return [] }
        guard let strings = json.members else {
            throw .wrongMetadata(path: path, found: json.excerpt)
        }
        var metadata: [(key: String, value: String)] = []
        for member in strings {
            guard let value = member.value.string else {
                throw .wrongMetadata(path: path, found: "\(member.key): \(member.value.excerpt)")
            }
            metadata.append((member.key, value))
        }
        return metadata
    }
}

/// A tensor's record, its fields checked by themselves.
private struct Record {
    let name: String
    let type: ElementType
    let shape: Shape
    let begin: Int
    let end: Int

    init(_ name: String, _ json: JSON, path: String) throws(SafetensorsError) {
        func wrong(_ field: String, _ expected: String) -> SafetensorsError {
            .wrongField(
                path: path, tensor: name, field: field, found: json[field]?.excerpt ?? "missing",
                expected: expected)
        }
        guard let spelling = json["dtype"]?.string else { throw wrong("dtype", "a name of a type") }
        guard let type = ElementType(safetensors: spelling) else {
            throw .unsupportedType(path: path, tensor: name, found: spelling)
        }
        let extents = json["shape"]?.array?.map { $0.int ?? -1 }
        guard let extents, extents.allSatisfy({ $0 >= 0 }) else {
            throw wrong("shape", "a list of numbers that are not negative")
        }
        guard let shape = Shape(checking: extents),
            case let (bytes, overflow) = shape.count.multipliedReportingOverflow(by: type.size), !overflow
        else { throw .shapeOverflow(path: path, tensor: name, shape: extents) }
        let offsets = json["data_offsets"]?.array?.map { $0.int ?? -1 }
        guard let offsets, offsets.count == 2, offsets[0] >= 0, offsets[1] >= offsets[0] else {
            throw wrong("data_offsets", "[begin, end]")
        }
        guard offsets[1] - offsets[0] == bytes else {
            throw .wrongLength(path: path, tensor: name, found: offsets[1] - offsets[0], expected: bytes)
        }
        (self.name, self.type, self.shape) = (name, type, shape)
        (begin, end) = (offsets[0], offsets[1])
    }
}

extension JSON {
    /// The value's text, cut where it is long.
    var excerpt: String {
        let text = self.text
        return text.count > 60 ? text.prefix(60) + "…" : text
    }
}

extension ElementType {
    private static let safetensorsNames: [(name: String, type: ElementType)] = [
        ("F64", .float64), ("F32", .float32), ("F16", .float16), ("BF16", .bfloat16), ("I64", .int64),
        ("I32", .int32), ("I16", .int16), ("I8", .int8), ("U64", .uint64), ("U32", .uint32),
        ("U16", .uint16), ("U8", .uint8),
    ]

    /// The type that safetensors calls this.
    init?(safetensors name: String) {
        guard let found = Self.safetensorsNames.first(where: { $0.name == name }) else { return nil }
        self = found.type
    }

    /// What safetensors calls the type.
    var safetensorsName: String { Self.safetensorsNames.first { $0.type == self }?.name ?? rawValue }
}
