import HDF5
import Tensors

/// Keras' HDF5 layout before version 3: a group for each layer, in the order of name lists, below `model_weights` in a
/// full model with its architecture in the root attribute `model_config`, at the root in a file that holds only weights.
/// Parameter names are paths below that group: `conv2d/conv2d/kernel:0`.
///
/// Source: `keras/src/legacy/saving/legacy_h5_format.py`.
struct KerasLegacyFile: Checkpoint {
    let path: String
    let layout: Layout
    let producer: String?
    let backend: String?
    let parameters: ParameterTable
    let modelConfig: String?
    let trainingConfig: String?
    let note: String?
    let classNames: [String]?
    let leftOut: [String]
    private let file: HDF5File
    /// Layers in file order, and their weights' paths below the layer's group.
    private let layers: [(name: String, weights: [String])]
    /// The group of all layers' groups, empty for the root.
    private let weightsGroup: String

    /// A Functional model lists its layers in topological order, the input, which has no weights, first. Sequential models do
    /// not list their input, and layers of a model with a class of its own are listed as they were assigned. Models inside
    /// have all their weights in one group, those that are trained first.
    var isTopological: Bool {
        guard let first = layers.first, first.weights.isEmpty, first.name.lowercased().contains("input")
        else { return false }
        return layers.allSatisfy { layer in
            Set(layer.weights.map { $0.split(separator: "/").dropLast() }).count <= 1
        }
    }

    private static let optimizerGroup = "optimizer_weights"

    /// Nil where the file is something else.
    static func open(_ file: HDF5File) throws -> (any Checkpoint)? {
        if try file.root.contains("model_weights") {
            return try KerasLegacyFile(file, weightsGroup: "model_weights")
        }
        guard try NameListAttribute.exists("layer_names", in: file.root) else { return nil }
        return try KerasLegacyFile(file, weightsGroup: "")
    }

    private init(_ file: HDF5File, weightsGroup: String) throws {
        self.file = file
        self.weightsGroup = weightsGroup
        layout = weightsGroup.isEmpty ? .kerasLegacyWeights : .kerasLegacy
        path = file.path
        let root = file.root
        let attributes = root.attributes
        modelConfig = try attributes.string(ifPresent: "model_config")
        // Nothing but the loss is read of it: a file is no worse for a damaged one.
        trainingConfig = try? attributes.string(ifPresent: "training_config")
        note = try attributes.string(ifPresent: "normconv")
        classNames = try NameListAttribute.readClassNames(root)
        leftOut = try root.contains(Self.optimizerGroup) ? ["optimizer state (\(Self.optimizerGroup))"] : []
        let weights = weightsGroup.isEmpty ? root : try root.group(weightsGroup)
        let attribute = { (name: String) in
            try [attributes, weights.attributes].first { try $0.contains(name) }.map { try $0.string(name) }
        }
        backend = try attribute("backend")
        layers = try NameListAttribute.read("layer_names", of: weights).map { layer in
            (layer, try NameListAttribute.read("weight_names", of: try weights.group(layer)))
        }
        if let weight = layers.flatMap(\.weights).first(where: Self.isKeras1) {
            throw CheckpointError.unsupportedLayout(
                path: file.path, found: "Keras 1 weight names ('\(weight)')",
                remedy:
                    "load it in Keras 2 (pip install tf_keras) and save it again: model.save('model.h5'). If it was trained "
                    + "with Theano, flip its kernels first: kernel[::-1, ::-1]")
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
        producer = Self.producer(version: try attribute("keras_version"), backend: backend, parameters)
        let turned = found.first { $0.shape.rank == 4 && $0.shape[0] * $0.shape[1] > 1 }
        if backend == "theano", let turned {
            throw CheckpointError.unsupportedLayout(
                path: file.path,
                found: "kernels of Keras' Theano backend, which flips them by 180° ('\(turned.name)')",
                remedy:
                    "load it in Keras 2.3 with the TensorFlow backend, which flips them back, and save it again"
            )
        }
    }

    /// Keras 1's names: `conv1_W`, `bn_conv1_running_std`, with `_1` and `:0` after them at times. Its kernels may be
    /// outputs first or turned around, which only the backend that wrote them knows.
    static func isKeras1(_ weight: String) -> Bool {
        // A regular expression would be parsed again for every name.
        var name = weight[...]
        if name.hasSuffix(":0") { name.removeLast(2) }
        if let underscore = name.lastIndex(of: "_") {
            let number = name[name.index(after: underscore)...]
            let isNumber = !number.isEmpty && number.allSatisfy { $0.isASCII && $0.isNumber }
            if isNumber { name = name[..<underscore] }
        }
        return ["_W", "_running_mean", "_running_std"].contains { name.hasSuffix($0) }
    }

    /// Without a version, names that end in `:0` are Keras 2's: Keras 1's are refused, and Keras 3 stores a version and
    /// leaves the ending out.
    private static func producer(version: String?, backend: String?, _ parameters: ParameterTable) -> String?
    {
        let suffix = backend.map { " (\($0))" } ?? ""
        if let version { return "Keras \(version)" + suffix }
        return parameters.names.contains { $0.hasSuffix(":0") } ? "Keras 2, by its names" + suffix : nil
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
        let replaced: Set<String> =
            config == nil || layout != .kerasLegacy ? ["normconv"] : ["normconv", "model_config"]
        try output.copyAttributes(of: root, to: "/", except: replaced)
        if let config, layout == .kerasLegacy {
            let form = try root.attributes.stringForm("model_config") ?? .variableUTF8
            try output.write([config], toAttribute: "model_config", of: "/", form: form)
        }
        try output.write([note], toAttribute: "normconv", of: "/", form: .variableUTF8)
        let prefix = weightsGroup.isEmpty ? "" : weightsGroup + "/"
        let tree = EditedTree(
            path: path, output: output, edits: edits,
            parameterName: { $0.hasPrefix(prefix) ? String($0.dropFirst(prefix.count)) : "" },
            newPath: { name, _ in prefix + name })
        let layers = Dictionary(self.layers.map { ($0.name, $0.weights) }) { first, _ in first }
        if weightsGroup.isEmpty {
            return try writeLayers(below: root, prefix: "", layers, tree, edits)
        }
        try tree.copyChildren(of: root, to: "", skipping: [weightsGroup, Self.optimizerGroup])
        let weights = try root.group(weightsGroup)
        try output.createGroup(weightsGroup, like: weights)
        try output.copyAttributes(of: weights, to: weightsGroup)
        try writeLayers(below: weights, prefix: "", layers, tree, edits)
    }

    /// A layer's name may have slashes in it: its group then stands in groups that are no layers.
    private func writeLayers(
        below group: Group, prefix: String, _ layers: [String: [String]], _ tree: EditedTree,
        _ edits: ParameterEdits
    ) throws {
        for name in try group.names() where !(prefix.isEmpty && name == Self.optimizerGroup) {
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

    /// The path in the file of what stands at this path below the group of layers.
    private func place(of path: String) -> String {
        [weightsGroup, path.hasSuffix("/") ? String(path.dropLast()) : path].filter { !$0.isEmpty }
            .joined(separator: "/")
    }
}
