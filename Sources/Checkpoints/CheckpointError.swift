import OrderedJSON
import Tensors

/// Why a file could not be read or written as a checkpoint, beyond what `HDF5Error` tells.
package enum CheckpointError: Error, Equatable {
    /// The file's objects are those of no layout that is known.
    case unknownLayout(path: String, holds: [String])
    /// A layout that is known but not read, and what to do instead.
    case unsupportedLayout(path: String, found: String, remedy: String)
    /// A part of the file that is not of its form.
    case malformedMember(path: String, member: String, reason: String)
    /// A configuration of more bytes than one has.
    case configurationTooLarge(path: String, found: Int, limit: Int)
    /// A configuration that is not JSON.
    case configurationIsNotJSON(path: String, reason: JSONError)
    /// A configuration that is no UTF-8 text.
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
    /// The output is there already.
    case targetExists(path: String)
    /// A file under the name that the old one is to get.
    case backupExists(path: String, backup: String)
    /// The output cannot be made: no folder, no permission, no space.
    case cannotWrite(path: String, reason: String)
}

extension CheckpointError: CustomStringConvertible {
    /// One line for people.
    package var description: String {
        switch self {
        case .unknownLayout(let path, let holds):
            "\(path): no layout that normconv knows: expected Keras' 'model_weights' or PyTorch names such as "
                + "'conv1.weight', found \(Self.list(holds))"
        case .unsupportedLayout(let path, let found, let remedy): "\(path): \(found): \(remedy)"
        case .malformedMember(let path, let member, let reason): "\(path): '\(member)': \(reason)"
        case .configurationTooLarge(let path, let found, let limit):
            "\(path): a configuration of \(found) bytes, expected at most \(limit)"
        case .configurationIsNotJSON(let path, let reason): "\(path): \(reason)"
        case .configurationIsNoText(let path): "\(path): no text, expected UTF-8"
        case .emptyParameter(let path, let name, let shape):
            "\(path): parameter '\(name)': shape \(shape) holds nothing, expected values"
        case .duplicateParameter(let path, let name): "\(path): parameter '\(name)' is there twice"
        case .alreadyThere(let path, let name):
            "\(path): the conversion adds a parameter '\(name)', and there is one that the network does not use"
        case .sameName(let path, let name, let old):
            "\(path): parameters \(Self.list(old)) would both be '\(name)' in the new layout"
        case .unknownParameter(let path, let name): "\(path): there is no parameter '\(name)' to change"
        case .wrongEdit(let path, let name, let found, let expected):
            "\(path): parameter '\(name)': \(found) new values, expected \(expected)"
        case .doesNotFit(let path, let name, let value, let type):
            "\(path): parameter '\(name)': the new value \(value) does not fit its type \(type)"
        case .targetExists(let path): "\(path): the file exists; --force overwrites it"
        case .backupExists(let path, let backup):
            "\(path): the old file would become \(backup), which exists: move that file away first"
        case .cannotWrite(let path, let reason): "\(path): cannot be written: \(reason)"
        }
    }

    private static func list(_ names: [String]) -> String {
        names.isEmpty ? "nothing" : names.map { "'\($0)'" }.listed()
    }
}
