import Checkpoints
import HDF5
import Tensors

/// Networks and splits of which every output is known: an image's pixels are the values before the last activation.
package enum MadeNetwork {
    /// Writes a Keras network for images [1, `pixels`] of one channel, as many as outputs where it is nil: a dense layer
    /// that takes the first pixels as they are, behind a batch norm that changes next to nothing where `hasNorm`. `loss`
    /// is Keras' configuration of it, in JSON.
    package static func write(
        to path: String, outputs: Int, pixels: Int? = nil, activation: String, loss: String? = nil,
        hasNorm: Bool = false,
        layout: OutputLayout = .keras3
    ) throws {
        let pixels = pixels ?? outputs
        let norm = #"""
            {"class_name": "BatchNormalization", "config": {"name": "norm", "axis": -1, "epsilon": 0.001, \#
            "center": true, "scale": true}},
            """#
        let config = """
            {"class_name": "Sequential", "config": {"name": "made", "layers": [
            {"class_name": "InputLayer", "config": {"name": "input", "batch_shape": [null, 1, \(pixels), 1]}},
            \(hasNorm ? norm : "")
            {"class_name": "Flatten", "config": {"name": "flatten"}},
            {"class_name": "Dense", "config": {"name": "head", "units": \(outputs), "use_bias": true, \
            "activation": "\(activation)"}}]}\(loss.map { ", \"compile_config\": {\"loss\": \($0)}" } ?? "")}
            """
        var kernel = Tensor(shape: [pixels, outputs], repeating: 0)
        for index in 0..<outputs { kernel.values[index * (outputs + 1)] = 1 }
        var tensors = [("head/kernel", kernel), ("head/bias", Tensor(shape: [outputs], repeating: 0))]
        if hasNorm {
            let values: [(String, Float)] = [
                ("gamma", 1), ("beta", 0), ("moving_mean", 0), ("moving_variance", 0.999),
            ]
            tensors = values.map { ("norm/\($0.0)", Tensor(shape: [1], repeating: $0.1)) } + tensors
        }
        let parameters = tensors.map { name, tensor in
            Parameter(name: name, shape: tensor.shape, elementType: .float32) { tensor }
        }
        try NewCheckpoint(
            parameters: ParameterTable(parameters), isKeras: true, modelConfig: config, note: "{}"
        ).write(to: path, layout: layout, overwrite: true)
    }

    /// Writes a split of such images, [images, 1, pixels].
    package static func writeSplit(
        to path: String, _ images: [[Float]], labels: [UInt8], classNames: [String]? = nil
    ) throws {
        let output = try HDF5Output(creating: path)
        let pixels = images.flatMap { $0 }.withUnsafeBytes { Array($0) }
        try output.write(
            pixels, of: .float32, shape: [images.count, 1, images.first?.count ?? 0], to: "images")
        try output.write(labels, of: .uint8, shape: [labels.count], to: "labels")
        if let classNames {
            try output.write(classNames, toAttribute: "class_names", of: "/", form: .variableUTF8)
        }
        try output.close()
    }
}
