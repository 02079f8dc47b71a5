import Archives
import HDF5
import Tensors

/// A network in several of PyTorch's own files (shards) beside an index that says which tensor is where:
/// `pytorch_model.bin.index.json`, as Hugging Face's libraries wrote it before safetensors. It is written as one file.
struct ShardedTorchFile: Checkpoint {
    let path: String
    let layout = Layout.torchShards
    let producer: String? = "PyTorch"
    let parameters: ParameterTable
    let modelConfig: String? = nil
    let note: String? = nil
    let leftOut: [String]
    /// The index, then the shards in order.
    let files: [String]

    /// Throws `ShardError`, and what reading a shard throws.
    init(_ index: ShardIndex) throws {
        var tensors: [Parameter] = []
        var leftOut: [String] = []
        for name in index.names {
            let shard = try Self.open(name, of: index)
            try index.check(shard.parameters.names, in: name)
            // Ties are counted in each shard by itself.
            let first = tensors.count
            tensors += shard.parameters.map { $0.renumberingTie(by: first) }
            leftOut += shard.leftOut.filter { !leftOut.contains($0) }
        }
        try index.checkAll(tensors.map(\.name))
        path = index.path
        files = [index.path] + index.names.map { ShardedSafetensorsFile.beside(index.path, $0) }
        parameters = ParameterTable(tensors)
        self.leftOut = leftOut
    }

    private static func open(_ name: String, of index: ShardIndex) throws -> any Checkpoint {
        let file = try index.file(name)
        let kind = FileKind(path: file.path)
        switch kind {
        case .zip:
            if let shard = try TorchPickleFile.open(ZipArchive(path: file.path), key: nil) { return shard }
            throw ShardError.otherFormat(
                path: index.path, name: name, hint: "it is another zip archive", isTorch: true)
        case .pickle: return try TorchPickleFile.open(file, key: nil)
        default:
            let hint = kind == .unknown ? "its header is missing; download it again" : kind.hint
            throw ShardError.otherFormat(path: index.path, name: name, hint: hint, isTorch: true)
        }
    }

    func write(
        to path: String, edits: ParameterEdits, modelConfig: String?, note: String, overwrite: Bool
    ) throws {
        try NewCheckpoint(
            parameters: try parameters.applying(edits, path: self.path), isKeras: false, modelConfig: nil,
            note: note
        ).write(to: path, layout: .pth, overwrite: overwrite)
    }
}
