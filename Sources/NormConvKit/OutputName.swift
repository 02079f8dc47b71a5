import Archives
import Checkpoints
import Foundation
import Tensors

/// How the layout of a new file is chosen.
package enum LayoutChoice: Sendable, Equatable {
    /// By the extension, otherwise the input's.
    case byName
    /// The input's.
    case keep
    /// This one.
    case layout(OutputLayout)
}

/// Why an output's name is refused.
package enum OutputNameError: Error, Equatable, CustomStringConvertible {
    /// The name of a format that is not written.
    case otherFormat(path: String, format: String)
    /// An extension that names no layout, and no chosen layout.
    case unknownEnding(path: String)
    /// A folder.
    case folder(path: String)
    /// Standard output, where no file is written.
    case standardOutput(path: String)
    /// An .npz output for an input that is not .npz.
    case numpyArchive(path: String)
    /// An index of shards as the output for an input that has none.
    case shards(path: String)
    /// A chosen layout that contradicts the extension.
    case otherLayout(path: String, found: String, ending: String)

    private static let names =
        "name the output x.h5 (Keras full model, or PyTorch names in HDF5), x.keras (Keras 3 model), x.weights.h5 "
        + "(Keras weights only), x.safetensors or x.pth (PyTorch names)"

    /// The message in one line.
    package var description: String {
        switch self {
        case .otherFormat(let path, let format):
            "\(path): normconv does not write \(format); \(Self.names)"
        case .unknownEnding(let path):
            "\(path): the file extension is unknown; \(Self.names), or choose one with --layout (--output-layout in finetune)"
        case .folder(let path):
            "\(path): is a folder, expected a file; \(Self.names)"
        case .standardOutput(let path):
            "'\(path)': normconv does not write networks to standard output; \(Self.names)"
        case .numpyArchive(let path):
            "\(path): only an .npz input can be written as .npz, in the same layout; \(Self.names)"
        case .shards(let path):
            "\(path): only an input in several files can be written as such, with the same split; \(Self.names)"
        case .otherLayout(let path, let found, let ending):
            "\(path): a file that ends in '\(ending)' cannot have the layout \(found); choose another --layout (--output-layout in finetune), or "
                + Self.names
        }
    }
}

