import Archives
import Tensors

/// Big Transfer's `.npz` archives: one array a parameter, named by path (`resnet/block1/unit01/a/group_norm/gamma`). The
/// note of a conversion is a member of its own, which numpy hands out as bytes and leaves alone otherwise.
struct NumpyArchiveFile: Checkpoint {
    let path: String
    let layout = Layout.numpyArchive
    let producer: String? = nil
    let parameters: ParameterTable
    let modelConfig: String? = nil
    let note: String?
    let leftOut: [String] = []

    private static let noteMember = "normconv.json"

    /// Nil where the archive is something else: splits of images are archives of arrays too.
    static func open(_ archive: ZipArchive) throws -> (any Checkpoint)? {
        guard archive.arrayNames.contains(where: { $0.hasSuffix("/kernel") }) else { return nil }
        return try NumpyArchiveFile(archive)
    }

    private init(_ archive: ZipArchive) throws {
        path = archive.path
        note = try archive[Self.noteMember].map { String(decoding: try archive.read($0), as: UTF8.self) }
        parameters = ParameterTable(
            try archive.arrayNames.map { name in
                let array = try archive.array(named: name)
                let shape = Shape(array.shape)
                return Parameter(
                    name: name, shape: shape, elementType: array.elementType,
                    bytes: { try archive.array(named: name).littleEndianBytes }
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
        let edited = try parameters.applying(edits, path: self.path)
        try AtomicFile.write(to: path, overwrite: overwrite) { temporary in
            var output = try ZipOutput(path: temporary, named: path)
            for parameter in edited {
                guard parameter.elementType.numpyCode != nil else {
                    throw CheckpointError.unsupportedLayout(
                        path: path, found: "\(parameter.elementType.rawValue), which numpy does not have",
                        remedy: "name the output x.safetensors")
                }
                let header = NumpyArray.header(parameter.elementType, shape: parameter.shape.extents)
                try output.add(parameter.name + ".npy", header + parameter.encoded(path: path))
            }
            try output.add(Self.noteMember, Array(note.utf8))
            try output.close()
        }
    }
}
