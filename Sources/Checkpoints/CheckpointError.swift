import OrderedJSON
import Tensors

/// Why a file could not be read or written as a checkpoint; HDF5 files also throw `HDF5Error`.
package enum CheckpointError: Error, Equatable {
    /// The file's objects match no known layout.
    case unknownLayout(path: String, holds: [String])
    /// A known layout that normconv does not read, and what to do instead.
    case unsupportedLayout(path: String, found: String, remedy: String)
    /// A key for a file that holds one network only.
    case keyWithoutPickle(path: String, name: String, found: String)
    /// A part of the file that is malformed.
    case malformedMember(path: String, member: String, reason: String)
    /// A configuration that is too large.
    case configurationTooLarge(path: String, found: Int, limit: Int)
    /// A configuration that is not JSON.
    case configurationIsNotJSON(path: String, reason: JSONError)
    /// A configuration that is not UTF-8 text.
    case configurationIsNoText(path: String)
    /// A parameter of a network without any values.
    case emptyParameter(path: String, name: String, shape: [Int])
    /// One parameter under two names.
    case duplicateParameter(path: String, name: String)
    /// A new parameter has the name of one that the network does not use.
    case alreadyThere(path: String, name: String)
    /// Two parameters that would have one name in another layout.
    case sameName(path: String, name: String, of: [String])
    /// An edit names a parameter that is not there.
    case unknownParameter(path: String, name: String)
    /// An edit changes the number of values.
    case wrongEdit(path: String, name: String, found: Int, expected: Int)
    /// A new value is outside the range of the parameter's stored type.
    case doesNotFit(path: String, name: String, value: Float, type: String)
    /// The output exists.
    case targetExists(path: String)
    /// The name for the backup is taken.
    case backupExists(path: String, backup: String)
    /// The output cannot be made: no folder, no permission, no space.
    case cannotWrite(path: String, reason: String)
}

extension CheckpointError: CustomStringConvertible {
    /// The message in one line.
    package var description: String {
        switch self {
        case .unknownLayout(let path, let holds):
            "\(path): unknown layout: found \(Self.list(holds)), expected Keras' 'model_weights' or PyTorch names such "
                + "as 'conv1.weight'"
        case .unsupportedLayout(let path, let found, let remedy): "\(path): \(found): \(remedy)"
        case .keyWithoutPickle(let path, let name, let found):
            "\(path): --key '\(name)': found \(found), which holds one network; leave out --key, which is for PyTorch's .pth "
                + "files"
        case .malformedMember(let path, let member, let reason): "\(path): '\(member)': \(reason)"
        case .configurationTooLarge(let path, let found, let limit):
            "\(path): the configuration has \(found) bytes, expected at most \(limit)"
        case .configurationIsNotJSON(let path, let reason): "\(path): \(reason)"
        case .configurationIsNoText(let path): "\(path): not a text file, expected UTF-8"
        case .emptyParameter(let path, let name, let shape):
            "\(path): parameter '\(name)': shape \(shape) has no elements, expected at least one"
        case .duplicateParameter(let path, let name):
            "\(path): parameter '\(name)' occurs twice, expected once"
        case .alreadyThere(let path, let name):
            "\(path): the conversion adds a parameter '\(name)', but the file has an unused one of that name; rename the unused one"
        case .sameName(let path, let name, let old):
            "\(path): parameters \(Self.list(old)) would both be named '\(name)' in the new layout; choose another --layout"
        case .unknownParameter(let path, let name): "\(path): there is no parameter '\(name)' to change"
        case .wrongEdit(let path, let name, let found, let expected):
            "\(path): parameter '\(name)': \(found) new values, expected \(expected)"
        case .doesNotFit(let path, let name, let value, let type):
            "\(path): parameter '\(name)': the new value \(value) does not fit its type \(type)"
        case .targetExists(let path): "\(path): the file exists; use --force to overwrite it"
        case .backupExists(let path, let backup):
            "\(path): the backup \(backup) exists; move or rename it first"
        case .cannotWrite(let path, let reason): "\(path): cannot be written: \(reason)"
        }
    }

    private static func list(_ names: [String]) -> String {
        names.isEmpty ? "nothing" : names.map { "'\($0)'" }.listed()
    }
}
