import Archives
import HDF5
import OrderedJSON
import Tensors

/// Keras 3's archive: `model.save("x.keras")`, a zip of `metadata.json`, `config.json` and `model.weights.h5`. The
/// note of a conversion and the names of classes stand in `metadata.json`.
struct KerasArchiveFile: Checkpoint {
    let path: String
    let layout = Layout.kerasArchive
    let producer: String?
    let modelConfig: String?
    let note: String?
    let classNames: [String]?
    private let archive: ZipArchive
    private let metadata: JSON
    private let tree: KerasSavedTree

    static let configMember = "config.json"
    /// As many as an attribute may have where a configuration is one.
    private static let mostConfigBytes = HDF5Limits().attributeBytes
    static let metadataMember = "metadata.json"
    static let weightsMember = "model.weights.h5"

    var parameters: ParameterTable { tree.parameters }
    var leftOut: [String] { tree.leftOut }

    /// Nil where the archive is something else.
    static func open(_ archive: ZipArchive) throws -> (any Checkpoint)? {
        guard let config = archive[configMember] else { return nil }
        guard let weights = archive[weightsMember] else {
            if archive["model.weights.json"] != nil { throw CheckpointError.shards(path: archive.path) }
            throw ArchiveError.missingMember(file: archive.path, member: weightsMember)
        }
        return try KerasArchiveFile(archive, config: config, weights: weights)
    }

    private init(_ archive: ZipArchive, config: ZipArchive.Member, weights: ZipArchive.Member) throws {
        self.archive = archive
        path = archive.path
        let text = try archive.read(config)
        guard text.count <= Self.mostConfigBytes else {
            throw CheckpointError.malformedMember(
                path: path, member: Self.configMember,
                reason: "\(text.count) bytes, expected at most \(Self.mostConfigBytes)")
        }
        modelConfig = String(decoding: text, as: UTF8.self)
        let metadata = try archive[Self.metadataMember].map {
            try Self.json(try archive.read($0), Self.metadataMember, path: archive.path)
        }
        self.metadata = metadata ?? .object([])
        producer = metadata?["keras_version"]?.string.map { "Keras \($0)" } ?? "Keras 3"
        note = metadata?["normconv"]?.string
        classNames = metadata?[NameListAttribute.classNames]?.strings
        let file = try HDF5File(image: try archive.read(weights), named: archive.path)
        tree = try KerasSavedTree(
            file, config: try Self.json(text, Self.configMember, path: archive.path))
    }

    private static func json(_ bytes: [UInt8], _ member: String, path: String) throws -> JSON {
        do {
            return try JSON.parse(bytes)
        } catch {
            throw CheckpointError.malformedMember(path: path, member: member, reason: "\(error)")
        }
    }

    func write(
        to path: String, edits: ParameterEdits, modelConfig: String?, note: String, overwrite: Bool
    ) throws {
        let text = modelConfig ?? self.modelConfig ?? ""
        let config = try Self.json(Array(text.utf8), Self.configMember, path: self.path)
        let weights = try HDF5Output(inMemoryNamed: path, like: tree.file)
        try weights.copyAttributes(of: tree.file.root, to: "/")
        try tree.write(to: weights, edits: edits, config: config)
        let image = try weights.image()
        try AtomicFile.write(to: path, overwrite: overwrite) { temporary in
            var output = try ZipOutput(path: temporary, named: path)
            for member in archive.members {
                switch member.name {
                case Self.metadataMember:
                    try output.add(member.name, metadata.setting("normconv", .string(note)).utf8)
                case Self.configMember: try output.add(member.name, Array(text.utf8))
                case Self.weightsMember: try output.add(member.name, image)
                default: try output.add(member.name, try archive.read(member))
                }
            }
            try output.close()
        }
    }
}
