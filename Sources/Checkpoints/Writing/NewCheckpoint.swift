import Archives
import HDF5
import OrderedJSON
import Tensors

/// The layouts that a file can be written in from parameters of another.
public enum OutputLayout: String, Sendable, CaseIterable {
    /// Keras' full model in HDF5.
    case keras
    /// Keras 3's `.keras` archive.
    case keras3
    /// Keras' weights alone: Keras 3's where the name ends in `.weights.h5`, the older layout otherwise, as Keras itself
    /// tells them apart.
    case weights
    /// HDF5 with PyTorch's dotted names.
    case torch
    /// safetensors with PyTorch's names.
    case safetensors
    /// PyTorch's own file: a state dictionary that `torch.load(weights_only=True)` takes.
    case pth

    /// Whether names and kernels are Keras'.
    public var isKeras: Bool { self == .keras || self == .keras3 || self == .weights }
}

/// The contents of a new file.
package struct NewCheckpoint: Sendable {
    /// Parameters under Keras' names (`layer/kernel`) and in its layouts, or under PyTorch's in its own.
    package var parameters: ParameterTable
    /// Whether names and layouts are Keras'.
    package var isKeras: Bool
    /// The configuration of a Keras network, in JSON.
    package var modelConfig: String?
    /// Names of depthwise kernels ([rows, columns, inputs, multiplier]).
    package var depthwiseKernels: Set<String>
    /// The names of the classifier's outputs in their order, where the old file has them.
    package var classNames: [String]?
    /// How the file was converted, in JSON.
    package var note: String

    /// Contents of a file.
    package init(
        parameters: ParameterTable, isKeras: Bool, modelConfig: String?, depthwiseKernels: Set<String> = [],
        classNames: [String]? = nil, note: String
    ) {
        self.parameters = parameters
        self.isKeras = isKeras
        self.modelConfig = modelConfig
        self.depthwiseKernels = depthwiseKernels
        self.classNames = classNames
        self.note = note
    }

    /// Writes the file in a layout. It appears under its name whole or not at all; the same contents give the same
    /// bytes.
    ///
    /// Throws `CheckpointError.targetExists` where there is a file and `overwrite` is false,
    /// `CheckpointError.unsupportedLayout` where Keras' layouts miss a configuration, and what reading and writing throw.
    package func write(to path: String, layout: OutputLayout, overwrite: Bool) throws {
        try AtomicFile.write(to: path, overwrite: overwrite) { temporary in
            switch layout {
            case .safetensors:
                try writeSafetensors(to: temporary, named: path)
            case .pth: try torchZip(path: path).write(to: temporary, named: path)
            case .torch: try writeTorch(to: temporary, named: path)
            case .keras, .keras3, .weights:
                try KerasOutput(self, path: path).write(to: temporary, layout: layout)
            }
        }
    }

    /// Throws what `write` would throw over the contents before it writes anything; `path` is named in errors.
    package func check(for layout: OutputLayout, path: String) throws {
        switch layout {
        case .keras, .keras3, .weights: _ = try KerasOutput(self, path: path)
        case .pth: _ = try torchZip(path: path)
        case .torch, .safetensors: _ = try torchContents(path: path)
        }
    }

    /// The parameters in PyTorch's conventions, and the Keras data to store with them.
    private func torchContents(path: String) throws -> (ParameterTable, [(key: String, value: String)]) {
        guard isKeras else { return (parameters, []) }
        func naming(_ parameter: Parameter) -> KerasNaming {
            KerasNaming(
                parameter.name, rank: parameter.shape.rank,
                isDepthwise: depthwiseKernels.contains(parameter.name))
        }
        let table = try parameters.renamed(path: path) { naming($0).torchParameter($0) }
        guard let modelConfig else { return (table, []) }
        let namings = parameters.map {
            (naming: naming($0), inputs: depthwiseKernels.contains($0.name) ? $0.shape[2] : 0)
        }
        return (
            table,
            [
                (KerasOrigin.configKey, modelConfig), (KerasOrigin.namesKey, KerasOrigin.json(namings)),
            ]
        )
    }

    private func writeSafetensors(to temporary: String, named path: String) throws {
        let (table, metadata) = try torchContents(path: path)
        try SafetensorsOutput(table, metadata: [("format", "pt")] + metadata + notes)
            .write(to: temporary, named: path)
    }

    private func torchZip(path: String) throws -> TorchZipOutput {
        let (table, metadata) = try torchContents(path: path)
        return try TorchZipOutput(table, metadata: metadata + notes, path: path)
    }

    /// What files without attributes store as strings.
    private var notes: [(key: String, value: String)] {
        guard let classNames else { return [("normconv", note)] }
        let names = JSON.array(classNames.map(JSON.string)).text
        return [(NameListAttribute.classNames, names), ("normconv", note)]
    }

    private func writeTorch(to temporary: String, named path: String) throws {
        let (table, metadata) = try torchContents(path: path)
        let output = try HDF5Output(creating: temporary, named: path)
        for (key, value) in metadata + [("normconv", note)] {
            try output.write([value], toAttribute: key, of: "/", form: .variableUTF8)
        }
        try NameListAttribute.write(classNames: classNames, to: output)
        for parameter in table { try output.write(parameter, to: parameter.name, file: path) }
        try output.close()
    }
}

extension HDF5Output {
    /// Writes a parameter with its stored elements.
    func write(_ parameter: Parameter, to place: String, file: String) throws {
        try write(
            try parameter.encoded(path: file), of: parameter.elementType,
            shape: parameter.shape.extents, to: place)
    }
}
