import Archives
import OrderedJSON
import Tensors

/// A checkpoint in a pickle: what `torch.save` writes, a TorchScript archive, or arrays of numpy. It is read without running
/// anything of it, and written as a plain state dictionary.
struct TorchPickleFile: Checkpoint {
    let path: String
    let layout: Layout
    let parameters: ParameterTable
    let modules: [String: RecordedModule]
    let leftOut: [String]
    let isModule: Bool
    let networkKeys: NetworkKeys?
    let modelConfig: String?
    let note: String?
    let classNames: [String]?
    /// Names of depthwise kernels of a Keras network.
    let depthwiseKernels: Set<String>

    var producer: String? { layout == .pickle ? "Python" : "PyTorch" }

    /// Bytes of a pickle in an archive: the description of a network of a million tensors has less.
    private static let lengthLimit = 256 << 20

    /// The checkpoint in an archive; nil where the archive is something else. `key` chooses one of several networks.
    static func open(_ archive: ZipArchive, key: String?) throws -> (any Checkpoint)? {
        guard let member = archive.members.first(where: { $0.name.hasSuffix("/data.pkl") }) else {
            return nil
        }
        let path = archive.path
        guard member.size <= lengthLimit else {
            throw PickleError.tooLong(path: path, found: member.size, limit: lengthLimit)
        }
        let folder = String(member.name.dropLast("data.pkl".count))
        if let order = archive[folder + "byteorder"], try archive.read(order) != Array("little".utf8) {
            throw PickleError.bigEndian(path: path)
        }
        let isScript = archive[folder + "constants.pkl"] != nil
        let code = isScript ? TorchScriptCode(archive, folder: folder + "code/") : nil
        var reader = PickleReader(try archive.read(member), path: path, storedSize: member.storedSize)
        let state = try PickleMachine.load(&reader, path: path) {
            try StateDictionary($0.value, key: key, path: path, code: code)
        }
        return try TorchPickleFile(
            path: path, layout: isScript ? .torchScript : .torchZip, state: state,
            storages: .members(of: archive, folder: folder + "data/"),
            metadata: TorchZipMetadata(archive, folder: folder))
    }

    /// The checkpoint in a file that is a pickle: arrays, or PyTorch's format before 1.6.
    static func open(_ file: RandomAccessFile, key: String?) throws -> any Checkpoint {
        if let legacy = try TorchLegacyFile(file, key: key) {
            return try TorchPickleFile(
                path: file.path, layout: .torchLegacy, state: legacy.state,
                storages: .ranges(legacy.storages, of: file))
        }
        var reader = PickleReader(file)
        let state = try PickleMachine.load(&reader, path: file.path) {
            try StateDictionary($0.value, key: key, path: file.path)
        }
        return try TorchPickleFile(
            path: file.path, layout: .pickle, state: state, storages: .ranges([:], of: file))
    }

    private init(
        path: String, layout: Layout, state: StateDictionary, storages: StorageReader,
        metadata: TorchZipMetadata? = nil
    ) throws {
        (self.path, self.layout) = (path, layout)
        modules = state.modules
        isModule = state.isModule
        networkKeys = state.keys
        leftOut =
            (state.others.isEmpty ? [] : ["other entries of the checkpoint (\(state.others.listed(24)))"])
            + (state.packed.isEmpty ? [] : ["tensors in tuples and lists (\(state.packed.listed(24)))"])
        let table = try Self.table(state, storages, path: path)
        note = try metadata?["normconv"]
        classNames = try metadata?[NameListAttribute.classNames].flatMap { (try? JSON.parse($0))?.strings }
        let origin = KerasOrigin(
            config: try metadata?[KerasOrigin.configKey], names: try metadata?[KerasOrigin.namesKey])
        let translated = origin?.kerasParameters(table)
        parameters = translated ?? table
        depthwiseKernels = origin?.depthwiseKernels ?? []
        modelConfig = translated == nil ? nil : origin?.config
    }

    /// Elements that all expanded tensors have beyond those of their storages.
    private static let expandedLimit = 1 << 28

    private static func table(
        _ state: StateDictionary, _ storages: StorageReader, path: String
    ) throws -> ParameterTable {
        let ties = TiedTensors(state.tensors.map(\.tensor))
        var names: Set<String> = []
        var expanded = 0
        return ParameterTable(
            try state.tensors.enumerated().map { place, entry in
                guard names.insert(entry.name).inserted else {
                    throw CheckpointError.duplicateParameter(path: path, name: entry.name)
                }
                expanded += entry.tensor.expandedCount
                guard expanded <= expandedLimit else {
                    throw PickleError.tooMany(
                        path: path, object: "elements of expanded tensors", limit: expandedLimit)
                }
                return try Parameter(entry.name, entry.tensor, tie: ties.numbers[place], in: storages)
            })
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

/// Where a file has the numbers of storages.
enum StorageReader {
    /// A member for each key.
    case members(of: ZipArchive, folder: String)
    /// A range of bytes for each key.
    case ranges([String: Range<Int>], of: RandomAccessFile)

    /// Checks that a storage is there with all of its bytes, and gives what reads a range of them.
    func bytes(_ storage: TorchStorage) throws -> @Sendable (Range<Int>) throws -> [UInt8] {
        switch (storage.place, self) {
        case (.pickle(let bytes), _): return { try bytes.read($0) }
        case (.key(let key), .members(let archive, let folder)):
            let member = folder + key
            guard let found = archive[member] else {
                throw ArchiveError.missingMember(file: archive.path, member: member)
            }
            guard found.size == storage.byteCount else {
                throw ArchiveError.wrongSize(
                    file: archive.path, member: member, found: found.size, expected: storage.byteCount ?? .max
                )
            }
            return { try archive.read(found, $0) }
        case (.key(let key), .ranges(let ranges, let file)):
            guard let place = ranges[key], place.count == storage.byteCount else {
                throw PickleError.damaged(
                    path: file.path, object: "storage '\(key.prefix(100))'",
                    found: ranges[key].map { "\($0.count) bytes" } ?? "nothing",
                    expected: "\(storage.byteCount ?? .max) bytes")
            }
            return { try file.read(at: place.lowerBound + $0.lowerBound, count: $0.count) }
        }
    }
}

extension Parameter {
    fileprivate init(
        _ name: String, _ tensor: TorchTensor, tie: Int?, in storages: StorageReader
    ) throws {
        let read = try storages.bytes(tensor.storage)
        let bytes = { @Sendable () throws -> [UInt8] in tensor.elements(of: try read(tensor.byteRange)) }
        self.init(name: name, shape: tensor.shape, elementType: tensor.type, tie: tie, bytes: bytes) {
            Tensor(shape: tensor.shape, values: Elements.floats(try bytes(), tensor.type))
        }
    }
}
