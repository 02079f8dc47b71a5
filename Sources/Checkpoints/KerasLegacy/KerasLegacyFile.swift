import HDF5
import Tensors

/// Keras' full model in HDF5: the architecture in the root attribute `model_config`, the weights below
/// `model_weights`, one group a layer, both in the order of name lists. Parameter names are paths below
/// `model_weights`: `conv2d/conv2d/kernel:0`.
///
/// Source: `keras/src/legacy/saving/legacy_h5_format.py`.
struct KerasLegacyFile: Checkpoint {
    let path: String
    let layout = Layout.kerasLegacy
    let producer: String?
    let parameters: ParameterTable
    let modelConfig: String?
    let note: String?
    let leftOut: [String]
    private let file: HDF5File
    /// Layers in file order, and their weights' paths below the layer's group.
    private let layers: [(name: String, weights: [String])]

    private static let weightsGroup = "model_weights"
    private static let optimizerGroup = "optimizer_weights"

    /// Nil where the file is something else.
    static func open(_ file: HDF5File) throws -> (any Checkpoint)? {
        let root = file.root
        if try root.contains(weightsGroup) { return try KerasLegacyFile(file) }
        if try NameListAttribute.exists("layer_names", in: root) {
            throw CheckpointError.unsupportedLayout(
                path: file.path, found: "a Keras weights-only file",
                remedy: "save the whole model instead: model.load_weights(...); model.save('model.h5')")
        }
        let isKeras3Weights = try ["layers", "_layer_checkpoint_dependencies"].contains {
            try root.contains($0)
        }
        if isKeras3Weights, try root.contains("vars") || root.contains("optimizer") || root.contains("layers")
        {
            throw CheckpointError.unsupportedLayout(
                path: file.path, found: "a Keras 3 '.weights.h5' file",
                remedy: "save the whole model instead: model.load_weights(...); model.save('model.h5')")
        }
        return nil
    }

    private init(_ file: HDF5File) throws {
        self.file = file
        path = file.path
        let root = file.root
        let attributes = root.attributes
        modelConfig = try attributes.contains("model_config") ? attributes.string("model_config") : nil
        note = try attributes.contains("normconv") ? attributes.string("normconv") : nil
        leftOut = try root.contains(Self.optimizerGroup) ? ["optimizer state (\(Self.optimizerGroup))"] : []
        let weights = try root.group(Self.weightsGroup)
        producer = try Self.producer(root: attributes, weights: weights.attributes)
        layers = try NameListAttribute.read("layer_names", of: weights).map { layer in
            (layer, try NameListAttribute.read("weight_names", of: try weights.group(layer)))
        }
        var found: [Parameter] = []
        var names: Set<String> = []
        for layer in layers {
            for weight in layer.weights {
                let name = layer.name + "/" + weight
                guard names.insert(name).inserted else {
                    throw CheckpointError.duplicateParameter(path: file.path, name: name)
                }
                found.append(Parameter(try weights.dataset(name), name: name))
            }
        }
        parameters = ParameterTable(found)
    }

    private static func producer(root: Attributes, weights: Attributes) throws -> String {
        for attributes in [root, weights] where try attributes.contains("keras_version") {
            let version = try attributes.string("keras_version")
            let backend = try attributes.contains("backend") ? try attributes.string("backend") : nil
            return "Keras \(version)" + (backend.map { " (\($0))" } ?? "")
        }
        return "Keras 1"
    }

    func write(
        to path: String, edits: ParameterEdits, modelConfig: String?, note: String, overwrite: Bool
    ) throws {
        try edits.check(against: parameters, path: self.path)
        try AtomicFile.write(to: path, overwrite: overwrite) { temporary in
            let output = try HDF5Output(creating: temporary, named: path, like: file)
            try writeRoot(output, edits, modelConfig, note)
            try output.close()
        }
    }

    private func writeRoot(
        _ output: HDF5Output, _ edits: ParameterEdits, _ config: String?, _ note: String
    ) throws {
        let root = file.root
        let replaced: Set = config == nil ? ["normconv"] : ["normconv", "model_config"]
        try output.copyAttributes(of: root, to: "/", except: replaced)
        if let config {
            let form = try root.attributes.stringForm("model_config") ?? .variableUTF8
            try output.write([config], toAttribute: "model_config", of: "/", form: form)
        }
        try output.write([note], toAttribute: "normconv", of: "/", form: .variableUTF8)
        let prefix = Self.weightsGroup + "/"
        let tree = EditedTree(
            path: path, output: output, edits: edits,
            parameterName: { $0.hasPrefix(prefix) ? String($0.dropFirst(prefix.count)) : "" },
            newPath: { name, _ in prefix + name })
        try tree.copyChildren(of: root, to: "", skipping: [Self.weightsGroup, Self.optimizerGroup])
        try writeWeights(tree, edits)
    }

    private func writeWeights(_ tree: EditedTree, _ edits: ParameterEdits) throws {
        let weights = try file.root.group(Self.weightsGroup)
        try tree.output.createGroup(Self.weightsGroup, like: weights)
        try tree.output.copyAttributes(of: weights, to: Self.weightsGroup)
        let layers = Dictionary(self.layers.map { ($0.name, $0.weights) }) { first, _ in first }
        try writeLayers(below: weights, prefix: "", layers, tree, edits)
    }

    /// A layer's name may have slashes in it: its group then stands in groups that are no layers.
    private func writeLayers(
        below group: Group, prefix: String, _ layers: [String: [String]], _ tree: EditedTree,
        _ edits: ParameterEdits
    ) throws {
        for name in try group.names() {
            let path = prefix + name
            guard case .group(let child) = try group.child(name) else {
                try tree.copyChild(name, of: group, to: place(of: prefix))
                continue
            }
            if let weights = layers[path] {
                try writeLayer(path, child, weights, tree, edits)
            } else {
                try tree.output.createGroup(place(of: path), like: child)
                try tree.output.copyAttributes(of: child, to: place(of: path))
                try writeLayers(below: child, prefix: path + "/", layers, tree, edits)
            }
        }
    }

    private func writeLayer(
        _ layer: String, _ group: Group, _ old: [String], _ tree: EditedTree, _ edits: ParameterEdits
    ) throws {
        let prefix = layer + "/"
        let new = edits.applied(to: old.map { prefix + $0 }).map { String($0.dropFirst(prefix.count)) }
        if new == old { return try tree.copy(group, to: place(of: layer)) }
        let attributes = try NameListAttribute.attributeNames("weight_names", of: group)
        try tree.copy(group, to: place(of: layer), exceptAttributes: Set(attributes))
        try NameListAttribute.write(new, "weight_names", of: place(of: layer), like: group, to: tree.output)
    }

    /// The path in the file of what stands at this path below `model_weights`.
    private func place(of path: String) -> String {
        path.isEmpty
            ? Self.weightsGroup
            : "\(Self.weightsGroup)/\(path.hasSuffix("/") ? String(path.dropLast()) : path)"
    }
}
