import OrderedJSON

/// A layer of a configuration: its name, and the group that Keras 3 keeps it in.
struct KerasLayerKey {
    /// Names of the models around it and its own: `outer/inner`.
    let path: String
    /// The group: `layers/sequential/layers/conv2d_1`.
    let key: String
    /// The class as groups are named: `conv2d`.
    let snakeClass: String
    /// The layer's settings.
    let settings: JSON
}

/// How Keras 3 names groups: by class, numbered in the order of the layers, never by the layers' names.
///
/// Source: `_save_container_state` in `keras/src/saving/saving_lib.py`.
enum KerasLayerKeys {
    private static let models: Set<String> = ["Functional", "Sequential", "Model"]

    /// Whether a class, as groups are named, is one of models, which have layers of their own.
    static func isModel(_ snakeClass: String) -> Bool { models.contains { $0.lowercased() == snakeClass } }

    /// All layers of a configuration in its order, models inside models followed by their layers.
    static func of(_ config: JSON) -> [KerasLayerKey] { layers(of: config, path: "", key: "") }

    private static func layers(of model: JSON, path: String, key: String) -> [KerasLayerKey] {
        var found: [KerasLayerKey] = []
        var used: [String: Int] = [:]
        for record in model["config"]?["layers"]?.array ?? [] {
            guard let className = record["class_name"]?.string,
                let name = record["config"]?["name"]?.string ?? record["name"]?.string
            else { continue }
            // A registered class may have its package before it: `package>Class`.
            let snake = snakeCase(className.split(separator: ">").last.map(String.init) ?? className)
            let number = used[snake, default: 0]
            used[snake] = number + 1
            let layer = KerasLayerKey(
                path: path + name, key: key + "layers/" + numbered(snake, number), snakeClass: snake,
                settings: record["config"] ?? .null)
            found.append(layer)
            if className == "TimeDistributed", let inner = record["config"]?["layer"] {
                found += self.layer(inner, inside: layer)
            }
            if models.contains(className) {
                found += layers(of: record, path: layer.path + "/", key: layer.key + "/")
            }
        }
        return found
    }

    /// The layer that a wrapper has inside, or the layers of the model there. A model's own name is not part of their paths, as
    /// in the names that older files have.
    private static func layer(_ record: JSON, inside outer: KerasLayerKey) -> [KerasLayerKey] {
        guard let className = record["class_name"]?.string, let name = record["config"]?["name"]?.string
        else {
            return []
        }
        let key = outer.key + "/layer"
        if models.contains(className) {
            return layers(of: record, path: outer.path + "/", key: key + "/")
        }
        return [
            KerasLayerKey(
                path: outer.path + "/" + name, key: key, snakeClass: snakeCase(className),
                settings: record["config"] ?? .null)
        ]
    }

    /// `conv2d`, `conv2d_1`, …
    static func numbered(_ snakeClass: String, _ number: Int) -> String {
        number == 0 ? snakeClass : "\(snakeClass)_\(number)"
    }

    /// The class and number of a group's name.
    static func parts(of key: String) -> (snakeClass: String, number: Int) {
        guard let underscore = key.lastIndex(of: "_"),
            let number = Int(key[key.index(after: underscore)...]), number > 0
        else { return (key, 0) }
        return (String(key[..<underscore]), number)
    }

    /// As Keras' `to_snake_case`: an underscore before a capital that a small letter precedes, or that one follows.
    static func snakeCase(_ name: String) -> String {
        let letters = Array(name.unicodeScalars.filter { $0.properties.isAlphabetic || ("0"..."9") ~= $0 })
        func isSmall(_ index: Int) -> Bool {
            letters.indices.contains(index) && letters[index].properties.isLowercase
        }
        var result = ""
        for (index, letter) in letters.enumerated() {
            let isCapital = letter.properties.isUppercase
            if isCapital, index > 0, isSmall(index - 1) || isSmall(index + 1) { result += "_" }
            result += letter.properties.lowercaseMapping
        }
        return result
    }
}

/// The roles of a layer's numbered variables.
enum KerasVariables {
    /// Roles in the order in which Keras keeps them: trainable ones first. `settings` say which are there; without
    /// them (`.null`) the number of variables has to. Nil where that does not tell, or the class is not known.
    static func roles(_ snakeClass: String, count: Int, settings: JSON) -> [String]? {
        switch snakeClass {
        case "conv1d", "conv2d", "conv3d", "depthwise_conv1d", "depthwise_conv2d", "dense",
            "standardized_conv2d",
            "conv2d_transpose":
            return prefix(["kernel", "bias"], count)
        case "separable_conv1d", "separable_conv2d":
            return prefix(["depthwise_kernel", "pointwise_kernel", "bias"], count)
        case "p_re_lu": return prefix(["alpha"], count)
        case "normalization": return prefix(["mean", "variance", "count"], count)
        case "batch_normalization":
            return affine(count - 2, settings).map { $0 + ["moving_mean", "moving_variance"] }
        case "group_normalization", "layer_normalization": return affine(count, settings)
        default: return nil
        }
    }

    /// Whether variables of a class have roles.
    static func isKnown(_ snakeClass: String) -> Bool {
        roles(snakeClass, count: 0, settings: .null) != nil || norms.contains(snakeClass)
    }

    /// Classes whose variables have to be told apart.
    static let norms: Set = [
        "batch_normalization", "group_normalization", "layer_normalization", "normalization",
    ]

    private static func prefix(_ roles: [String], _ count: Int) -> [String]? {
        count <= roles.count ? Array(roles.prefix(count)) : nil
    }

    private static func affine(_ count: Int, _ settings: JSON) -> [String]? {
        switch count {
        case 2: return ["gamma", "beta"]
        case 0: return []
        case 1:
            guard !settings.isNull else { return nil }
            return settings["scale"]?.bool == false ? ["beta"] : ["gamma"]
        default: return nil
        }
    }
}
