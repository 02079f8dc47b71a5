import OrderedJSON

/// Why a safetensors file is refused: one case per defect of its header. `Archives.ArchiveError` tells of files
/// that cannot be read at all.
package enum SafetensorsError: Error, Equatable {
    /// Fewer bytes than the header's length takes.
    case tooShort(path: String, found: Int)
    /// A header over the format's limit.
    case headerTooLong(path: String, found: UInt64, limit: Int)
    /// A header that runs past the end of the file.
    case headerTruncated(path: String, found: Int, expected: Int)
    /// A header that does not begin with `{`.
    case wrongStart(path: String, found: UInt8)
    /// A header that is not JSON, or has a key twice.
    case notJSON(path: String, reason: JSONError)
    /// `__metadata__` that is not an object of strings.
    case wrongMetadata(path: String, found: String)
    /// A tensor without one of its three fields, or with one of another form.
    case wrongField(path: String, tensor: String, field: String, found: String, expected: String)
    /// An element type that is not read here.
    case unsupportedType(path: String, tensor: String, found: String)
    /// A shape whose number of bytes is not a number.
    case shapeOverflow(path: String, tensor: String, shape: [Int])
    /// Offsets that give another number of bytes than shape and type ask for.
    case wrongLength(path: String, tensor: String, found: Int, expected: Int)
    /// A tensor that does not begin where the one before it ends: a hole, or bytes that two tensors share.
    case notContiguous(path: String, tensor: String, found: Int, expected: Int)
    /// More or fewer bytes in the file than the tensors take.
    case wrongFileSize(path: String, found: Int, expected: Int)
}

extension SafetensorsError: CustomStringConvertible {
    /// The message in one line: the file, the tensor, what was found and what was expected.
    package var description: String {
        switch self {
        case .tooShort(let path, let found):
            "\(path): \(found) bytes, expected a safetensors header of at least 8 bytes"
        case .headerTooLong(let path, let found, let limit):
            "\(path): safetensors header of \(found) bytes, expected at most \(limit)"
        case .headerTruncated(let path, let found, let expected):
            "\(path): cut off: found \(found) bytes of the safetensors header, expected \(expected)"
        case .wrongStart(let path, let found):
            "\(path): safetensors header begins with byte \(found), expected '{'"
        case .notJSON(let path, let reason): "\(path): safetensors header: \(reason)"
        case .wrongMetadata(let path, let found):
            "\(path): safetensors '__metadata__' is \(found), expected an object with string values"
        case .wrongField(let path, let tensor, let field, let found, let expected):
            "\(path): tensor '\(tensor)': '\(field)' is \(found), expected \(expected)"
        case .unsupportedType(let path, let tensor, let found):
            "\(path): tensor '\(tensor)': elements of type \(found), expected F64, F32, F16, BF16 or integers"
        case .shapeOverflow(let path, let tensor, let shape):
            "\(path): tensor '\(tensor)': shape \(shape) is too large"
        case .wrongLength(let path, let tensor, let found, let expected):
            "\(path): tensor '\(tensor)': \(found) bytes, expected \(expected) for its shape and type"
        case .notContiguous(let path, let tensor, let found, let expected):
            "\(path): tensor '\(tensor)': begins at byte \(found) of the data, expected \(expected): "
                + "tensors must follow each other without gaps"
        case .wrongFileSize(let path, let found, let expected):
            found < expected
                ? "\(path): cut off: \(found) bytes, expected \(expected)"
                : "\(path): \(found) bytes, expected \(expected): \(found - expected) bytes belong to no tensor"
        }
    }
}
