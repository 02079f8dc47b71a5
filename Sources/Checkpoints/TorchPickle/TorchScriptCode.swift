import Archives
import Tensors

/// The classes in a TorchScript archive's code: the names of their parameters and buffers and their constants. The code is
/// text to read these from; it is never run.
///
/// PyTorch prints a class as follows (`torch/csrc/jit/serialization/python_print.cpp`):
///
///     class BatchNorm2d(Module):
///       __parameters__ = ["weight", "bias", ]
///       __buffers__ = ["running_mean", "running_var", "num_batches_tracked", ]
///       weight : Tensor
///       eps : Final[float] = 1.0000000000000001e-05
///       def forward(self: …
final class TorchScriptCode {
    /// Bytes of a file of code, and of all files together.
    private static let (fileLimit, totalLimit) = (4 << 20, 16 << 20)

    /// What the code says of a class.
    struct Class: Equatable {
        var isModule: Bool
        var parameters: [String] = []
        var buffers: [String] = []
        /// Constants of `RecordedModule.settingNames` that the class states.
        var stated: [String: RecordedSetting] = [:]
        /// What its code gives the functions that it calls, by the same names.
        var called: [String: RecordedSetting] = [:]
        /// What the class states, else what it calls: a traced module states nothing. Code spells constants in other ways,
        /// `[2, 2]` for 2, and a class of several layers may call a function of one.
        var settings: [String: RecordedSetting] { called.merging(stated) { $1 } }
        /// Functions that it calls, without the place they are from: `relu`.
        var functions: Set<String> = []
    }

    private let archive: ZipArchive
    /// `archive/code/`
    private let folder: String
    /// Classes by file and name.
    private var files: [String: [String: Class]] = [:]
    private var total = 0

    init(_ archive: ZipArchive, folder: String) { (self.archive, self.folder) = (archive, folder) }

    /// The class of a name such as `__torch__.torch.nn.modules.conv.Conv2d`; nil where the archive has no code for it.
    func scriptClass(_ name: String) throws -> Class? {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count > 1, let last = parts.last else { return nil }
        let file = folder + parts.dropLast().joined(separator: "/") + ".py"
        if let known = files[file] { return known[String(last)] }
        guard let member = archive[file], member.size <= Self.fileLimit,
            total + member.size <= Self.totalLimit
        else {
            files[file] = [:]
            return nil
        }
        total += member.size
        let classes = Self.classes(String(decoding: try archive.read(member), as: UTF8.self))
        files[file] = classes
        return classes[String(last)]
    }

    /// The classes in a file of code.
    static func classes(_ text: String) -> [String: Class] {
        var classes: [String: Class] = [:]
        var current: String?
        var isHeader = false
        for line in text.utf8.split(separator: UInt8(ascii: "\n")).lazy.map(Substring.init) {
            if line.hasPrefix("class "), let end = line.firstIndex(where: { "(:".contains($0) }) {
                let name = String(line[line.index(line.startIndex, offsetBy: 6)..<end])
                classes[name] = Class(isModule: line[end...].hasPrefix("(Module)"))
                (current, isHeader) = (name, true)
                continue
            }
            guard let name = current else { continue }
            let content = line.drop { $0 == " " }
            if content.hasPrefix("def ") { isHeader = false }
            if isHeader {
                classes[name]?.read(content)
            } else {
                for call in TorchScriptCall.all(in: content) { classes[name]?.add(call) }
            }
        }
        return classes
    }
}

extension TorchScriptCode.Class {
    /// Reads a line of a class before its functions.
    fileprivate mutating func read(_ line: Substring) {
        if let names = Self.names(line, "__parameters__ = [") {
            parameters = names
        } else if let names = Self.names(line, "__buffers__ = [") {
            buffers = names
        } else if let end = line.firstRange(of: " : Final["), let start = line.firstRange(of: "] = "),
            case let name = String(line[..<end.lowerBound]), RecordedModule.settingNames.contains(name)
        {
            stated[name] = RecordedSetting(script: line[start.upperBound...])
        }
    }

    /// Of different settings in several calls none is the module's.
    fileprivate mutating func add(_ call: TorchScriptCall) {
        if functions.count < TorchScriptCall.countLimit { functions.insert(call.function) }
        for (name, value) in call.settings {
            called[name] = called[name].map { $0 == value ? value : .none } ?? value
        }
    }

    /// `["weight", "bias", ]` after a prefix.
    private static func names(_ line: Substring, _ prefix: String) -> [String]? {
        guard line.hasPrefix(prefix) else { return nil }
        return line.dropFirst(prefix.count).split(separator: "\"", omittingEmptySubsequences: false)
            .enumerated().filter { !$0.offset.isMultiple(of: 2) }.map { String($0.element) }
    }
}
