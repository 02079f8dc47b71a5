import OrderedJSON

/// Layers that are kept as they are, because their class, a setting or an argument is not known.
extension KerasSettings {
    /// The layer's operations for one of its calls, or the layer as it is.
    ///
    /// Throws for a setting of a batch normalization that is not supported: what takes its place has to be known. Throws for
    /// settings of a layer with a kernel that no Keras writes, and for parameters that are missing or have wrong shapes.
    func operations(for call: KerasModel.Call) throws(NetworkError) -> [Operation] {
        guard let builder = Self.builders[className] else {
            return operations(of: call.record) ?? [opaque()]
        }
        try requireKeras2()
        do throws(NetworkError) {
            if let argument = call.argument {
                throw NetworkError.unsupportedSetting(
                    layer: path.description, setting: argument.name, found: argument.found,
                    expected: argument.expected)
            }
            return try onSteps(builder(self)())
        } catch {
            guard let setting = error.setting, mayKeep(setting) else { throw error }
            return [opaque(setting)]
        }
    }

    /// Whether a layer of a known class can stay as it is in spite of a setting.
    private func mayKeep(_ setting: OpaqueLayer.Setting) -> Bool {
        if Self.isBatchNorm(className) { return false }
        let hasKernel = className.contains("Conv") || className == "Dense"
        return !hasKernel || setting.name.hasPrefix("call argument")
            || ["data_format", Self.inputOrder].contains(setting.name)
    }

    /// The layer with all its weights.
    func opaque(_ setting: OpaqueLayer.Setting? = nil) -> Operation {
        let names = parameters.names(of: path)
        return .opaque(
            OpaqueLayer(
                className: className, parameters: names, setting: setting,
                batchNormInside: batchNormInside(names)))
    }

    /// The `activation` of a layer with weights: a setting that is not supported leaves the rest of the layer known.
    func ownActivation() throws(NetworkError) -> [Operation] {
        do throws(NetworkError) {
            return try activation()
        } catch {
            guard let setting = error.setting else { throw error }
            let activation = config["activation"]
            let className = activation?["class_name"]?.string ?? activation?.string
            return [.opaque(OpaqueLayer(className: className ?? "unknown activation", setting: setting))]
        }
    }

    /// The class of a batch normalization in the layer: it is one itself under another name, holds one in its settings, or
    /// has running statistics. A `.keras` file numbers the weights, but a subclass keeps the settings of its class.
    private func batchNormInside(_ names: [String]) -> String? {
        if let found = Self.batchNorm(in: config, of: className) { return found }
        let hasStatistics = names.contains { name in
            let stem = name.hasSuffix(":0") ? name.dropLast(2) : name[...]
            return stem.hasSuffix("moving_mean") || stem.hasSuffix("running_mean")
        }
        return hasStatistics ? className : nil
    }

    private static func isBatchNorm(_ className: String) -> Bool {
        ["BatchNorm", "BatchRenorm"].contains { className.contains($0) }
    }

    /// The first class of a batch normalization in the configuration of a class. The parser bounds the depth.
    private static func batchNorm(in json: JSON, of owner: String) -> String? {
        let className = json["class_name"]?.string ?? owner
        if isBatchNorm(className) || json["moving_mean_initializer"] != nil { return className }
        for value in json.array ?? json.members?.map(\.value) ?? [] {
            if let found = batchNorm(in: value, of: className) { return found }
        }
        return nil
    }
}

extension NetworkError {
    /// The setting that is not supported, if that is the error.
    fileprivate var setting: OpaqueLayer.Setting? {
        guard case .unsupportedSetting(_, let name, let found, let expected) = self else { return nil }
        return OpaqueLayer.Setting(name: name, found: found.shortened, expected: expected)
    }
}

extension [Operation] {
    /// A layer's operations with the value of one of its outputs; only layers that are not computed have several.
    func selecting(_ tensor: Int, of layer: KerasPath) throws(NetworkError) -> [Operation] {
        if tensor == 0 { return self }
        guard count == 1, case .opaque(var opaque) = self[0] else {
            throw .malformedConfiguration(
                at: "layer '\(layer)'", expected: "a layer with one output, found a use of output \(tensor)")
        }
        opaque.output = tensor
        return [.opaque(opaque)]
    }
}
