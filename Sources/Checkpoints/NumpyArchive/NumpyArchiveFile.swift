import Archives
import Tensors

/// Big Transfer's `.npz` archives: one array a parameter, named by path (`resnet/block1/unit01/a/group_norm/gamma`).
/// Only read.
struct NumpyArchiveFile: Checkpoint {
    let path: String
    let layout = Layout.numpyArchive
    let producer: String? = nil
    let parameters: ParameterTable
    let modelConfig: String? = nil
    let note: String? = nil
    let leftOut: [String] = []

    /// Nil where the archive is something else: splits of images are archives of arrays too.
    static func open(_ archive: ZipArchive) throws -> (any Checkpoint)? {
        guard archive.arrayNames.contains(where: { $0.hasSuffix("/kernel") }) else { return nil }
        return try NumpyArchiveFile(archive)
    }

    private init(_ archive: ZipArchive) throws {
        path = archive.path
        parameters = ParameterTable(
            try archive.arrayNames.map { name in
                let array = try archive.array(named: name)
                let shape = Shape(array.shape)
                return Parameter(
                    name: name, shape: shape, elementType: ElementType(array.elementType)
                ) {
                    let array = try archive.array(named: name)
                    let values = [Float](unsafeUninitializedCapacity: array.count) { buffer, count in
                        if let target = buffer.baseAddress { array.copyFloats(0..<array.count, to: target) }
                        count = array.count
                    }
                    return Tensor(shape: shape, values: values)
                }
            })
    }

    func write(
        to path: String, edits: ParameterEdits, modelConfig: String?, note: String, overwrite: Bool
    ) throws {
        throw CheckpointError.unsupportedLayout(
            path: path, found: "archives of numpy arrays are only read",
            remedy: "name the output x.safetensors, or choose --layout safetensors, torch or keras")
    }
}

extension ElementType {
    fileprivate init(_ type: NumpyElementType) {
        self =
            switch type {
            case .bool, .uint8: .uint8
            case .uint16: .uint16
            case .uint32: .uint32
            case .uint64: .uint64
            case .int8: .int8
            case .int16: .int16
            case .int32: .int32
            case .int64: .int64
            case .float16: .float16
            case .float32: .float32
            case .float64: .float64
            }
    }
}
