import OrderedJSON

/// The order of a Keras model's maps. Kernels are the same in both: rows, columns, inputs, outputs.
///
/// A model with channels first is the same network on transposed maps as long as no layer's meaning hangs on the order:
/// axes are the channels', flattening is Keras' own, which puts channels last, and what is merged has one rank.
enum KerasDataFormat: String {
    case channelsLast = "channels_last"
    case channelsFirst = "channels_first"

    /// Channels first where a layer, in a model inside too, says so. `Flatten` follows the layers before it.
    init(of model: KerasModel) {
        self = Self.isFirst(model) ? .channelsFirst : .channelsLast
    }

    private static func isFirst(_ model: KerasModel) -> Bool {
        model.layers.contains { layer in
            switch layer.content {
            case .input, .custom: false
            case .layer("Flatten", _): false
            case .layer(_, let settings): settings["data_format"]?.string == channelsFirst.rawValue
            case .model(let inner), .timeDistributed(let inner): isFirst(inner)
            }
        }
    }
}

extension KerasSettings {
    /// How errors call the order of an operand's dimensions.
    static let inputOrder = "order of its input"

    private static let remedy =
        "build the model with keras.config.set_image_data_format('channels_last') and load the same weights; "
        + "kernels are equal in both formats"

    /// Refuses a layer with another order than the model's. Layers of steps without the setting have channels last.
    func requireDataFormat() throws(NetworkError) {
        if dimensions == 1, dataFormat == .channelsFirst, config["data_format"] == nil {
            throw unsupported(
                "data_format", expected: "channels_first, or channels last in the whole model: \(Self.remedy)"
            )
        }
        guard let format = config["data_format"], !format.isNull, format.string != dataFormat.rawValue else {
            return
        }
        throw unsupported("data_format", expected: "\(dataFormat.rawValue), as in the model's other layers")
    }

    /// Refuses an `axis` (a number, or a list of one) that is not the channels'.
    func requireChannelAxis(_ key: String = "axis") throws(NetworkError) {
        let rank = operands.lazy.compactMap(\.rank).first
        let isFirst = dataFormat == .channelsFirst && operands.contains(where: \.isMap)
        guard let json = config[key] else {
            if isFirst { throw unsupported(key, expected: "1, the channels") }
            return
        }
        let axes = json.kerasList ?? [json]
        let allowed = isFirst ? [1, -(rank ?? 3)] : rank.map { [-1, $0] } ?? [-1]
        guard axes.count == 1, let axis = axes[0].int, allowed.contains(axis) else {
            throw unsupported(key, expected: "\(allowed[0]), the channels")
        }
    }

    /// Refuses a map with channels first before a layer that works on its last dimension, and a value of this rank or of
    /// unknown rank, which may be one.
    func requireChannelsLastMap(ofRank rank: Int? = nil) throws(NetworkError) {
        guard dataFormat == .channelsFirst, operand.rank == rank || operand.isMap else { return }
        throw notOnMaps(expected: "channels last before \(className): \(Self.remedy)")
    }

    /// Refuses to merge a vector with a map that has its channels first: Keras would spread it over the columns.
    func requireOneRank() throws(NetworkError) {
        guard dataFormat == .channelsFirst,
            Set(operands.map(\.rank)).count > 1 || Set(operands.map(\.isSteps)).count > 1
        else { return }
        throw notOnMaps(expected: "operands of the same rank: \(Self.remedy)")
    }

    /// Refuses steps beside a value of two dimensions that is not known to be steps.
    func requireOneForm() throws(NetworkError) {
        guard Set(operands.filter { $0.rank == 2 }.map(\.isSteps)).count > 1 else { return }
        throw .unsupportedSetting(
            layer: path.description, setting: "form of its inputs",
            found: "steps and other values of two dimensions", expected: "steps alone")
    }

    /// Refuses to flatten channels-first maps in their own order. Keras puts the channels last where the layer says
    /// `channels_first`.
    func requireFlattening() throws(NetworkError) {
        guard operand.rank != 1, operand.rank != 0 else { return }
        guard operand.rank != nil else { return try requireDataFormat() }
        let found = config["data_format"]?.string ?? KerasDataFormat.channelsLast.rawValue
        guard operand.isMap || found == KerasDataFormat.channelsLast.rawValue else {
            throw unsupported("data_format", expected: "channels_last for an input that is not a feature map")
        }
        guard !operand.isMap || found == dataFormat.rawValue else {
            throw unsupported(
                "data_format",
                expected: "\(dataFormat.rawValue), as in the model's other layers: \(Self.remedy)")
        }
    }

    /// The target of a reshape for maps and volumes with channels last: [channels, 1, 1] from a vector is
    /// [1, 1, channels].
    func channelsLast(_ target: [Int]) throws(NetworkError) -> [Int] {
        guard dataFormat == .channelsFirst, operand.isMap || (3...4).contains(target.count) else {
            return target
        }
        guard operand.rank == 1, target.count > 2, target.dropFirst().allSatisfy({ $0 == 1 }) else {
            throw unsupported(
                "target_shape",
                expected: "[channels, 1, 1] or [channels, 1, 1, 1] from a vector: \(Self.remedy)")
        }
        return target.reversed()
    }

    private func notOnMaps(expected: String) -> NetworkError {
        .unsupportedSetting(
            layer: path.description, setting: Self.inputOrder,
            found: KerasDataFormat.channelsFirst.rawValue,
            expected: expected)
    }
}