/// The name of a new file, and the layout that it implies.
package struct OutputName: Sendable {
    /// What a name can end in.
    private enum Ending: String, CaseIterable {
        // The longer ones first.
        case shards = ".safetensors.index.json"
        case weights = ".weights.h5"
        case h5 = ".h5"
        case hdf5 = ".hdf5"
        case keras = ".keras"
        case safetensors = ".safetensors"
        case npz = ".npz"
        case pthTar = ".pth.tar"
        case pth = ".pth"
        case pt = ".pt"
        case bin = ".bin"
    }

    private static let otherFormats = [
        ".ckpt": "training checkpoints", ".pkl": "pickles", ".pickle": "pickles", ".onnx": "ONNX",
        ".tflite": "TensorFlow Lite", ".pb": "TensorFlow graphs", ".mlmodel": "Core ML",
        ".mlpackage": "Core ML", ".msgpack": "msgpack", ".gguf": "GGUF", ".npy": "single numpy arrays",
        ".json": "JSON", ".zip": "zip archives", ".tar": "tar archives", ".gz": "compressed files",
    ]

    private let path: String
    private let ending: Ending?

    /// The name of a file.
    package init(_ path: String) {
        self.path = path
        let name = path.lowercased()
        ending = Ending.allCases.first { name.hasSuffix($0.rawValue) }
    }

    /// Throws if the name is wrong for every input. Reads nothing.
    package func check(_ choice: LayoutChoice) throws(OutputNameError) {
        if path.isEmpty { throw .unknownEnding(path: "''") }
        if path == "-" || path == "/dev/stdout" { throw .standardOutput(path: path) }
        var status = stat()
        if path.hasSuffix("/") || stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR {
            throw .folder(path: path)
        }
        guard ending == nil else { return }
        let name = path.lowercased()
        if let format = Self.otherFormats.first(where: { name.hasSuffix($0.key) })?.value {
            throw .otherFormat(path: path, format: format)
        }
        if choice == .byName { throw .unknownEnding(path: path) }
    }

    /// The layout of the new file; nil if it is the input's. Refuses extensions that contradict the content, such as
    /// `.safetensors` for HDF5.
    package func layout(
        _ choice: LayoutChoice, from input: Layout
    ) throws(OutputNameError) -> OutputLayout? {
        try check(choice)
        if ending == .npz, choice == .byName || choice == .keep, input != .numpyArchive {
            throw .numpyArchive(path: path)
        }
        if ending == .shards, choice == .byName || choice == .keep, input != .safetensorsShards {
            throw .shards(path: path)
        }
        let layout: OutputLayout? =
            switch choice {
            case .byName: expected(from: input)
            case .keep: nil
            case .layout(let layout): layout
            }
        guard let ending else { return layout }
        guard layout.map({ Self.holds(ending, $0) }) ?? Self.holds(ending, input) else {
            throw .otherLayout(
                path: path, found: layout?.rawValue ?? input.description, ending: ending.rawValue)
        }
        return layout
    }

    /// The name for the same network in a layout: `x.pth` is `x.safetensors`. An ending that the layout may have stays.
    package func named(for layout: OutputLayout) -> String {
        if let ending, Self.holds(ending, layout) { return path }
        let name = path.lowercased()
        let old = ending?.rawValue ?? Self.otherFormats.keys.first(where: name.hasSuffix) ?? ""
        let new: Ending =
            switch layout {
            case .keras, .torch: .h5
            case .keras3: .keras
            case .weights: .weights
            case .safetensors: .safetensors
            case .pth: .pth
            }
        return path.dropLast(old.count) + new.rawValue
    }

    /// The layout that the name implies, if it cannot be the input's.
    private func expected(from input: Layout) -> OutputLayout? {
        switch ending {
        case .safetensors: input == .safetensors ? nil : .safetensors
        case .keras: input == .kerasArchive ? nil : .keras3
        case .weights: input == .kerasWeights ? nil : .weights
        case .h5, .hdf5: input.isHDF5 ? nil : input == .kerasArchive ? .keras : .torch
        case .pth, .pthTar, .pt, .bin: input == .torchZip ? nil : .pth
        case .npz, .shards, nil: nil
        }
    }

    private static func holds(_ ending: Ending, _ layout: OutputLayout) -> Bool {
        switch ending {
        case .safetensors: layout == .safetensors
        case .keras: layout == .keras3
        case .weights: layout == .weights
        case .h5, .hdf5: [.keras, .weights, .torch].contains(layout)
        case .pth, .pthTar, .pt, .bin: layout == .pth
        case .npz, .shards: false
        }
    }

    private static func holds(_ ending: Ending, _ layout: Layout) -> Bool {
        switch ending {
        case .safetensors: layout == .safetensors
        case .keras: layout == .kerasArchive
        case .weights: layout == .kerasWeights
        case .h5, .hdf5: layout.isHDF5
        // All of them are written as state dicts.
        case .pth, .pthTar, .pt, .bin: layout.isPickle || layout == .torchShards
        case .npz: layout == .numpyArchive
        case .shards: layout == .safetensorsShards
        }
    }
}

extension Layout {
    /// Whether the file is plain HDF5, not inside an archive.
    fileprivate var isHDF5: Bool {
        [.kerasLegacy, .kerasLegacyWeights, .kerasWeights, .torchFlat, .torchNested].contains(self)
    }
}

extension Tensor {
    /// The tensor as an npy file (version 1.0, little-endian float32, C order), which numpy's `load` reads.
    package var npy: Data {
        var data = Data(NumpyArray.header(.float32, shape: shape.extents))
        #if _endian(little)
            values.withUnsafeBytes { data.append(contentsOf: $0) }
        #else
            values.map(\.bitPattern.littleEndian).withUnsafeBytes { data.append(contentsOf: $0) }
        #endif
        return data
    }
}
