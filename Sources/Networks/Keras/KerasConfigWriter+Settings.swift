import OrderedJSON
import Tensors

/// Settings of layers as Keras writes them.
extension KerasConfigWriter {
    func settings(_ convolution: Convolution, _ padding: String) -> [(String, JSON)] {
        [
            ("filters", .int(convolution.outputs)), ("kernel_size", pair(convolution.size)),
            ("strides", pair(convolution.strides)), ("padding", .string(padding)),
            ("data_format", .string("channels_last")), ("dilation_rate", pair(convolution.dilation)),
            ("groups", .int(convolution.groups)), ("activation", .string("linear")),
            ("use_bias", .bool(convolution.bias != nil)),
        ]
    }

    func settings(_ gamma: String?, _ beta: String?, _ epsilon: Double) -> [(String, JSON)] {
        [
            ("axis", .int(-1)), ("epsilon", .double(epsilon)), ("center", .bool(beta != nil)),
            ("scale", .bool(gamma != nil)),
        ]
    }

    func pair(_ extent: Extent) -> JSON { .array([.int(extent.height), .int(extent.width)]) }

    func padding(_ margins: Margins) -> JSON {
        .array([
            .array([.int(margins.top), .int(margins.bottom)]),
            .array([.int(margins.left), .int(margins.right)]),
        ])
    }

    func numbers(_ values: [Float]) -> JSON {
        values.count == 1 ? number(values[0]) : .array(values.map(number))
    }

    func number(_ value: Float) -> JSON { .double(Double(value)) }
}
