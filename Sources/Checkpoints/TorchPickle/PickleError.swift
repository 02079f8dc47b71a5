/// Why a pickle is refused. `at` is the byte of the opcode.
package enum PickleError: Error, Equatable {
    /// More bytes than a description of tensors needs.
    case tooLong(path: String, found: Int, limit: Int)
    /// The pickle ends before its STOP.
    case truncated(path: String, at: Int)
    /// An opcode that checkpoints of tensors do not need.
    case unsupportedOpcode(path: String, at: Int, found: UInt8)
    /// A class or function other than the few that stand for tensors and ordered dictionaries.
    case refusedGlobal(path: String, name: String)
    /// An opcode that finds something else on the stack than it works on.
    case wrongOperand(path: String, at: Int, found: String, expected: String)
    /// A place of the memo that nothing was put in.
    case unknownMemo(path: String, at: Int, found: Int)
    /// A string that is not UTF-8.
    case notUTF8(path: String, at: Int)
    /// An integer of more than 64 bits.
    case integerTooWide(path: String, at: Int)
    /// A tensor whose storage, shape or strides do not fit together.
    case wrongTensor(path: String, found: String, expected: String)
    /// A pickle that is something else than a dictionary of tensors.
    case noTensors(path: String, found: String)
    /// Dictionaries inside each other beyond the limit, or in circles.
    case tooDeep(path: String, limit: Int)
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
                + "expected only those of a dictionary of tensors"
        case .refusedGlobal(let path, let name):
            "\(path): the pickle needs '\(name)', which normconv does not load; expected only tensors and "
                + "ordered dictionaries. \(TorchConversion.remedy(path, global: name))"
        case .wrongOperand(let path, let at, let found, let expected):
            "\(path): pickle, byte \(at): found \(found), expected \(expected)"
        case .unknownMemo(let path, let at, let found):
            "\(path): pickle, byte \(at): memo \(found) is read before it is stored"
        case .notUTF8(let path, let at): "\(path): pickle, byte \(at): a string that is not UTF-8"
        case .integerTooWide(let path, let at):
            "\(path): pickle, byte \(at): an integer of more than 64 bits"
        case .wrongTensor(let path, let found, let expected):
            "\(path): tensor: found \(found), expected \(expected)"
        case .noTensors(let path, let found):
            "\(path): the pickle holds \(found), expected a dictionary of tensors (a state_dict)"
        case .tooDeep(let path, let limit): "\(path): dictionaries nested deeper than \(limit) levels"
        case .bigEndian(let path): "\(path): big-endian numbers, expected little-endian ones"
        }
    }
}
