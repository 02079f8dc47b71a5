import Archives
import OrderedJSON
import Tensors

/// A safetensors file: PyTorch parameter names, and strings under `__metadata__`. Where these say that it was made of a
/// Keras network, its parameters are under Keras' names and in its layouts.
struct SafetensorsFile: Checkpoint {
    let path: String
    let layout = Layout.safetensors
    let producer: String?
    let parameters: ParameterTable
    let modelConfig: String?
    let note: String?
    let classNames: [String]?
    let leftOut: [String] = []
    private let header: SafetensorsHeader
    /// Names of depthwise kernels of a Keras network.
    private let depthwiseKernels: Set<String>

    init(path: String) throws {
        let file = try RandomAccessFile(path: path)
        header = try SafetensorsHeader(file)
        self.path = path
        let metadata = Dictionary(uniqueKeysWithValues: header.metadata.map { ($0.key, $0.value) })
        note = metadata["normconv"]
        classNames = metadata[NameListAttribute.classNames].flatMap { (try? JSON.parse($0))?.strings }
        producer = metadata["format"].map { $0 == "pt" ? "PyTorch" : "format '\($0)'" }
        let table = ParameterTable(header.tensors.map { Parameter($0, in: file) })
        let origin = KerasOrigin(
            config: metadata[KerasOrigin.configKey], names: metadata[KerasOrigin.namesKey])
        let translated = origin?.kerasParameters(table)
        parameters = translated ?? table
        depthwiseKernels = origin?.depthwiseKernels ?? []
        modelConfig = translated == nil ? nil : origin?.config
    }

    func write(
        to path: String, edits: ParameterEdits, modelConfig: String?, note: String, overwrite: Bool
    ) throws {
        let edited = try parameters.applying(edits, path: self.path)
        if self.modelConfig != nil {
            return try NewCheckpoint(
                parameters: edited, isKeras: true, modelConfig: modelConfig ?? self.modelConfig,
                depthwiseKernels: depthwiseKernels, classNames: classNames, note: note
            ).write(to: path, layout: .safetensors, overwrite: overwrite)
        }
        let metadata = header.metadata.filter { $0.key != "normconv" } + [("normconv", note)]
        try AtomicFile.write(to: path, overwrite: overwrite) { temporary in
            try SafetensorsOutput(edited, metadata: metadata).write(to: temporary, named: path)
        }
    }
}

extension Parameter {
    /// A tensor of a safetensors file, read when asked for.
    init(_ entry: SafetensorsHeader.Entry, in file: RandomAccessFile) {
        let bytes = { @Sendable () throws -> [UInt8] in
            try file.read(at: entry.offset, count: entry.byteCount)
        }
        self.init(name: entry.name, shape: entry.shape, elementType: entry.type, bytes: bytes) {
            Tensor(shape: entry.shape, values: Elements.floats(try bytes(), entry.type))
        }
    }
}
