import Tensors

/// A file's layers by the names of their parameters, in file order.
struct NamedLayers {
    /// A layer's parameters by the last part of their names.
    struct Layer {
        /// All parts of the names but the last.
        let path: String
        var parts: [String: Parameter] = [:]
        /// What the file records of it besides.
        var module: RecordedModule?
    }

    /// Whether names are Keras': paths, and Keras' words for parameters.
    let isKeras: Bool
    private(set) var layers: [Layer] = []
    private var index: [String: Int] = [:]
    private let groupNorms: [String: GroupNormSettings]
    /// The modules; none in Keras' files.
    private(set) var modules = NamedModules([])

    init(
        _ parameters: ParameterTable, _ groupNorms: [String: GroupNormSettings],
        modules recorded: [String: RecordedModule] = [:]
    ) {
        self.groupNorms = groupNorms
        isKeras = parameters.names.contains { name in
            ["/moving_mean", "/gamma", "/beta"].contains { name.hasSuffix($0) || name.hasSuffix("\($0):0") }
        }
        for parameter in parameters {
            let name = parameter.name.hasSuffix(":0") ? parameter.name.dropLast(2) : parameter.name[...]
            guard let separator = name.lastIndex(of: isKeras ? "/" : ".") else { continue }
            let path = String(name[..<separator])
            let place = index[path] ?? layers.count
            if place == layers.count {
                layers.append(Layer(path: path, module: recorded[path]))
            }
            index[path] = place
            layers[place].parts[String(name[name.index(after: separator)...])] = parameter
        }
        if !isKeras { modules = NamedModules(layers.map(\.path)) }
    }

    /// A layer's display name: Keras' legacy names repeat it (`bn/bn/gamma:0`).
    func name(of layer: Layer) -> String {
        let steps = layer.path.split(separator: "/")
        guard steps.count > 1, steps[0] == steps[1] else { return layer.path }
        let name = steps.dropFirst().joined(separator: "/")
        return index[name] == nil ? name : layer.path
    }

    /// The indices of norms: layers with running statistics, and norms in a note.
    var norms: [Int] {
        layers.indices.filter(isNorm)
    }

    /// Whether the layer at a place is a norm.
    func isNorm(_ place: Int) -> Bool {
        layers[place].hasStatistics || groupNorms[name(of: layers[place])] != nil
    }

    /// The place of a layer.
    subscript(path path: String) -> Int? { index[path] }

    /// Nil where the parameters' shapes are not a norm's.
    func operation(of norm: Layer) -> Operation? {
        if norm.hasStatistics {
            return norm.batchNorm(epsilon: isKeras ? 1e-3 : 1e-5).map(Operation.batchNorm)
        }
        return groupNorms[name(of: norm)].flatMap(norm.groupNorm).map(Operation.groupNorm)
    }

    /// The layers that may precede norms.
    func elimination(isTopological: Bool) -> PairElimination {
        let norms = Dictionary(
            uniqueKeysWithValues: norms.compactMap { place in layers[place].channels.map { (place, $0) } })
        return PairElimination(
            norms: norms, outputs: layers.map { $0.possibleOutputs(isKeras: isKeras) },
            isTopological: isTopological)
    }

    /// A path without its numbers.
    static func pattern(_ path: String) -> String { path.filter { !$0.isNumber } }

    /// Whether the name is generated: Keras, TF-Slim and Flax number the layers of a class.
    static func isAutomatic(_ norm: String) -> Bool {
        guard let last = norm.split(whereSeparator: { "/.".contains($0) }).last else { return false }
        return ["batch_normalization", "BatchNorm"].contains { last.isNumbered($0) }
    }

    /// Possible names of the convolution before a norm.
    static func convolutionPaths(of norm: String) -> [String] {
        var paths: [String] = []
        for (word, other) in [
            ("batch_normalization", "conv2d"), ("batch_normalization", "conv1d"),
            ("batch_normalization", "conv3d"), ("bn", "conv"), ("norm", "conv"), ("BatchNorm", "Conv"),
            ("bn", "res"), ("norm", "fc"), ("bn", "fc"),
        ] {
            guard let range = norm.ranges(of: word).last else { continue }
            paths.append(norm.replacing(word, with: other, subrange: range))
            // If the layer's name is repeated.
            paths.append(norm.replacing(word, with: other))
        }
        let parts = norm.split(separator: ".", omittingEmptySubsequences: false)
        if let number = parts.last.flatMap({ Int($0) }), number > 0 {
            paths.append((parts.dropLast() + ["\(number - 1)"]).joined(separator: "."))
        }
        return paths
    }
}

extension Substring {
    /// Whether this is the word, with or without an underscore and a number after it.
    func isNumbered(_ word: String) -> Bool {
        guard hasPrefix(word) else { return false }
        let rest = dropFirst(word.count)
        return rest.isEmpty || rest.first == "_" && rest.count > 1 && rest.dropFirst().allSatisfy(\.isNumber)
    }
}
