import Archives
import OrderedJSON
import Tensors

/// A checkpoint that PyTorch 1.6 or later saved (`torch.save`): a zip archive of a pickle and the numbers that its
/// tensors are views of. It is read without running anything of it.
struct TorchZipFile: Checkpoint {
    let path: String
    let layout = Layout.torchZip
    let producer: String? = "PyTorch"
    let parameters: ParameterTable
    let modelConfig: String?
    let note: String?
    let classNames: [String]?
    let leftOut: [String]
    /// Names of depthwise kernels of a Keras network.
    let depthwiseKernels: Set<String>

    /// Dictionaries inside each other.
    private static let depthLimit = 32
    /// Tensors and other entries of all dictionaries together.
    private static let entryLimit = 1_000_000
    /// Common keys of a state dictionary in a larger dictionary.
    static let wrappers = ["state_dict", "model", "model_state_dict", "state_dict_ema", "module"]

    /// Nil where the archive is something else.
    static func open(_ archive: ZipArchive) throws -> (any Checkpoint)? {
        guard let member = archive.members.first(where: { $0.name.hasSuffix("/data.pkl") }) else {
            return nil
        }
        let folder = member.name.dropLast("data.pkl".count)
        guard archive[folder + "constants.pkl"] == nil else {
            throw CheckpointError.unsupportedLayout(
                path: archive.path, found: "a TorchScript archive, which is a program",
                remedy: "if you trust it, PyTorch can convert it to safetensors: "
                    + TorchConversion.script.command(for: archive.path))
        }
        return try TorchZipFile(archive, member)
    }

    private init(_ archive: ZipArchive, _ member: ZipArchive.Member) throws {
        path = archive.path
        let folder = String(member.name.dropLast("data.pkl".count))
        if let order = archive[folder + "byteorder"], try archive.read(order) != Array("little".utf8) {
            throw PickleError.bigEndian(path: archive.path)
        }
        let (tensors, others) = try PickleMachine.load(try archive.read(member), path: archive.path) {
            try Self.stateDictionary($0, path: archive.path)
        }
        leftOut =
            others.isEmpty ? [] : ["other entries of the checkpoint (\(others.joined(separator: ", ")))"]
        var names: Set<String> = []
        let table = ParameterTable(
            try tensors.map { name, tensor in
                guard names.insert(name).inserted else {
                    throw CheckpointError.duplicateParameter(path: archive.path, name: name)
                }
                return try Parameter(name, tensor, in: archive, folder: folder)
            })
        let metadata = TorchZipMetadata(archive, folder: folder)
        note = try metadata["normconv"]
        classNames = try metadata[NameListAttribute.classNames].flatMap { (try? JSON.parse($0))?.strings }
        let origin = KerasOrigin(
            config: try metadata[KerasOrigin.configKey], names: try metadata[KerasOrigin.namesKey])
        let translated = origin?.kerasParameters(table)
        parameters = translated ?? table
        depthwiseKernels = origin?.depthwiseKernels ?? []
        modelConfig = translated == nil ? nil : origin?.config
    }

    /// The tensors of the state dictionary, and the keys of other entries.
    private static func stateDictionary(
        _ value: PickleValue, path: String
    ) throws(PickleError) -> ([(name: String, tensor: TorchTensor)], [String]) {
        guard case .dictionary(let dictionary) = value else {
            throw PickleError.noTensors(path: path, found: value.kind)
        }
        var (root, others): (PickleDictionary, [String]) = (dictionary, [])
        for key in wrappers {
            guard case .dictionary(let inner)? = dictionary[key] else { continue }
            (root, others) = (inner, dictionary.entries.compactMap(\.key).filter { $0 != key })
            break
        }
        var tensors: [(name: String, tensor: TorchTensor)] = []
        var entries = 0
        try collect(root, prefix: "", depth: 0, path: path, into: &tensors, entries: &entries)
        guard !tensors.isEmpty else {
            throw PickleError.noTensors(path: path, found: "a dict without tensors")
        }
        return (tensors, others)
    }

    /// All tensors under dotted names. A dictionary may stand in several places: the number of entries is limited.
    private static func collect(
        _ dictionary: PickleDictionary, prefix: String, depth: Int, path: String,
        into found: inout [(name: String, tensor: TorchTensor)], entries: inout Int
    ) throws(PickleError) {
        guard depth < depthLimit else { throw .tooDeep(path: path, limit: depthLimit) }
        for (key, value) in dictionary.entries {
            entries += 1
            guard entries <= entryLimit else { throw .tooDeep(path: path, limit: depthLimit) }
            guard let key else { continue }
            switch value {
            case .tensor(let tensor): found.append((prefix + key, tensor))
            case .dictionary(let inner):
                try collect(
                    inner, prefix: prefix + key + ".", depth: depth + 1, path: path, into: &found,
                    entries: &entries)
            default: break
            }
        }
    }

    func write(
        to path: String, edits: ParameterEdits, modelConfig: String?, note: String, overwrite: Bool
    ) throws {
        try NewCheckpoint(
            parameters: try parameters.applying(edits, path: self.path), isKeras: self.modelConfig != nil,
            modelConfig: modelConfig ?? self.modelConfig, depthwiseKernels: depthwiseKernels,
            classNames: classNames, note: note
        ).write(to: path, layout: .pth, overwrite: overwrite)
    }
}

extension Parameter {
    fileprivate init(
        _ name: String, _ tensor: TorchTensor, in archive: ZipArchive, folder: String
    ) throws {
        let storage = tensor.storage
        let member = "\(folder)data/\(storage.key)"
        guard let found = archive[member] else {
            throw ArchiveError.missingMember(file: archive.path, member: member)
        }
        let (expected, overflow) = storage.count.multipliedReportingOverflow(by: storage.type.size)
        guard !overflow, found.size == expected else {
            throw ArchiveError.wrongSize(
                file: archive.path, member: member, found: found.size, expected: overflow ? .max : expected)
        }
        let bytes = { @Sendable () throws -> [UInt8] in tensor.elements(of: try archive.read(found)) }
        self.init(name: name, shape: tensor.shape, elementType: storage.type, bytes: bytes) {
            Tensor(shape: tensor.shape, values: Elements.floats(try bytes(), storage.type))
        }
    }
}
