import HDF5
import OrderedJSON
import Tensors

/// Keras 3's tree of groups: `layers/conv2d_1/vars/0`. Parameters are named by layer and role: `stem/kernel`.
///
/// Layers have the name that their configuration, or since Keras 3.6 the attribute `name` of `vars`, gives them; else
/// that of their group.
struct KerasSavedTree {
    let file: HDF5File
    let parameters: ParameterTable
    let leftOut: [String]
    private let layers: [Layer]
    /// Names of all layers by their groups, where there is a configuration: those without variables have groups, too.
    private let pathsByKey: [String: String]

    /// A group with `vars`.
    struct Layer {
        /// The group's path in the file.
        let key: String
        /// Parameters in the order of their numbers, and their datasets.
        var variables: [(name: String, dataset: Dataset)]
    }

    private static let optimizerGroup = "optimizer"
    private static let variablesGroup = "vars"

    /// Whether a file is such a tree. Models of a class of their own may keep all layers under the names of their attributes.
    static func isOne(_ file: HDF5File) throws -> Bool {
        if try ["layers", "_layer_checkpoint_dependencies"].contains(where: { try file.root.contains($0) }) {
            return true
        }
        guard try file.root.contains(variablesGroup), case .group = try file.root.child(variablesGroup) else {
            return false
        }
        return true
    }

    /// Reads the tree; `config` is the model's configuration where there is one.
    init(_ file: HDF5File, config: JSON?) throws {
        self.file = file
        leftOut = try file.root.contains(Self.optimizerGroup) ? ["optimizer state (optimizer)"] : []
        let keys = Dictionary(
            KerasLayerKeys.of(config ?? .null).map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
        pathsByKey = keys.mapValues(\.path)
        var found: [String: [(number: Int, dataset: Dataset)]] = [:]
        var order: [String] = []
        for (place, dataset) in try file.root.datasets(skipping: [Self.optimizerGroup]) {
            let parts = place.split(separator: "/").map(String.init)
            guard parts.count >= 3, parts[parts.count - 2] == Self.variablesGroup,
                let number = Int(parts[parts.count - 1])
            else { continue }
            let key = parts.dropLast(2).joined(separator: "/")
            if found[key] == nil { order.append(key) }
            found[key, default: []].append((number, dataset))
        }
        var layers: [Layer] = []
        for key in order.sorted(by: Self.precedes) {
            let datasets = (found[key] ?? []).sorted { $0.number < $1.number }.map(\.dataset)
            layers.append(try Self.layer(key, datasets, keys, file))
        }
        self.layers = layers
        var names: Set<String> = []
        for name in layers.flatMap(\.variables).map(\.name) where !names.insert(name).inserted {
            throw CheckpointError.duplicateParameter(path: file.path, name: name)
        }
        parameters = ParameterTable(
            layers.flatMap { $0.variables.map { Parameter($0.dataset, name: $0.name) } })
    }

    /// Numbers count: `conv2d_9` stands before `conv2d_10`.
    private static func precedes(_ one: String, _ other: String) -> Bool {
        let pairs = zip(one.split(separator: "/"), other.split(separator: "/"))
        for (one, other) in pairs where one != other {
            let (first, second) = (
                KerasLayerKeys.parts(of: String(one)), KerasLayerKeys.parts(of: String(other))
            )
            return (first.snakeClass, first.number) < (second.snakeClass, second.number)
        }
        return one.utf8.count < other.utf8.count
    }

    private static func layer(
        _ key: String, _ datasets: [Dataset], _ keys: [String: KerasLayerKey], _ file: HDF5File
    ) throws -> Layer {
        let known = keys[configurationKey(key)]
        let name = try known?.path ?? innerName(key, keys) ?? storedName(key, file)
        let last = key.split(separator: "/").last.map(String.init) ?? key
        var snakeClass = known?.snakeClass ?? KerasLayerKeys.parts(of: last).snakeClass
        if known == nil, !KerasVariables.isKnown(snakeClass), let own = try ownName(key, file) {
            // A group called as an attribute, a layer called after its class: `stem_bn`, `batch_normalization_2`.
            snakeClass = KerasLayerKeys.parts(of: own).snakeClass
        }
        let roles = KerasVariables.roles(
            snakeClass, count: datasets.count, settings: known?.settings ?? .null)
        if roles == nil, KerasVariables.norms.contains(snakeClass) {
            throw CheckpointError.unsupportedLayout(
                path: file.path,
                found:
                    "\(datasets.count) variables in '\(key)', and no configuration that tells which they are",
                remedy: "save a Functional or Sequential model whole: model.save('model.keras')")
        }
        let names = roles ?? datasets.indices.map(String.init)
        return Layer(key: key, variables: zip(names, datasets).map { ("\(name)/\($0)", $1) })
    }

    /// The name of a layer inside a layer of the configuration that is no model: `lstm/cell`. Nil where there is none around.
    private static func innerName(_ key: String, _ keys: [String: KerasLayerKey]) -> String? {
        let parts = configurationKey(key).split(separator: "/")
        for count in (1..<max(parts.count, 1)).reversed() {
            guard let outer = keys[parts.prefix(count).joined(separator: "/")] else { continue }
            if KerasLayerKeys.isModel(outer.snakeClass) { return nil }
            let inner = parts.dropFirst(count).filter { $0 != "layers" }
            return outer.path + "/" + inner.joined(separator: "/")
        }
        return nil
    }

    /// The group as Keras names it since 3.0 for the one in the file.
    private static func configurationKey(_ key: String) -> String {
        key.replacing("_layer_checkpoint_dependencies", with: "layers")
    }

    /// The names of the layer and the models around it, as far as the file has them.
    private static func storedName(_ key: String, _ file: HDF5File) throws -> String {
        var names: [String] = []
        var path: [Substring] = []
        for part in key.split(separator: "/") {
            path.append(part)
            // `layers` is a list of layers; everything else on the way is a layer or a model.
            if part == "layers" || part == "_layer_checkpoint_dependencies" { continue }
            let group = try file.root.group(path.joined(separator: "/"))
            names.append(try ownName(group) ?? String(part))
        }
        return names.joined(separator: "/")
    }

    /// The name that Keras stores with a layer's variables, since 3.6.
    private static func ownName(_ group: Group) throws -> String? {
        guard try group.contains(variablesGroup) else { return nil }
        return try group.group(variablesGroup).attributes.string(ifPresent: "name")
    }

    private static func ownName(_ key: String, _ file: HDF5File) throws -> String? {
        try ownName(file.root.group(key))
    }
}

// MARK: - Writing

extension KerasSavedTree {
    /// Writes the tree with some parameters changed. Groups of layers whose class changes are named and numbered
    /// anew: after `config`, the new configuration, where there is one.
    func write(to output: HDF5Output, edits: ParameterEdits, config: JSON?) throws {
        try edits.check(against: parameters, path: file.path)
        let keys = try newKeys(config, edits)
        let tree = EditedTree(
            path: file.path, output: output, edits: edits, parameterName: { $0 }, newPath: { name, _ in name }
        )
        let byKey = Dictionary(uniqueKeysWithValues: layers.map { ($0.key, $0) })
        for name in try file.root.names() where name != Self.optimizerGroup {
            guard case .group(let group) = try file.root.child(name) else {
                try tree.copyChild(name, of: file.root, to: "")
                continue
            }
            try copy(group, at: name, to: name, byKey, keys, tree)
        }
    }

