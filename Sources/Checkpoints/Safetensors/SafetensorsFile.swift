import Archives
import Tensors

/// A safetensors file: PyTorch parameter names, and strings under `__metadata__`.
struct SafetensorsFile: Checkpoint {
    let path: String
    let layout = Layout.safetensors
    let producer: String?
    let parameters: ParameterTable
    let modelConfig: String? = nil
    let note: String?
    let leftOut: [String] = []
    private let header: SafetensorsHeader

    init(path: String) throws {
        let file = try RandomAccessFile(path: path)
        header = try SafetensorsHeader(file)
        self.path = path
        let metadata = Dictionary(uniqueKeysWithValues: header.metadata.map { ($0.key, $0.value) })
        note = metadata["normconv"]
        producer = metadata["format"].map { $0 == "pt" ? "PyTorch" : "format '\($0)'" }
        parameters = ParameterTable(header.tensors.map { Parameter($0, in: file) })
    }

    func write(
        to path: String, edits: ParameterEdits, modelConfig: String?, note: String, overwrite: Bool
    ) throws {
        let edited = try parameters.applying(edits, path: self.path)
        let metadata = header.metadata.filter { $0.key != "normconv" } + [("normconv", note)]
        try AtomicFile.write(to: path, overwrite: overwrite) { temporary in
            try SafetensorsOutput(edited, metadata: metadata).write(to: temporary, named: path)
        }
    }
}

extension Parameter {
    fileprivate init(_ entry: SafetensorsHeader.Entry, in file: RandomAccessFile) {
        let bytes = { @Sendable () throws -> [UInt8] in
            try file.read(at: entry.offset, count: entry.byteCount)
        }
        self.init(name: entry.name, shape: entry.shape, elementType: entry.type, bytes: bytes) {
            Tensor(shape: entry.shape, values: Elements.floats(try bytes(), entry.type))
        }
    }
}
