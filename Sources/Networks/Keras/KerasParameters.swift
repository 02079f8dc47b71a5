import Tensors

/// Finds a layer's parameters in a table by name: `<group>/<path>`, the group being the outermost layer's name and
/// the last component what the parameter is to its layer (`kernel:0` in Keras 2, `kernel` in Keras 3).
struct KerasParameters {
    private let table: ParameterTable
    /// Names of all layers, in models too.
    private let layers: Set<Substring>
    private var byGroupAndRole: [GroupAndRole: [String]] = [:]
    private var byGroup: [Substring: [String]] = [:]
    /// By each step between group and role.
    private var byGroupAndStep: [GroupAndStep: [String]] = [:]

    private struct GroupAndRole: Hashable {
        var group: Substring
        var role: Substring
        /// The step before the role; nil for any.
        var layer: Substring?
    }

    private struct GroupAndStep: Hashable {
        var group: Substring
        var step: Substring
    }

    init(_ table: ParameterTable, of model: KerasModel? = nil) {
        self.table = table
        layers = Set((model?.layerNames ?? []).map { $0[...] })
        for name in table.names {
            let stem = Self.stem(name)
            guard let first = stem.firstIndex(of: "/"), let last = stem.lastIndex(of: "/") else { continue }
            var key = GroupAndRole(group: stem[..<first], role: stem[stem.index(after: last)...])
            byGroupAndRole[key, default: []].append(name)
            byGroup[key.group, default: []].append(name)
            let steps = Self.steps(stem)
            key.layer = steps.last
            if key.layer != nil { byGroupAndRole[key, default: []].append(name) }
            for step in Set(steps) {
                byGroupAndStep[GroupAndStep(group: key.group, step: step), default: []].append(name)
            }
        }
    }

    /// The shape of a parameter in the table.
    func shape(_ name: String) -> Shape? { table[name]?.shape }

    /// Whether the layer has parameters with this role.
    func has(_ role: String, of path: KerasPath) -> Bool { !candidates(role, of: path).isEmpty }

    /// All parameters of the layer at `path`, in file order.
    func names(of path: KerasPath) -> [String] {
        let named: [String]
        if path.group.contains("/") {
            let group = table.names.filter { $0.hasPrefix(path.group + "/") }
            named = path.isNested ? group.filter { $0.contains("/\(path.layer)/") } : group
        } else if !path.isNested {
            named = byGroup[path.group[...]] ?? []
        } else if path.layer.contains("/") {
            named = (byGroup[path.group[...]] ?? []).filter { $0.contains("/\(path.layer)/") }
        } else {
            named = byGroupAndStep[GroupAndStep(group: path.group[...], step: path.layer[...])] ?? []
            // `outer/inner/cell/kernel` is of `inner`, not of a layer `cell` beside it.
            let around = Set(path.models.map { $0[...] })
            return named.filter { name in
                let owner = Self.steps(Self.stem(name)).first {
                    $0 == path.layer || layers.contains($0) && !around.contains($0)
                }
                return owner == path.layer[...]
            }
        }
        return named
    }

    /// The one parameter with this role of the layer at `path` (`outer/inner` inside models).
    func name(_ role: String, of path: KerasPath) throws(NetworkError) -> String {
        let candidates = candidates(role, of: path)
        guard let name = candidates.first else {
            throw .missingParameter(
                name: path.isNested ? "\(path.group)/…/\(path.layer)/\(role)" : "\(path.group)/…/\(role)",
                neededBy: path.description)
        }
        guard candidates.count == 1 else {
            throw .ambiguousParameter(name: role, neededBy: path.description, candidates: candidates)
        }
        return name
    }

    private func candidates(_ role: String, of path: KerasPath) -> [String] {
        let named: [String]
        if path.group.contains("/") {
            // Keras 2 allows slashes in layers' names, and these groups are several levels deep.
            named = table.names.filter {
                $0.hasPrefix(path.group + "/") && Self.stem($0).hasSuffix("/" + role)
            }
        } else {
            let layer = path.isNested && !path.layer.contains("/") ? path.layer[...] : nil
            named = byGroupAndRole[GroupAndRole(group: path.group[...], role: role[...], layer: layer)] ?? []
            if layer != nil { return named }
        }
        return path.isNested ? named.filter { Self.stem($0).hasSuffix("/\(path.layer)/\(role)") } : named
    }

    /// The steps between group and role.
    private static func steps(_ stem: Substring) -> ArraySlice<Substring> {
        stem.split(separator: "/", omittingEmptySubsequences: false).dropFirst().dropLast()
    }

    /// The name without Keras 2's `:0`.
    private static func stem(_ name: String) -> Substring {
        name.hasSuffix(":0") ? name.dropLast(2) : name[...]
    }
}

/// Where a layer stands: the models around it, and its own name.
struct KerasPath: CustomStringConvertible {
    /// Names of the models around, outermost first, without the whole model's.
    var models: [String]
    /// The layer's own name.
    var layer: String

    var isNested: Bool { !models.isEmpty }
    /// The group of the file that holds the layer's parameters.
    var group: String { models.first ?? layer }
    var description: String { (models + [layer]).joined(separator: "/") }
}
