import Networks
import Tensors

/// The parameters of a network as its engines read them: checked, by name.
package struct Weights {
    private let parameters: ParameterTable

    package init(_ parameters: ParameterTable) { self.parameters = parameters }

    /// A parameter of exactly `count` finite values.
    package func read(_ name: String, count: Int) throws -> [Float] {
        guard let parameter = parameters[name] else { throw InferenceError.missingParameter(name) }
        guard parameter.shape.count == count else {
            throw InferenceError.wrongParameterShape(
                name: name, found: parameter.shape, expected: "\(count) values")
        }
        let values = try parameter.read().values
        if let index = values.firstNonFinite {
            throw InferenceError.nonFiniteParameter(name: name, index: index)
        }
        return values
    }

    /// A parameter that may be missing from the layer, in which case all its values are `fallback`.
    package func read(_ name: String?, count: Int, else fallback: Float) throws -> [Float] {
        try name.map { try read($0, count: count) } ?? [Float](repeating: fallback, count: count)
    }

    /// A parameter of exactly `count` finite values, none below zero.
    package func readVariance(_ name: String, count: Int) throws -> [Float] {
        let values = try read(name, count: count)
        if let index = values.firstIndex(where: { $0 < 0 }) {
            throw InferenceError.negativeVariance(name: name, index: index)
        }
        return values
    }

    /// A convolution's kernel.
    package func kernel(of convolution: Convolution) throws -> [Float] {
        let count = convolution.kernelShape?.count ?? 0
        return try read(convolution.kernel, count: count)
    }

    /// The slopes of a PReLU.
    package func slopes(of prelu: PReLU) throws -> Tensor {
        let shape = Shape(prelu.shape)
        return Tensor(shape: shape, values: try read(prelu.slopes, count: shape.count))
    }

    /// The slopes for every element of a map, or for each channel alone where positions share them.
    package func slopes(of prelu: PReLU, map: Shape) throws -> [Float] {
        let slopes = try slopes(of: prelu)
        let isPerChannel = prelu.shape.dropLast().allSatisfy { $0 == 1 }
        let spread: Shape = isPerChannel ? [map[-1]] : map
        let strides = BroadcastStrides(isPerChannel ? [slopes.shape[-1]] : slopes.shape, to: spread)
        return (0..<spread.count).map { slopes.values[strides.source(of: $0)] }
    }

    /// Batch normalization at inference as y = x·scale + shift, in Double.
    package func affine(of norm: BatchNorm) throws -> ChannelAffine {
        let gamma = try read(norm.gamma, count: norm.channels, else: 1)
        let beta = try read(norm.beta, count: norm.channels, else: 0)
        let mean = try read(norm.mean, count: norm.channels)
        let variance = try readVariance(norm.variance, count: norm.channels)
        let scale = (0..<norm.channels).map {
            Double(gamma[$0]) / (Double(variance[$0]) + norm.epsilon).squareRoot()
        }
        let shift = (0..<norm.channels).map { Double(beta[$0]) - Double(mean[$0]) * scale[$0] }
        return ChannelAffine(scale: scale, shift: shift)
    }

    /// Keras' Normalization as y = x·scale + shift.
    package func affine(mean: String, variance: String, channels: Int) throws -> ChannelAffine {
        let mean = try read(mean, count: channels)
        let variance = try readVariance(variance, count: channels)
        let scale = variance.map { 1 / max(Double($0).squareRoot(), 1e-7) }
        return ChannelAffine(scale: scale, shift: zip(mean, scale).map { -Double($0) * $1 })
    }
}

/// y = x·scale + shift, a pair for each channel.
package struct ChannelAffine {
    package var scale: [Double]
    package var shift: [Double]

    /// The values of a layer's configuration, of which one may stand for all channels.
    package init(scale: [Float], offset: [Float], channels: Int) {
        func spread(_ values: [Float]) -> [Double] {
            values.count == 1
                ? [Double](repeating: Double(values[0]), count: channels) : values.map(Double.init)
        }
        self.init(scale: spread(scale), shift: spread(offset))
    }

    package init(scale: [Double], shift: [Double]) {
        self.scale = scale
        self.shift = shift
    }
}

/// Element distances in a stored kernel, whatever its layout.
package struct KernelStrides {
    package var group: Int
    package var output: Int
    package var input: Int
    package var depth: Int
    package var row: Int
    package var column: Int

    /// Distances for a convolution's kernel; outputs and inputs count within a group.
    package init(_ convolution: Convolution) {
        let (rows, columns) = (convolution.size.height, convolution.size.width)
        let inputs = convolution.inputs / convolution.groups
        let outputs = convolution.outputs / convolution.groups
        switch convolution.kernelLayout {
        case .hwio:
            column = inputs * convolution.outputs
            row = columns * column
            depth = rows * row
            (group, output, input) = (outputs, 1, convolution.outputs)
        case .oihw, .flattened:
            (column, row, depth) = (1, columns, rows * columns)
            input = convolution.size.depth * depth
            output = inputs * input
            group = outputs * output
        case .hwim:
            column = convolution.outputs
            row = columns * column
            depth = rows * row
            (group, output, input) = (outputs, 1, outputs)
        }
    }
}

extension ParameterTable {
    /// Batch normalization at inference as y = x·scale + shift per channel. Throws `InferenceError`.
    package func affine(of norm: BatchNorm) throws -> (scale: [Double], shift: [Double]) {
        let affine = try Weights(self).affine(of: norm)
        return (affine.scale, affine.shift)
    }
}
