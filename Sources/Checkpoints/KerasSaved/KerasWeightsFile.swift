import HDF5
import OrderedJSON
import Tensors

/// Keras 3's weights alone: `model.save_weights("x.weights.h5")`.
struct KerasWeightsFile: Checkpoint {
    let path: String
    let layout = Layout.kerasWeights
    let producer: String? = "Keras 3"
    let modelConfig: String?
    let note: String?
    let classNames: [String]?
    private let tree: KerasSavedTree

    var parameters: ParameterTable { tree.parameters }
    var leftOut: [String] { tree.leftOut }

    /// Nil where the file is something else.
    static func open(
        _ file: HDF5File, modelConfig: (_ note: String?) throws -> String?
    ) throws -> (any Checkpoint)? {
        try KerasSavedTree.isOne(file) ? try KerasWeightsFile(file, modelConfig: modelConfig) : nil
    }

    private init(_ file: HDF5File, modelConfig: (_ note: String?) throws -> String?) throws {
        path = file.path
        let attributes = file.root.attributes
        note = try attributes.string(ifPresent: "normconv")
        self.modelConfig = try modelConfig(note)
        classNames = try NameListAttribute.readClassNames(file.root)
        tree = try KerasSavedTree(file, config: Self.json(self.modelConfig, path: path))
    }

    func write(
        to path: String, edits: ParameterEdits, modelConfig: String?, note: String, overwrite: Bool
    ) throws {
        try AtomicFile.write(to: path, overwrite: overwrite) { temporary in
            let output = try HDF5Output(creating: temporary, named: path, like: tree.file)
            try output.copyAttributes(of: tree.file.root, to: "/", except: ["normconv"])
            try output.write([note], toAttribute: "normconv", of: "/", form: .variableUTF8)
            try tree.write(to: output, edits: edits, config: Self.json(modelConfig, path: path))
            try output.close()
        }
    }

    private static func json(_ text: String?, path: String) throws -> JSON? {
        do {
            return try text.map { try JSON.parse($0) }
        } catch {
            throw CheckpointError.malformedMember(path: path, member: "the architecture", reason: "\(error)")
        }
    }
}
