import OrderedJSON

/// A Keras model's configuration with norms replaced and biases added; all else is as it was, byte for byte.
package enum KerasConfigEditor {
    /// Replaces batch normalizations by group normalizations, in nested models too, and sets `use_bias`.
    ///
    /// - Parameters:
    ///   - norms: Layer path (`bn`, `outer/bn`) → the group normalization that takes its place. Only `groups`,
    ///     `epsilon`, and whether there are a `gamma` (`scale`) and a `beta` (`center`) are written.
    ///   - biasedConvolutions: Paths of convolutions that get a bias.
    ///   - standardizedConvolutions: Paths of convolutions that become `StandardizedConv2D` layers, which standardize
    ///     their weights themselves, and the ε of that.
    ///   - outputs: Paths of dense layers or convolutions that get another number of outputs.
    /// - Throws: `NetworkError.malformedConfiguration` where a path names no such layer.
    package static func convertedConfig(
        _ config: JSON, norms: [String: GroupNorm], biasedConvolutions: Set<String> = [],
        standardizedConvolutions: [String: Double] = [:], outputs: [String: Int] = [:]
    ) throws(NetworkError) -> JSON {
        var edit = KerasConfigEdit(
            norms: norms, biasedConvolutions: biasedConvolutions,
            standardizedConvolutions: standardizedConvolutions, outputs: outputs)
        let converted = try edit.model(config, path: "")
        let wanted = Set(norms.keys).union(biasedConvolutions).union(standardizedConvolutions.keys)
            .union(outputs.keys)
        if let missing = wanted.subtracting(edit.found).min() {
            throw .malformedConfiguration(at: "layers", expected: "a layer '\(missing)'")
        }
        return converted
    }
}

private struct KerasConfigEdit {
    let norms: [String: GroupNorm]
    let biasedConvolutions: Set<String>
    let standardizedConvolutions: [String: Double]
    let outputs: [String: Int]
    /// Paths that were edited.
    var found: Set<String> = []

    init(
        norms: [String: GroupNorm], biasedConvolutions: Set<String>,
        standardizedConvolutions: [String: Double], outputs: [String: Int]
    ) {
        self.norms = norms
        self.biasedConvolutions = biasedConvolutions
        self.standardizedConvolutions = standardizedConvolutions
        self.outputs = outputs
    }

    /// Settings of batch normalization that group normalization sets itself or does not have. What is left
    /// (name, trainable, dtype, perhaps a shape) every layer has.
    private static let batchNormSettings: Set<String> = Set(groupNormSettings).union([
        "momentum", "moving_mean_initializer", "moving_variance_initializer", "synchronized", "renorm",
        "renorm_clipping", "renorm_momentum", "fused", "virtual_batch_size", "adjustment", "mode",
    ])

    /// Group normalization's own settings, in the order that Keras writes them.
    private static let groupNormSettings = [
        "groups", "axis", "epsilon", "center", "scale", "beta_initializer", "gamma_initializer",
        "beta_regularizer", "gamma_regularizer", "beta_constraint", "gamma_constraint",
    ]

    /// A model, or a layer that is one. The configuration of a model is an object with `layers`, or just the layers
    /// in old Sequential models.
    mutating func model(_ model: JSON, path: String) throws(NetworkError) -> JSON {
        guard let config = model["config"] else {
            throw .malformedConfiguration(at: path.isEmpty ? "the model" : path, expected: "a config")
        }
        if let layers = config.array { return model.setting("config", try edited(layers, path: path)) }
        guard let layers = config["layers"]?.array else { return model }
        return model.setting("config", config.setting("layers", try edited(layers, path: path)))
    }

    private mutating func edited(_ layers: [JSON], path: String) throws(NetworkError) -> JSON {
        var edited: [JSON] = []
        edited.reserveCapacity(layers.count)
        for layer in layers { edited.append(try self.layer(layer, path: path)) }
        return .array(edited)
    }

