/// Why a pickle is refused. `at` is the byte of the opcode.
package enum PickleError: Error, Equatable {
    /// More bytes than a description of tensors needs.
    case tooLong(path: String, found: Int, limit: Int)
    /// The pickle ends before its STOP.
    case truncated(path: String, at: Int)
    /// An opcode that checkpoints of tensors do not need.
    case unsupportedOpcode(path: String, at: Int, found: UInt8)
    /// A class or function that runs commands or code.
    case runsCode(path: String, name: String)
    /// An opcode that finds something else on the stack than it works on.
    case wrongOperand(path: String, at: Int, found: String, expected: String)
    /// A place of the memo that nothing was put in.
    case unknownMemo(path: String, at: Int, found: Int)
    /// A string that is not UTF-8.
    case notUTF8(path: String, at: Int)
    /// A tensor whose storage, shape or strides do not fit together.
    case wrongTensor(path: String, found: String, expected: String)
    /// A parameter in a form that is not read.
    case unreadableTensor(path: String, name: String, found: String)
    /// A pickle that is something else than a dictionary of tensors.
    case noTensors(path: String, found: String)
    /// A module of TorchScript without parameters, as `torch.jit.freeze` makes it.
    case frozenScript(path: String)
    /// Several dictionaries of tensors, and none is more a network than the others.
    case severalNetworks(path: String, found: [String])
    /// A key under which there are no tensors; `found` lists those that have some.
    case unknownKey(path: String, name: String, found: [String])
    /// Dictionaries inside each other beyond the limit, or in circles.
    case tooDeep(path: String, limit: Int)
    /// More of something than a checkpoint has.
    case tooMany(path: String, object: String, limit: Int)
    /// The file of a format before 1.6 whose parts do not agree.
    case damaged(path: String, object: String, found: String, expected: String)
    /// Numbers of another byte order.
    case bigEndian(path: String)
}

extension PickleError: CustomStringConvertible {
    /// The message in one line.
    package var description: String {
        switch self {
        case .tooLong(let path, let found, let limit):
            "\(path): pickle of \(found) bytes, expected at most \(limit)"
        case .truncated(let path, let at): "\(path): the pickle ends early, at byte \(at)"
        case .unsupportedOpcode(let path, let at, let found):
            "\(path): pickle, byte \(at): found opcode 0x\(String(found, radix: 16)), "
                + "expected only those that torch.save writes"
        case .runsCode(let path, let name):
            "\(path): the pickle names '\(name.prefix(200))', which no network needs. Do not load this file in Python: it "
                + "could run any program"
        case .wrongOperand(let path, let at, let found, let expected):
            "\(path): pickle, byte \(at): found \(found), expected \(expected)"
        case .unknownMemo(let path, let at, let found):
            "\(path): pickle, byte \(at): memo \(found) is read before it is stored"
        case .notUTF8(let path, let at): "\(path): pickle, byte \(at): a string that is not UTF-8"
        case .wrongTensor(let path, let found, let expected):
            "\(path): tensor: found \(found), expected \(expected)"
        case .unreadableTensor(let path, let name, let found):
            "\(path): parameter '\(name)': found \(found), expected a dense tensor of integers or floats; convert it "
                + "in PyTorch first (dequantize(), to_dense(), .cpu())"
        case .noTensors(let path, let found):
            "\(path): the pickle holds \(found), expected a state_dict (a dictionary of tensors) or a module"
        case .frozenScript(let path):
            "\(path): the TorchScript archive has no parameters, expected some; if it was frozen, save it before "
                + "torch.jit.freeze, which makes them constants of its code"
        case .severalNetworks(let path, let found):
            "\(path): found several networks of the same size: \(found.listed(12)); choose one with --key"
        case .unknownKey(let path, let name, let found):
            "\(path): there are no tensors under the key '\(name)'; "
                + (found.isEmpty
                    ? "the file has no other key with tensors: leave out --key"
                    : "--key takes \(found.listed(12))")
        case .tooDeep(let path, let limit): "\(path): dictionaries nested deeper than \(limit) levels"
        case .tooMany(let path, let object, let limit):
            "\(path): the pickle has more than \(limit) \(object)"
        case .damaged(let path, let object, let found, let expected):
            "\(path): \(object): found \(found), expected \(expected)"
        case .bigEndian(let path):
            "\(path): big-endian numbers, expected little-endian ones. PyTorch can convert the file to safetensors: "
                + TorchConversion.command(for: path)
        }
    }
}