    private func copy(
        _ group: Group, at old: String, to new: String, _ layers: [String: Layer],
        _ keys: (String) -> String?, _ tree: EditedTree
    ) throws {
        try tree.output.createGroup(new, like: group)
        try tree.output.copyAttributes(of: group, to: new)
        for name in try group.names() {
            let place = old + "/" + name
            guard case .group(let child) = try group.child(name) else {
                try tree.copyChild(name, of: group, to: new)
                continue
            }
            if name == Self.variablesGroup, let layer = layers[old] {
                try tree.output.createGroup(new + "/" + name, like: child)
                try tree.output.copyAttributes(of: child, to: new + "/" + name)
                try copy(layer, to: new + "/" + name, tree)
            } else {
                let last = (keys(place) ?? place).split(separator: "/").last.map(String.init) ?? name
                try copy(child, at: place, to: new + "/" + last, layers, keys, tree)
            }
        }
    }

    /// Variables under the numbers that they have after the edits.
    private func copy(_ layer: Layer, to place: String, _ tree: EditedTree) throws {
        let datasets = Dictionary(uniqueKeysWithValues: layer.variables.map { ($0.name, $0.dataset) })
        for (number, name) in tree.edits.applied(to: layer.variables.map(\.name)).enumerated() {
            let target = "\(place)/\(number)"
            if case .insert(let tensor, _, let neighbour)? = tree.edits[name], let like = datasets[neighbour]
            {
                try tree.write(tensor, named: name, to: target, like: like)
            } else if let dataset = datasets[name] {
                try tree.write(dataset, named: name, to: target)
            }
        }
    }

    /// Old group → new group: by the names of the layers in the new configuration, where there is one.
    private func newKeys(_ config: JSON?, _ edits: ParameterEdits) throws -> (String) -> String? {
        guard let config else {
            let keys = try newKeys(edits)
            return { keys[$0] }
        }
        let new = Dictionary(
            KerasLayerKeys.of(config).map { ($0.path, $0.key) }, uniquingKeysWith: { first, _ in first })
        return { old in pathsByKey[Self.configurationKey(old)].flatMap { new[$0] } }
    }

    /// The same without a configuration: batch normalizations that lost their statistics are group normalizations.
    /// Where a model had some of these before, nothing tells in which order the classes stand.
    private func newKeys(_ edits: ParameterEdits) throws -> [String: String] {
        var keys: [String: String] = [:]
        var next: [String: Int] = [:]
        for layer in layers {
            let last = layer.key.split(separator: "/").last.map(String.init) ?? layer.key
            guard KerasLayerKeys.parts(of: last).snakeClass == "batch_normalization" else { continue }
            let container = String(layer.key.dropLast(last.count))
            let isConverted = layer.variables.contains { variable in
                guard variable.name.hasSuffix("/moving_mean"), case .remove? = edits[variable.name] else {
                    return false
                }
                return true
            }
            let snakeClass = isConverted ? "group_normalization" : "batch_normalization"
            let siblings = container.isEmpty ? file.root : try file.root.group(String(container.dropLast()))
            if isConverted, try siblings.contains("group_normalization") {
                throw CheckpointError.unsupportedLayout(
                    path: file.path, found: "batch norms and group norms, but no configuration",
                    remedy: "save the whole model: model.save('model.keras')")
            }
            let number = next[container + snakeClass, default: 0]
            next[container + snakeClass] = number + 1
            keys[layer.key] = container + KerasLayerKeys.numbered(snakeClass, number)
        }
        return keys
    }
}
