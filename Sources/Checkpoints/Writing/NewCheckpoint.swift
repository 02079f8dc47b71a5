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

    /// Whether names and kernels are Keras'.
    public var isKeras: Bool { self == .keras || self == .keras3 || self == .weights }
}

/// What a new file is to hold.
public struct NewCheckpoint: Sendable {
    /// Parameters under Keras' names (`layer/kernel`) and in its layouts, or under PyTorch's in its own.
    public var parameters: ParameterTable
    /// Whether names and layouts are Keras'.
    public var isKeras: Bool
    /// The configuration of a Keras network, in JSON.
    public var modelConfig: String?
    /// Names of depthwise kernels ([rows, columns, inputs, multiplier]).
    public var depthwiseKernels: Set<String>
    /// How the file was converted, in JSON.
    public var note: String

    /// Contents of a file.
    public init(
        parameters: ParameterTable, isKeras: Bool, modelConfig: String?, depthwiseKernels: Set<String> = [],
        note: String
    ) {
        self.parameters = parameters
        self.isKeras = isKeras
        self.modelConfig = modelConfig
        self.depthwiseKernels = depthwiseKernels
        self.note = note
    }

    /// Writes the file in a layout. It appears under its name whole or not at all; the same contents give the same
    /// bytes.
    ///
    /// Throws `CheckpointError.targetExists` where there is a file and `overwrite` is false,
    /// `CheckpointError.unsupportedLayout` where Keras' layouts miss a configuration, and what reading and writing throw.
    public func write(to path: String, layout: OutputLayout, overwrite: Bool) throws {
        try AtomicFile.write(to: path, overwrite: overwrite) { temporary in
            switch layout {
            case .safetensors:
                let (table, metadata) = torchContents
                try SafetensorsOutput(table, metadata: [("format", "pt")] + metadata + [("normconv", note)])
                    .write(to: temporary, named: path)
            case .torch: try writeTorch(to: temporary, named: path)
            case .keras, .keras3, .weights:
                try KerasOutput(self, path: path).write(to: temporary, layout: layout)
            }
        }
    }

    /// The parameters in PyTorch's conventions, and what is to be remembered of Keras'.
    private var torchContents: (ParameterTable, [(key: String, value: String)]) {
        guard isKeras else { return (parameters, []) }
        let namings = parameters.map { parameter in
            let isDepthwise = depthwiseKernels.contains(parameter.name)
            return (
                naming: KerasNaming(parameter.name, rank: parameter.shape.rank, isDepthwise: isDepthwise),
                inputs: isDepthwise ? parameter.shape[2] : 0
            )
        }
        let table = ParameterTable(zip(namings, parameters).map { $0.naming.torchParameter($1) })
        guard let modelConfig else { return (table, []) }
        return (
            table,
            [
                (KerasOrigin.configKey, modelConfig), (KerasOrigin.namesKey, KerasOrigin.json(namings)),
            ]
        )
    }

    private func writeTorch(to temporary: String, named path: String) throws {
        let output = try HDF5Output(creating: temporary, named: path)
        let (table, metadata) = torchContents
        for (key, value) in metadata + [("normconv", note)] {
            try output.write([value], toAttribute: key, of: "/", form: .variableUTF8)
        }
        for parameter in table { try output.write(parameter, to: parameter.name, file: path) }
        try output.close()
    }
}

extension HDF5Output {
    /// Writes a parameter with its stored elements.
    func write(_ parameter: Parameter, to place: String, file: String) throws {
        try write(
            try parameter.encoded(path: file), of: ElementKind(parameter.elementType),
            shape: parameter.shape.extents, to: place)
    }
}

extension ElementKind {
    init(_ type: ElementType) {
        // Both enumerations have the same names.
        self = ElementKind(rawValue: type.rawValue) ?? .float32
    }
}
