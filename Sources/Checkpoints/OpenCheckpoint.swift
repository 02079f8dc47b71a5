import Archives
import HDF5
import OrderedJSON

/// Opens a file in any layout. The layout is recognized by content, never by name.
///
/// Throws `HDF5Error`, `SafetensorsError`, `ShardError`, `ArchiveError` or `PickleError` where it is damaged or of no kind that is
/// known, `CheckpointError` where its layout is not understood.
///
/// A folder stands for the index of shards (`model.safetensors.index.json`, `pytorch_model.bin.index.json`) in it. `key` chooses one of several networks in
/// a pickle; it is refused for files of other kinds.
///
/// `modelConfig` gives the configuration of a Keras model in JSON, for files of its weights alone, from the file's note
/// of a conversion.
package func openCheckpoint(
    _ path: String, key: String? = nil, modelConfig: (_ note: String?) throws -> String? = { _ in nil }
) throws -> any Checkpoint {
    let checkpoint = try openAny(path, key: key, modelConfig)
    if let key, !checkpoint.layout.isPickle {
        throw CheckpointError.keyWithoutPickle(path: path, name: key, found: checkpoint.layout.description)
    }
    return checkpoint
}

private func openAny(
    _ path: String, key: String?, _ modelConfig: (_ note: String?) throws -> String?
) throws -> any Checkpoint {
    let path = try ShardIndex.find(path)
    switch FileKind(path: path) {
    case .safetensors:
        try ShardIndex.checkIsWhole(path)
        return try SafetensorsFile(path: path)
    case .zip:
        try ShardIndex.checkIsWhole(path)
        return try openArchive(path, key: key)
    case .pickle:
        try ShardIndex.checkIsWhole(path)
        return try TorchPickleFile.open(RandomAccessFile(path: path), key: key)
    default:
        if isJSON(path) {
            if let index = try ShardIndex(path: path) {
                return index.isTorch ? try ShardedTorchFile(index) : try ShardedSafetensorsFile(index)
            }
            throw CheckpointError.shardsOrConfiguration(path: path)
        }
        return try openHDF5(path, modelConfig)
    }
}

/// Whether a file is a pickle or an archive around one, in which a key may choose one of several networks. False where it
/// cannot be read, which opening it reports.
package func isPickle(_ path: String) -> Bool {
    switch FileKind(path: path) {
    case .pickle: true
    case .zip: (try? ZipArchive(path: path))?.members.contains { $0.name.hasSuffix("/data.pkl") } ?? false
    default: false
    }
}

/// Whether a file begins as an object of JSON does.
func isJSON(_ path: String) -> Bool {
    RandomAccessFile.firstBytes(64, of: path).first { !" \t\r\n".utf8.contains($0) } == UInt8(ascii: "{")
}

extension CheckpointError {
    /// What a list of shards of another format is refused with: `x.weights.json` of Keras, and others.
    static func shards(path: String) -> CheckpointError {
        .unsupportedLayout(
            path: path, found: "weights in several files (shards)",
            remedy: "load them in their framework and save one file: model.save('model.keras') in Keras, "
                + "safetensors.torch.save_model in PyTorch")
    }

    fileprivate static func shardsOrConfiguration(path: String) -> CheckpointError {
        if path.hasSuffix(".weights.json") || path.hasSuffix(".index.json") { return .shards(path: path) }
        return .unsupportedLayout(
            path: path, found: "JSON, which holds no weights",
            remedy: "give the weights file; pass a configuration with --architecture")
    }
}

/// The text of a configuration for a file of weights. Throws `CheckpointError`, and `ArchiveError` where it cannot be
/// read.
package func readConfiguration(_ path: String) throws -> String {
    let limit = HDF5Limits().attributeBytes
    let file = try RandomAccessFile(path: path)
    guard file.size <= limit else {
        throw CheckpointError.configurationTooLarge(path: path, found: file.size, limit: limit)
    }
    guard let text = String(validating: try file.read(at: 0, count: file.size), as: UTF8.self) else {
        throw CheckpointError.configurationIsNoText(path: path)
    }
    do throws(JSONError) {
        _ = try JSON.parse(text)
    } catch {
        throw CheckpointError.configurationIsNotJSON(path: path, reason: error)
    }
    return text
}

private func openHDF5(
    _ path: String, _ modelConfig: (_ note: String?) throws -> String?
) throws -> any Checkpoint {
    let file = try HDF5File(reading: path)
    if let checkpoint = try KerasLegacyFile.open(file) { return checkpoint }
    if let checkpoint = try KerasWeightsFile.open(file, modelConfig: modelConfig) { return checkpoint }
    if let checkpoint = try TorchFile.open(file) { return checkpoint }
    throw CheckpointError.unknownLayout(path: path, holds: try file.root.names())
}

private func openArchive(_ path: String, key: String?) throws -> any Checkpoint {
    let archive = try ZipArchive(path: path)
    let formats: [(ZipArchive) throws -> (any Checkpoint)?] = [
        KerasArchiveFile.open, { try TorchPickleFile.open($0, key: key) }, NumpyArchiveFile.open,
    ]
    for open in formats {
        if let checkpoint = try open(archive) { return checkpoint }
    }
    throw CheckpointError.unknownLayout(path: path, holds: archive.members.map(\.name))
}
