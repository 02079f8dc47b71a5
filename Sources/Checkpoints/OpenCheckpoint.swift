import Archives
import HDF5

/// Opens a file in whatever layout it has, which its bytes tell and never its name.
///
/// Throws `HDF5Error`, `SafetensorsError`, `ArchiveError` or `PickleError` where it is damaged or of no kind that is
/// known, `CheckpointError` where its layout is not understood.
///
/// `modelConfig` is the configuration of a Keras model in JSON, for files of its weights alone.
public func openCheckpoint(_ path: String, modelConfig: String? = nil) throws -> any Checkpoint {
    switch FileKind(path: path) {
    case .safetensors: return try SafetensorsFile(path: path)
    case .zip: return try openArchive(path)
    case .pickle:
        throw CheckpointError.unsupportedLayout(
            path: path, found: "a Python pickle, perhaps PyTorch's format before 1.6",
            remedy: TorchZipFile.conversion(of: path))
    default: return try openHDF5(path, modelConfig)
    }
}

private func openHDF5(_ path: String, _ modelConfig: String?) throws -> any Checkpoint {
    let file = try HDF5File(reading: path)
    let formats: [(HDF5File) throws -> (any Checkpoint)?] = [
        KerasLegacyFile.open, { try KerasWeightsFile.open($0, modelConfig: modelConfig) }, TorchFile.open,
    ]
    for open in formats {
        if let checkpoint = try open(file) { return checkpoint }
    }
    throw CheckpointError.unknownLayout(path: path, holds: try file.root.names())
}

private func openArchive(_ path: String) throws -> any Checkpoint {
    let archive = try ZipArchive(path: path)
    let formats: [(ZipArchive) throws -> (any Checkpoint)?] = [
        KerasArchiveFile.open, TorchZipFile.open, NumpyArchiveFile.open,
    ]
    for open in formats {
        if let checkpoint = try open(archive) { return checkpoint }
    }
    throw CheckpointError.unknownLayout(path: path, holds: archive.members.map(\.name))
}