    private mutating func layer(_ layer: JSON, path: String) throws(NetworkError) -> JSON {
        guard let className = layer["class_name"]?.string,
            let name = layer["name"]?.string ?? layer["config"]?["name"]?.string
        else { return layer }
        let layerPath = path.appending(layer: name)
        if KerasModel.modelClasses.contains(className) { return try model(layer, path: layerPath) }
        if let inner = KerasTimeDistribution.layer(in: layer), let config = layer["config"] {
            let isModel = inner["class_name"]?.string.map(KerasModel.modelClasses.contains) ?? false
            let edited = try isModel ? model(inner, path: layerPath) : self.layer(inner, path: layerPath)
            return layer.setting("config", config.setting("layer", edited))
        }
        if let norm = norms[layerPath] {
            found.insert(layerPath)
            // A norm that was one before: the settings are its own.
            if className == "GroupNormalization" { return layer }
            guard className.contains("BatchNormalization") else {
                throw .malformedConfiguration(
                    at: "layer '\(layerPath)'", expected: "a batch normalization, found \(className)")
            }
            return Self.groupNormalization(for: layer, norm)
        }
        return try withWeights(layer, className, path: layerPath)
    }

    /// A layer with another number of outputs, standardized weights and a bias, where it gets them.
    private mutating func withWeights(
        _ layer: JSON, _ className: String, path: String
    ) throws(NetworkError) -> JSON {
        var layer = layer
        if let outputs = outputs[path] {
            guard let config = layer["config"],
                let setting = ["units", "filters"].first(where: { config[$0] != nil })
            else {
                throw .malformedConfiguration(
                    at: "layer '\(path)'", expected: "a number of units or filters, found \(className)")
            }
            found.insert(path)
            layer = layer.setting("config", config.setting(setting, .int(outputs)))
        }
        if let epsilon = standardizedConvolutions[path] {
            guard className == "Conv2D" else {
                throw .unsupportedLayer(layer: path, className: "\(className) with standardized weights")
            }
            found.insert(path)
            layer = StandardizedConvolutionLayer.standardizing(layer, epsilon: epsilon)
        }
        if biasedConvolutions.contains(path) {
            guard let config = layer["config"], config["use_bias"] != nil else {
                throw .malformedConfiguration(
                    at: "layer '\(path)'", expected: "a use_bias setting, found \(className)")
            }
            found.insert(path)
            layer = layer.setting("config", config.setting("use_bias", .bool(true)))
        }
        return layer
    }

    /// The layer's record with another class, its settings, and calls without the arguments that only batch
    /// normalization takes.
    private static func groupNormalization(for layer: JSON, _ norm: GroupNorm) -> JSON {
        let old = layer["config"] ?? .object([])
        var config = old.removing(batchNormSettings)
        let written: [String: JSON] = [
            "groups": .int(norm.groups),
            "axis": .int(norm.axis ?? (isChannelsFirst(old["axis"]) ? 1 : -1)),
            "epsilon": .double(norm.epsilon),
            "center": .bool(norm.beta != nil), "scale": .bool(norm.gamma != nil),
        ]
        for key in groupNormSettings {
            if let value = written[key] ?? old[key] { config = config.setting(key, value) }
        }
        var layer = layer.setting("class_name", .string("GroupNormalization")).setting("config", config)
        // Keras 3 writes null for its own classes; some versions repeat the class.
        layer = layer.updating("registered_name") { $0.string == nil ? $0 : .string("GroupNormalization") }
        layer = layer.updating("module") { $0.string == nil ? $0 : .string("keras.layers") }
        return layer.updating("inbound_nodes") { nodes in
            .array((nodes.array ?? []).map(withoutKeywords))
        }
    }

    /// Whether the axis of a norm over channels, a number or a list of one, is the first after the batch: -2 of steps, -3
    /// of maps, -4 of volumes.
    private static func isChannelsFirst(_ axis: JSON?) -> Bool {
        let first = axis?.kerasList?.first ?? axis
        return first?.int.map([1, -2, -3, -4].contains) ?? false
    }

    /// A call without `mask` and `training`, which group normalization's `call` does not take.
    private static func withoutKeywords(_ node: JSON) -> JSON {
        let keywords: Set<String> = ["mask", "training"]
        if node["kwargs"] != nil { return node.updating("kwargs") { $0.removing(keywords) } }
        guard let entries = node.array else { return node }
        // Keras 2: [[layer, call, tensor, keywords], …]
        return .array(
            entries.map { entry in
                guard let parts = entry.array else { return entry }
                return .array(parts.map { $0.removing(keywords) })
            })
    }
}
