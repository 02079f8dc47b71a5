import OrderedJSON

/// `TimeDistributed`: a layer or model that is applied to each step of a sequence alone. The steps are not computed here; the
/// norms inside are the same function of each step as elsewhere, so that they are converted.
package enum KerasTimeDistribution {
    /// The layer inside a record of `TimeDistributed` that has batch or group norms; nil for other records. What has none stays
    /// as it is.
    package static func layer(in record: JSON) -> JSON? {
        guard record["class_name"]?.string == "TimeDistributed",
            KerasModel.customClass(record, "TimeDistributed") == nil,
            let layer = record["config"]?["layer"], layer["config"]?["name"]?.string != nil, hasNorm(layer)
        else { return nil }
        return layer
    }

    /// The layer inside as a model, whose inputs are one step. Its layers are named `outer/inner`, without a name between the
    /// two, as Keras names their weights.
    static func model(in record: JSON, path: String) throws(NetworkError) -> KerasModel? {
        guard let layer = layer(in: record) else { return nil }
        if let className = layer["class_name"]?.string, KerasModel.modelClasses.contains(className) {
            let model = try KerasModel(layer, path: path)
            return model.inputs.count == 1 && model.outputs.count == 1 ? model : nil
        }
        let members = [JSON.Member("name", .string(path)), JSON.Member("layers", .array([layer]))]
        return try KerasModel(
            .object([
                JSON.Member("class_name", .string("Sequential")), JSON.Member("config", .object(members)),
            ]), path: path)
    }

    /// Whether it is a norm, or a model with one. Other layers inside keep what they have inside.
    private static func hasNorm(_ layer: JSON) -> Bool {
        let className = layer["class_name"]?.string ?? ""
        guard KerasModel.customClass(layer, className) == nil else { return false }
        if className.hasSuffix("BatchNormalization") || className == "GroupNormalization" { return true }
        guard KerasModel.modelClasses.contains(className) else { return false }
        let layers = layer["config"]?["layers"]?.kerasList ?? layer["config"]?.array ?? []
        return layers.contains { hasNorm($0) || self.layer(in: $0) != nil }
    }
}
