import Checkpoints
import Foundation
import NormConvKit
import Tensors

/// Keras networks with layers that normconv does not compute.
enum OpaqueNetwork {
    /// A layer's record in a Sequential configuration.
    static func layer(_ className: String, _ name: String, _ settings: String = "") -> String {
        #"{"module": "keras.layers", "class_name": "\#(className)", "config": {"name": "\#(name)"\#(settings.isEmpty ? "" : ", " + settings)}}"#
    }

    static let input = layer("InputLayer", "input", #""batch_shape": [null, 2, 2, 1]"#)
    static let convolution = layer(
        "Conv2D", "conv", #""filters": 8, "kernel_size": [2, 2], "padding": "same", "use_bias": true"#)
    static let norm = layer(
        "BatchNormalization", "norm", #""axis": -1, "epsilon": 0.001, "center": true, "scale": true"#)
    static let head = [
        layer("Flatten", "flatten"), layer("Dense", "head", #""units": 3, "activation": "softmax""#),
    ]

    /// Image, a Lambda, a convolution with its norm, a layer with weights of its own, a classifier.
    static let usual = [input, layer("Lambda", "scale"), convolution, norm, layer("Slope", "slope")] + head

    static func sequential(_ layers: [String]) -> String {
        #"{"class_name": "Sequential", "config": {"name": "made", "layers": [\#(layers.joined(separator: ", "))]}}"#
    }

    static let parameters: [(String, [Int])] = [
        ("conv/kernel", [2, 2, 1, 8]), ("conv/bias", [8]), ("norm/gamma", [8]), ("norm/beta", [8]),
        ("norm/moving_mean", [8]), ("norm/moving_variance", [8]), ("slope/alpha", [2, 2, 8]),
        ("head/kernel", [32, 3]), ("head/bias", [3]),
    ]

    /// Writes a network; values are positive, as variances have to be.
    static func write(
        to path: String, config: String = sequential(usual), parameters: [(String, [Int])] = parameters,
        layout: OutputLayout = .keras3
    ) throws {
        let table = parameters.map { name, extents in
            let shape = Shape(extents)
            let tensor = Tensor(
                shape: shape, values: (0..<shape.count).map { 0.25 + Float($0 * 7 % 11) / 8 })
            return Parameter(name: name, shape: shape, elementType: .float32) { tensor }
        }
        try NewCheckpoint(
            parameters: ParameterTable(table), isKeras: true, modelConfig: config, note: "{}"
        ).write(to: path, layout: layout, overwrite: true)
    }
}
