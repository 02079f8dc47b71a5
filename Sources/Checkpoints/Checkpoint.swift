import HDF5
import Tensors

/// A file of parameters in a layout that is understood, open for reading. Values are read only when asked for.
package protocol Checkpoint: Sendable {
    /// The path as given; for a folder, the index of shards in it.
    var path: String { get }
    /// All files that it is read from: the path, and the shards that it lists.
    var files: [String] { get }
    /// How the parameters are laid out in the file.
    var layout: Layout { get }
    /// What wrote the file, as far as it says: `Keras 2.4.0 (tensorflow)`.
    var producer: String? { get }
    /// What Keras computed with, where the file says: `tensorflow`.
    var backend: String? { get }
    /// All parameters, in file order.
    var parameters: ParameterTable { get }
    /// Whether the file lists every layer after those whose values it reads.
    var isTopological: Bool { get }
    /// The architecture as Keras writes it (JSON), in layouts that have one.
    var modelConfig: String? { get }
    /// What Keras trained with, as it writes it beside the architecture (JSON): the loss, for one. Nil where the file
    /// does not say.
    var trainingConfig: String? { get }
    /// The root attribute `normconv` (JSON): how the file was converted.
    var note: String? { get }
    /// The names of the classifier's outputs in their order, where the file has them: a root attribute `class_names` in
    /// HDF5, a JSON array of that name in safetensors' metadata.
    var classNames: [String]? { get }
    /// Classes and settings of modules by path (`layer1.0.bn1`; empty for the network itself), in files of whole modules;
    /// empty in others.
    var modules: [String: RecordedModule] { get }
    /// What `write` leaves out, as text.
    var leftOut: [String] { get }
    /// Whether the file has a module with its class and code, which is written as a state dict.
    var isModule: Bool { get }
    /// The key of the network, where it is under one.
    var networkKeys: NetworkKeys? { get }

    /// The files that `write` makes.
    func outputs(at path: String, edits: ParameterEdits) -> [String]

    /// Writes a file of the same layout with some parameters changed. What no edit names keeps its bytes, type,
    /// order and attributes. The file appears under its name whole or not at all.
    ///
    /// Throws `CheckpointError.targetExists` where there is a file and `overwrite` is false, `HDF5Error` where
    /// reading or writing fails, and what an edit throws.
    func write(
        to path: String, edits: ParameterEdits, modelConfig: String?, note: String, overwrite: Bool
    ) throws
}

extension Checkpoint {
    /// Most networks are in one file.
    package var files: [String] { [path] }

    /// Most networks are in one file.
    package func outputs(at path: String, edits: ParameterEdits) -> [String] { [path] }

    /// Few files say.
    package var backend: String? { nil }

    /// Most layouts sort layers by name or class, or list them as a program made them.
    package var isTopological: Bool { false }

    /// Most layouts have no place for it.
    package var trainingConfig: String? { nil }

    /// Most layouts have parameters alone.
    package var modules: [String: RecordedModule] { [:] }

    /// ε of norms by layer name, where the file records it.
    package var normEpsilons: [String: Double] {
        modules.compactMapValues { module in
            module.number("eps").flatMap { $0.isFinite && $0 >= 0 ? $0 : nil }
        }
    }

    /// Only pickles have them.
    package var isModule: Bool { false }

    /// Only pickles have them.
    package var networkKeys: NetworkKeys? { nil }

    /// Most layouts have no place for names.
    package var classNames: [String]? { nil }
}

/// The key of the network that is read from a pickle, and those of the other networks in it, as `--key` takes them.
package struct NetworkKeys: Codable, Sendable, Equatable {
    /// The key of the network that is read.
    package var chosen: String
    /// Keys of others.
    package var others: [String]
}

/// The layouts of files, by content.
package enum Layout: String, Sendable, CaseIterable {
    /// Keras' full model in HDF5 (`model.save("x.h5")`): architecture and weights.
    case kerasLegacy = "keras-legacy"
    /// Keras' weights alone in HDF5, as versions before 3 write them.
    case kerasLegacyWeights = "keras-legacy-weights"
    /// Keras 3's weights alone (`model.save_weights("x.weights.h5")`).
    case kerasWeights = "keras-weights"
    /// Keras 3's archive (`model.save("x.keras")`): architecture and weights.
    case kerasArchive = "keras"
    /// PyTorch names as datasets of the root group: `layer1.0.conv1.weight`.
    case torchFlat = "torch"
    /// PyTorch names as nested groups: `layer1/0/conv1/weight`.
    case torchNested = "torch-nested"
    /// safetensors with PyTorch names.
    case safetensors
    /// Several safetensors files (shards) and an index of them, `x.safetensors.index.json`.
    case safetensorsShards = "safetensors-shards"
    /// PyTorch's zip archive (`torch.save`).
    case torchZip = "pth"
    /// Several of PyTorch's own files (shards) and an index of them, `x.bin.index.json`, only read.
    case torchShards = "pth-shards"
    /// PyTorch's format before 1.6, only read.
    case torchLegacy = "pth-legacy"
    /// A TorchScript archive (`torch.jit.save`), only read.
    case torchScript = "torchscript"
    /// A Python pickle of numpy arrays, only read.
    case pickle
    /// Big Transfer's archive of numpy arrays.
    case numpyArchive = "npz"

    /// Whether it is one of Keras' own.
    package var isKeras: Bool {
        [.kerasLegacy, .kerasLegacyWeights, .kerasWeights, .kerasArchive].contains(self)
    }

    /// Whether it is a pickle, in which a key may choose one of several networks.
    package var isPickle: Bool { [.torchZip, .torchLegacy, .torchScript, .pickle].contains(self) }

    /// For people.
    package var description: String {
        switch self {
        case .kerasLegacy: "Keras full model (HDF5)"
        case .kerasLegacyWeights: "Keras weights only (HDF5, before Keras 3)"
        case .kerasWeights: "Keras 3 weights only (.weights.h5)"
        case .kerasArchive: "Keras 3 model (.keras)"
        case .torchFlat: "PyTorch names (HDF5, flat)"
        case .torchNested: "PyTorch names (HDF5, nested groups)"
        case .safetensors: "PyTorch names (safetensors)"
        case .safetensorsShards: "PyTorch names (safetensors in several files)"
        case .torchZip: "PyTorch checkpoint (zip)"
        case .torchShards: "PyTorch checkpoint (several files)"
        case .torchLegacy: "PyTorch checkpoint (before 1.6)"
        case .torchScript: "TorchScript archive"
        case .pickle: "Python pickle"
        case .numpyArchive: "numpy arrays (.npz)"
        }
    }
}
