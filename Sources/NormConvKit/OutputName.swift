import Checkpoints
import Foundation

/// How the layout of a new file is chosen.
public enum LayoutChoice: Sendable, Equatable {
    /// By what its name ends in, else the input's.
    case byName
    /// The input's.
    case keep
    /// This one.
    case layout(OutputLayout)
}

/// Why nothing is written under a name.
package enum OutputNameError: Error, Equatable, CustomStringConvertible {
    /// The name of a format that is not written.
    case otherFormat(path: String, format: String)
    /// An ending that is none of a layout's, and no layout chosen.
    case unknownEnding(path: String)
    /// A folder.
    case folder(path: String)
    /// Standard output, where no file is written.
    case standardOutput(path: String)
    /// An archive of numpy arrays from something else.
    case numpyArchive(path: String)
    /// A layout that is chosen, under another layout's name.
    case otherLayout(path: String, found: String, ending: String)

    private static let names =
        "name the output x.h5 (Keras full model, or PyTorch names in HDF5), x.keras (Keras 3 model), x.weights.h5 "
        + "(Keras weights alone) or x.safetensors (PyTorch names)"

    /// One line for people.
    package var description: String {
        switch self {
        case .otherFormat(let path, let format):
            "\(path): normconv does not write \(format): \(Self.names)"
        case .unknownEnding(let path):
            "\(path): the name does not say a layout: \(Self.names), or choose one with --layout"
        case .folder(let path):
            "\(path): is a folder, expected a file's name: \(Self.names)"
        case .standardOutput(let path):
            "'\(path)': a network is not written to standard output: \(Self.names)"
        case .numpyArchive(let path):
            "\(path): .npz is written from .npz only, in the same layout: \(Self.names)"
        case .otherLayout(let path, let found, let ending):
            "\(path): the layout is \(found), which no file that ends in '\(ending)' has: choose another --layout, or "
                + Self.names
        }
    }
}

/// The name of a new file, and what it says of the layout.
package struct OutputName: Sendable {
    /// What a name can end in.
    private enum Ending: String, CaseIterable {
        // The longer one first.
        case weights = ".weights.h5"
        case h5 = ".h5"
        case hdf5 = ".hdf5"
        case keras = ".keras"
        case safetensors = ".safetensors"
        case npz = ".npz"
    }

    private static let otherFormats = [
        ".pt": "PyTorch's own files", ".pth": "PyTorch's own files", ".ckpt": "PyTorch's own files",
        ".bin": "PyTorch's own files", ".pkl": "pickles", ".pickle": "pickles", ".onnx": "ONNX",
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

    /// Throws where nothing can be written under the name, whatever the input is: before anything is read.
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

    /// The layout of the new file; nil where it is the input's. A name that ends in `.safetensors` on HDF5 within would
    /// deceive whoever opens it, and is refused.
    package func layout(
        _ choice: LayoutChoice, from input: Layout
    ) throws(OutputNameError) -> OutputLayout? {
        try check(choice)
        if ending == .npz, choice == .byName || choice == .keep, input != .numpyArchive {
            throw .numpyArchive(path: path)
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

    /// What a file of this name is expected to be, where it cannot be what the input is.
    private func expected(from input: Layout) -> OutputLayout? {
        switch ending {
        case .safetensors: input == .safetensors ? nil : .safetensors
        case .keras: input == .kerasArchive ? nil : .keras3
        case .weights: input == .kerasWeights ? nil : .weights
        case .h5, .hdf5: input.isHDF5 ? nil : input == .kerasArchive ? .keras : .torch
        case .npz, nil: nil
        }
    }

    private static func holds(_ ending: Ending, _ layout: OutputLayout) -> Bool {
        switch ending {
        case .safetensors: layout == .safetensors
        case .keras: layout == .keras3
        case .weights: layout == .weights
        case .h5, .hdf5: [.keras, .weights, .torch].contains(layout)
        case .npz: false
        }
    }

    private static func holds(_ ending: Ending, _ layout: Layout) -> Bool {
        switch ending {
        case .safetensors: layout == .safetensors
        case .keras: layout == .kerasArchive
        case .weights: layout == .kerasWeights
        case .h5, .hdf5: layout.isHDF5
        case .npz: layout == .numpyArchive
        }
    }
}

extension Layout {
    /// Whether it is HDF5 by itself, in no archive.
    fileprivate var isHDF5: Bool {
        [.kerasLegacy, .kerasLegacyWeights, .kerasWeights, .torchFlat, .torchNested].contains(self)
    }
}
