/// An input layer of a Keras model.
struct KerasInput {
    /// The layer's name.
    let layer: String
    /// Extents with the batch, as the layer declares them; empty if it does not.
    private let shape: [Int?]
    private let dataFormat: KerasDataFormat

    init(_ layer: KerasModel.Layer, _ dataFormat: KerasDataFormat) {
        self.layer = layer.name
        self.dataFormat = dataFormat
        if case .input(let shape) = layer.content { self.shape = shape } else { shape = [] }
    }

    /// The image that the layer takes: `[batch, height, width, channels]`, steps `[batch, steps, channels]` or a volume
    /// `[batch, depth, height, width, channels]`, or any with the channels first. Nil for anything else.
    var image: Network.Input? {
        let isFirst = dataFormat == .channelsFirst
        guard (3...5).contains(shape.count), let channels = isFirst ? shape[1] : shape[shape.count - 1] else {
            return nil
        }
        return Network.Input(
            extents: isFirst ? Array(shape.dropFirst(2)) : Array(shape.dropFirst().dropLast()),
            channels: channels)
    }

    /// The network's input if this is its first.
    var networkInput: Network.Input {
        if let image { return image }
        var input = Network.Input(height: nil, width: nil, channels: extents.innermost ?? 1)
        input.extents = Array(shape.dropFirst())
        return input
    }

    /// What is known of the value.
    var extents: KerasSettings.Extents {
        if let image {
            let extents = KerasSettings.Extents(rank: image.dimensions + 1, innermost: image.channels)
            return image.dimensions == 1 ? extents.ofSteps : extents
        }
        guard shape.count > 1 else { return KerasSettings.Extents(rank: nil, innermost: nil) }
        let isPlain = dataFormat == .channelsLast || shape.count == 2
        return KerasSettings.Extents(rank: shape.count - 1, innermost: isPlain ? shape[shape.count - 1] : nil)
    }

    /// The layer as one that is not computed: of `count` inputs, or of one that is no image.
    func opaque(of count: Int) -> Operation {
        let setting: OpaqueLayer.Setting
        if count > 1 {
            setting = OpaqueLayer.Setting(name: "number of input layers", found: "\(count)", expected: "1")
        } else {
            let text = shape.map { $0.map(String.init) ?? "null" }.joined(separator: ", ")
            setting = OpaqueLayer.Setting(
                name: "batch_shape", found: shape.isEmpty ? "unknown" : "[\(text)]",
                expected: dataFormat == .channelsLast
                    ? "[null, height, width, channels]" : "[null, channels, height, width]")
        }
        return .opaque(OpaqueLayer(className: "InputLayer", setting: setting))
    }
}
