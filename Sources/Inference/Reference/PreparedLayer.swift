import Networks
import Tensors

/// An operation with its loaded parameters.
package enum PreparedLayer {
    case plain
    /// Convolution or dense layer.
    case kernel([Float], bias: [Float])
    case affine(ChannelAffine)
    /// Group and layer normalization.
    case norm(gamma: [Float], beta: [Float])
    /// Slopes of a PReLU.
    case slopes(Tensor)

    /// Reads what the operation needs; `channels` is the innermost extent of its first operand.
    package init(_ operation: Operation, channels: Int, weights: Weights) throws {
        switch operation {
        case .convolution(let convolution):
            let bias = try weights.read(convolution.bias, count: convolution.outputs, else: 0)
            self = .kernel(try weights.kernel(of: convolution), bias: bias)
        case .transposedConvolution(let convolution):
            let kernel = try weights.read(convolution.kernel, count: convolution.kernelShape?.count ?? 0)
            let bias = try weights.read(convolution.bias, count: convolution.outputs, else: 0)
            self = .kernel(kernel, bias: bias)
        case .dense(let dense):
            let kernel = try weights.read(dense.kernel, count: dense.inputs * dense.outputs)
            self = .kernel(kernel, bias: try weights.read(dense.bias, count: dense.outputs, else: 0))
        case .batchNorm(let norm): self = .affine(try weights.affine(of: norm))
        case .groupNorm(let norm):
            self = .norm(
                gamma: try weights.read(norm.gamma, count: norm.channels, else: 1),
                beta: try weights.read(norm.beta, count: norm.channels, else: 0))
        case .layerNorm(let norm):
            self = .norm(
                gamma: try weights.read(norm.gamma, count: norm.channels, else: 1),
                beta: try weights.read(norm.beta, count: norm.channels, else: 0))
        case .prelu(let prelu): self = .slopes(try weights.slopes(of: prelu))
        case .scaleShift(let scale, let offset):
            self = .affine(ChannelAffine(scale: scale, offset: offset, channels: channels))
        case .standardizeInput(let mean, let variance):
            self = .affine(try weights.affine(mean: mean, variance: variance, channels: channels))
        default: self = .plain
        }
    }

    /// The operation's value, of the given shape.
    package func apply(_ operation: Operation, to operands: [Tensor], shape: Shape) -> Tensor {
        let x = operands[0]
        switch (operation, self) {
        case (.convolution(let convolution), .kernel(let kernel, let bias)):
            return Reference.convolve(x, convolution, kernel, bias, shape)
        case (.transposedConvolution(let convolution), .kernel(let kernel, let bias)):
            return Reference.convolve(x, transposed: convolution, kernel, bias, shape)
        case (.dense(let dense), .kernel(let kernel, let bias)):
            return Reference.multiply(x, dense, kernel, bias, shape)
        case (_, .affine(let affine)): return Reference.affine(x, affine)
        case (.groupNorm(let norm), .norm(let gamma, let beta)):
            return Reference.groupNorm(x, norm, gamma, beta)
        case (.layerNorm(let norm), .norm(let gamma, let beta)):
            return Reference.layerNorm(x, epsilon: norm.epsilon, gamma, beta)
        case (.activation(let activation), _): return Reference.activate(x, activation)
        case (.prelu, .slopes(let slopes)): return Reference.prelu(x, slopes)
        case (.pool(let pool), _): return Reference.pool(x, pool, shape)
        case (.globalPool(let kind, _), _): return Reference.globalPool(x, kind, shape)
        case (.zeroPad(let margins), _): return Reference.pad(x, margins, shape)
        case (.padChannels(let before, _), _): return Reference.padChannels(x, before: before, shape)
        case (.add, _): return Reference.broadcast(operands, shape, .sum)
        case (.multiply, _): return Reference.broadcast(operands, shape, .product)
        case (.merge(let merge), _): return Reference.broadcast(operands, shape, .merge(merge))
        case (.crop(let crop), _): return Reference.crop(x, crop, shape)
        case (.resize(let resize), _): return Reference.resize(x, resize, shape)
        case (.selectChannels(let channels, _), _): return Reference.selectChannels(x, channels, shape)
        case (.stack, _): return Reference.stack(operands, shape)
        case (.permute(let order), _): return Reference.permute(x, order, shape)
        case (.unitNorm(let epsilon), _): return Reference.unitNorm(x, epsilon: epsilon)
        case (.concatenate, _): return Reference.concatenate(operands, shape)
        case (.flatten, _), (.reshape, _): return x.reshaped(shape)
        case (.input, _), (.convolution, _), (.transposedConvolution, _), (.dense, _), (.batchNorm, _),
            (.groupNorm, _), (.layerNorm, _), (.prelu, _), (.scaleShift, _), (.standardizeInput, _),
            (.opaque, _):
            preconditionFailure("a layer is prepared for its own operation")
        }
    }
}
