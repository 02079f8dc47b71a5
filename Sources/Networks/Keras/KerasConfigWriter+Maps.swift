import OrderedJSON
import Tensors

/// Pooling, parts of maps and other sizes.
extension KerasConfigWriter {
    mutating func append(
        _ pool: Pool, _ name: String, _ node: Node, _ operands: [String]
    ) throws(NetworkError) {
        if case .margins(let margins) = pool.padding, margins != Margins(0) {
            // Zeros never win where nothing is negative; a mean counts them.
            guard pool.kind == .maximum, isNotNegative(node.inputs[0]) else {
                throw .noKerasLayer(layer: node.layer, for: "pooling that leaves its padding out")
            }
        }
        let padding = try margins(pool.padding, before: name, operands)
        append(
            pool.kind == .maximum ? "MaxPooling2D" : "AveragePooling2D", name,
            [
                ("pool_size", pair(pool.size)), ("strides", pair(pool.strides)),
                ("padding", .string(padding.text)), ("data_format", .string("channels_last")),
            ], [padding.operand])
    }

    private func isNotNegative(_ node: Int) -> Bool {
        switch network.nodes[node].operation {
        case .activation(.relu), .activation(.clippedReLU), .activation(.sigmoid): true
        case .pool, .zeroPad: isNotNegative(network.nodes[node].inputs[0])
        default: false
        }
    }

    mutating func append(_ crop: Crop, _ name: String, _ operands: [String]) {
        switch crop {
        case .margins(let margins):
            append("Cropping2D", name, [("cropping", padding(margins))], operands)
        case .centre(let size): append("CenterCrop", name, sizeSettings(size), operands)
        }
    }

    mutating func append(_ resize: Resize, _ name: String, _ operands: [String]) {
        let interpolation = ("interpolation", JSON.string(resize.interpolation.rawValue))
        switch resize.target {
        case .size(let size):
            var settings = sizeSettings(size) + [interpolation, ("antialias", .bool(resize.isAntialiased))]
            switch resize.aspectRatio {
            case .stretched: break
            case .cropped: settings.append(("crop_to_aspect_ratio", .bool(true)))
            case .padded(let value):
                settings += [("pad_to_aspect_ratio", .bool(true)), ("fill_value", .double(Double(value)))]
            }
            append("Resizing", name, settings, operands)
        case .factors(let factors):
            append("UpSampling2D", name, [("size", pair(factors)), interpolation], operands)
        }
    }

    mutating func append(_ convolution: TransposedConvolution, _ name: String, _ operands: [String]) {
        append(
            "Conv2DTranspose", name,
            [
                ("filters", .int(convolution.outputs)), ("kernel_size", pair(convolution.size)),
                ("strides", pair(convolution.strides)),
                ("padding", .string(convolution.isSame ? "same" : "valid")),
                ("dilation_rate", pair(convolution.dilation)),
                ("output_padding", convolution.outputPadding.map(pair) ?? .null),
                ("use_bias", .bool(convolution.bias != nil)),
            ], operands)
        keep([(convolution.kernel, "kernel"), (convolution.bias, "bias")], name)
    }

    private func sizeSettings(_ size: Extent) -> [(String, JSON)] {
        [("height", .int(size.height)), ("width", .int(size.width))]
    }
}
