import Archives
import HDF5
import OrderedJSON
import Tensors

/// Writes Keras' layouts from a configuration and parameters named `layer/role`.
struct KerasOutput {
    private let contents: NewCheckpoint
    private let path: String
    private let config: String
    /// Layers in the configuration's order, and their parameters in Keras' order.
    private let layers: [(key: KerasLayerKey, parameters: [Parameter])]

    /// The Keras version to record: the first one with these layouts.
    private static let kerasVersion = "3.6.0"
    /// Trainable parameters come first, then the statistics.
    private static let roles = [
        "kernel", "depthwise_kernel", "pointwise_kernel", "gamma", "bias", "beta", "moving_mean",
        "moving_variance",
        "mean", "variance", "count",
    ]
    private static let statistics: Set = ["moving_mean", "moving_variance", "mean", "variance", "count"]

    init(_ contents: NewCheckpoint, path: String) throws {
        guard let config = contents.modelConfig else {
            throw CheckpointError.unsupportedLayout(
                path: path, found: "no configuration of a Keras network",
                remedy: "give one with --architecture FILE (model.to_json())")
        }
        self.contents = contents
        self.path = path
        self.config = config
        var byLayer: [String: [Parameter]] = [:]
        for parameter in contents.parameters {
            byLayer[Self.layer(of: parameter.name), default: []].append(parameter)
        }
        layers = KerasLayerKeys.of(try JSON.parse(config)).map { key in
            let own = byLayer.removeValue(forKey: key.path) ?? []
            let ranked = own.enumerated().map { (rank: Self.rank($1.name), offset: $0, parameter: $1) }
            // Weights of unknown roles stay in their order.
            let sorted = ranked.sorted { ($0.rank, $0.offset) < ($1.rank, $1.offset) }
            return (key, sorted.map(\.parameter))
        }
        // Keras' layouts order the weights of layers inside a layer by its class' own rules.
        if let stray = byLayer.keys.min() {
            throw CheckpointError.unsupportedLayout(
                path: path, found: "weights inside a layer whose class normconv does not know ('\(stray)')",
                remedy: "keep the input's layout (--layout keep), or choose --layout safetensors")
        }
    }

    private static func layer(of name: String) -> String {
        name.split(separator: "/").dropLast().joined(separator: "/")
    }

    private static func role(of name: String) -> String {
        name.split(separator: "/").last.map(String.init) ?? name
    }

    private static func rank(_ name: String) -> Int {
        roles.firstIndex(of: role(of: name)) ?? roles.count
    }

    func write(to temporary: String, layout: OutputLayout) throws {
        switch layout {
        case .keras3: try writeArchive(to: temporary)
        case .weights where path.hasSuffix(".weights.h5"):
            let output = try HDF5Output(creating: temporary, named: path)
            try output.write([contents.note], toAttribute: "normconv", of: "/", form: .variableUTF8)
            try NameListAttribute.write(classNames: contents.classNames, to: output)
            try writeTree(to: output)
            try output.close()
        default: try writeLegacy(to: temporary, isWhole: layout == .keras)
        }
    }

    // MARK: Keras 3

    private func writeTree(to output: HDF5Output) throws {
        try output.createGroup("layers")
        for (key, parameters) in layers {
            try output.createGroup(key.key)
            try output.createGroup(key.key + "/vars")
            let name = key.path.split(separator: "/").last.map(String.init) ?? key.path
            try output.write([name], toAttribute: "name", of: key.key + "/vars", form: .variableUTF8)
            if KerasLayerKeys.isModel(key.snakeClass) { try output.createGroup(key.key + "/layers") }
            for (number, parameter) in parameters.enumerated() {
                try output.write(parameter, to: "\(key.key)/vars/\(number)", file: path)
            }
        }
    }

    private func writeArchive(to temporary: String) throws {
        let weights = try HDF5Output(inMemoryNamed: path)
        try writeTree(to: weights)
        let image = try weights.image()
        var metadata = JSON.object([
            JSON.Member("keras_version", .string(Self.kerasVersion)),
            JSON.Member("normconv", .string(contents.note)),
        ])
        if let names = contents.classNames {
            metadata = metadata.setting(NameListAttribute.classNames, .array(names.map(JSON.string)))
        }
        var output = try ZipOutput(path: temporary, named: path)
        try output.add(KerasArchiveFile.metadataMember, metadata.utf8)
        try output.add(KerasArchiveFile.configMember, Array(config.utf8))
        try output.add(KerasArchiveFile.weightsMember, image)
        try output.close()
    }

    // MARK: Before Keras 3

    private func writeLegacy(to temporary: String, isWhole: Bool) throws {
        let output = try HDF5Output(creating: temporary, named: path)
        let root = isWhole ? "model_weights" : ""
        if isWhole {
            try output.createGroup(root)
            try output.write([config], toAttribute: "model_config", of: "/", form: .variableUTF8)
        }
        try output.write([contents.note], toAttribute: "normconv", of: "/", form: .variableUTF8)
        try NameListAttribute.write(classNames: contents.classNames, to: output)
        for place in isWhole ? ["", root] : [""] {
            for (key, value) in [("keras_version", Self.kerasVersion), ("backend", "jax")] {
                try output.write(
                    [value], toAttribute: key, of: place.isEmpty ? "/" : place, form: .variableUTF8)
            }
        }
        let outer = layers.filter { !$0.key.path.contains("/") }.map(\.key.path)
        try NameListAttribute.write(outer, "layer_names", of: root.isEmpty ? "/" : root, to: output)
        for layer in outer {
            let group = root.isEmpty ? layer : root + "/" + layer
            let own = layers.filter { $0.key.path == layer || $0.key.path.hasPrefix(layer + "/") }
                .flatMap(\.parameters)
            // A model's own order: trainable parameters of all its layers, then the others.
            let isStatistic = { (parameter: Parameter) in
                Self.statistics.contains(Self.role(of: parameter.name))
            }
            let parameters = own.filter { !isStatistic($0) } + own.filter(isStatistic)
            try output.createGroup(group)
            try NameListAttribute.write(parameters.map(\.name), "weight_names", of: group, to: output)
            for parameter in parameters {
                try output.write(parameter, to: group + "/" + parameter.name, file: path)
            }
        }
        try output.close()
    }
}
