import Networks
import Tensors

/// The operations of the plain engine on one image: obvious loops, sums in Double, rounded once.
package enum Reference {
    /// Cross-correlation: y[d,r,c,o] = b[o] + Σ x[d·s + h·e − front, r·s + i·e − top, c·s + j·e − left, k]·w[h,i,j,k,o], the
    /// strides s and dilations e those of the dimension. Maps have one d, kernels of maps one h.
    package static func convolve(
        _ x: Tensor, _ convolution: Convolution, _ kernel: [Float], _ bias: [Float], _ shape: Shape
    ) -> Tensor {
        let taps = Taps(convolution, x.shape.mapExtent)
        let strides = KernelStrides(convolution)
        let inputs = convolution.inputs / convolution.groups
        let outputs = convolution.outputs / convolution.groups
        var y = Tensor(shape: shape, repeating: 0)
        var sums = [Double](repeating: 0, count: outputs)
        for position in 0..<shape.count / max(shape[-1], 1) {
            let seen = taps.seen(from: shape.mapExtent.place(position))
            for group in 0..<convolution.groups {
                for output in 0..<outputs { sums[output] = Double(bias[group * outputs + output]) }
                for (source, tap) in seen {
                    let source = source * convolution.inputs + group * inputs
                    let tap =
                        group * strides.group + tap[0] * strides.depth + tap[1] * strides.row
                        + tap[2] * strides.column
                    for input in 0..<inputs {
                        let value = Double(x.values[source + input])
                        let first = tap + input * strides.input
                        for output in 0..<outputs {
                            sums[output] += value * Double(kernel[first + output * strides.output])
                        }
                    }
                }
                let start = position * convolution.outputs + group * outputs
                for output in 0..<outputs { y.values[start + output] = Float(sums[output]) }
            }
        }
        return y
    }

    /// A dense layer over the innermost dimension.
    package static func multiply(
        _ x: Tensor, _ dense: Dense, _ kernel: [Float], _ bias: [Float], _ shape: Shape
    ) -> Tensor {
        let (inputStride, outputStride) =
            dense.kernelIsTransposed ? (1, dense.inputs) : (dense.outputs, 1)
        var y = Tensor(shape: shape, repeating: 0)
        for position in 0..<x.shape.count / dense.inputs {
            for output in 0..<dense.outputs {
                var sum = Double(bias[output])
                for input in 0..<dense.inputs {
                    let weight = kernel[input * inputStride + output * outputStride]
                    sum += Double(x.values[position * dense.inputs + input]) * Double(weight)
                }
                y.values[position * dense.outputs + output] = Float(sum)
            }
        }
        return y
    }

    /// x·scale + shift per channel.
    package static func affine(_ x: Tensor, _ affine: ChannelAffine) -> Tensor {
        let channels = affine.scale.count
        return x.indexed { index, value in
            Float(Double(value) * affine.scale[index % channels] + affine.shift[index % channels])
        }
    }

    /// Statistics over positions and a group's consecutive channels, variance from the mean's own deviations.
    package static func groupNorm(_ x: Tensor, _ norm: GroupNorm, _ gamma: [Float], _ beta: [Float]) -> Tensor
    {
        let perGroup = norm.channels / norm.groups
        let members = Double(x.shape.count / norm.groups)
        var means = [Double](repeating: 0, count: norm.groups)
        var variances = means
        for (index, value) in x.values.enumerated() {
            means[index % norm.channels / perGroup] += Double(value) / members
        }
        for (index, value) in x.values.enumerated() {
            let group = index % norm.channels / perGroup
            let deviation = Double(value) - means[group]
            variances[group] += deviation * deviation / members
        }
        return x.indexed { index, value in
            let (channel, group) = (index % norm.channels, index % norm.channels / perGroup)
            let normalized = (Double(value) - means[group]) / (variances[group] + norm.epsilon).squareRoot()
            return Float(normalized * Double(gamma[channel]) + Double(beta[channel]))
        }
    }

    /// Statistics over the channels of each position.
    package static func layerNorm(_ x: Tensor, epsilon: Double, _ gamma: [Float], _ beta: [Float]) -> Tensor {
        let channels = gamma.count
        var y = x
        for start in stride(from: 0, to: x.shape.count, by: channels) {
            let values = x.values[start..<start + channels].map(Double.init)
            let mean = values.reduce(0, +) / Double(channels)
            let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(channels)
            let scale = 1 / (variance + epsilon).squareRoot()
            for channel in 0..<channels {
                let normalized = (values[channel] - mean) * scale
                y.values[start + channel] = Float(normalized * Double(gamma[channel]) + Double(beta[channel]))
            }
        }
        return y
    }

    /// A function of each element, or softmax over the innermost dimension.
    package static func activate(_ x: Tensor, _ activation: Activation) -> Tensor {
        if let scalar = activation.scalar { return x.indexed { scalar($1) } }
        var y = x
        y.values.withUnsafeMutableBufferPointer { softmax($0, features: x.shape[-1]) }
        return y
    }

    /// x where positive, slope·x elsewhere.
    package static func prelu(_ x: Tensor, _ slopes: Tensor) -> Tensor {
        let strides = BroadcastStrides(slopes.shape, to: x.shape)
        return x.indexed { index, value in
            value < 0 ? Float(Double(value) * Double(slopes.values[strides.source(of: index)])) : value
        }
    }

    /// Maximum or average over the part of each window that lies in the map.
    package static func pool(_ x: Tensor, _ pool: Pool, _ shape: Shape) -> Tensor {
        let taps = Taps(pool, x.shape.mapExtent)
        let channels = shape[-1]
        var y = Tensor(shape: shape, repeating: 0)
        for position in 0..<shape.count / max(shape[-1], 1) {
            let seen = taps.seen(from: shape.mapExtent.place(position))
            for channel in 0..<channels {
                let values = seen.lazy.map { x.values[$0.source * channels + channel] }
                y.values[position * channels + channel] = summary(of: values, pool.kind)
            }
        }
        return y
    }

    /// Maximum or average over all positions.
    package static func globalPool(_ x: Tensor, _ kind: Pool.Kind, _ shape: Shape) -> Tensor {
        let channels = x.shape[-1]
        let values = (0..<channels).map { channel in
            summary(
                of: stride(from: channel, to: x.shape.count, by: channels).lazy.map { x.values[$0] }, kind)
        }
        return Tensor(shape: shape, values: values)
    }

    private static func summary(of values: some Sequence<Float>, _ kind: Pool.Kind) -> Float {
        var (sum, count, largest) = (0.0, 0.0, -Float.infinity)
        for value in values {
            sum += Double(value)
            count += 1
            largest = value > largest || value.isNaN ? value : largest
        }
        return kind == .maximum ? largest : Float(sum / count)
    }

    /// Zeros around a map.
    package static func pad(_ x: Tensor, _ margins: Margins, _ shape: Shape) -> Tensor {
        var y = Tensor(shape: shape, repeating: 0)
        let (map, channels) = (shape.mapExtent, shape[-1])
        for position in 0..<x.shape.count / max(channels, 1) {
            let place = x.shape.mapExtent.place(position)
            let row = (place[0] + margins.front) * map.height + place[1] + margins.top
            let target = (row * map.width + place[2] + margins.left) * channels
            for channel in 0..<channels {
                y.values[target + channel] = x.values[position * channels + channel]
            }
        }
        return y
    }

    /// Zero channels before and after a map's own.
    package static func padChannels(_ x: Tensor, before: Int, _ shape: Shape) -> Tensor {
        var y = Tensor(shape: shape, repeating: 0)
        for (index, value) in x.values.enumerated() {
            y.values[index / x.shape[-1] * shape[-1] + before + index % x.shape[-1]] = value
        }
        return y
    }

    /// The operands combined from left to right, right-aligned, extents of 1 stretched.
    package static func broadcast(
        _ operands: [Tensor], _ shape: Shape, _ combine: Combination
    ) -> Tensor {
        let divisor = Double(combine.divisor(operands: operands.count))
        let strides = operands.map { BroadcastStrides($0.shape, to: shape) }
        return Tensor(shape: shape, repeating: 0).indexed { index, _ in
            var result = Double(operands[0].values[strides[0].source(of: index)])
            for (operand, stride) in zip(operands, strides).dropFirst() {
                result = combine(result, Double(operand.values[stride.source(of: index)]))
            }
            return Float(result / divisor)
        }
    }

    /// The operands' innermost dimensions one after another.
    package static func concatenate(_ operands: [Tensor], _ shape: Shape) -> Tensor {
        var values: [Float] = []
        values.reserveCapacity(shape.count)
        for position in 0..<shape.count / max(shape[-1], 1) {
            for operand in operands {
                let features = operand.shape[-1]
                values += operand.values[position * features..<(position + 1) * features]
            }
        }
        return Tensor(shape: shape, values: values)
    }
}

extension Tensor {
    /// The tensor of what a function makes of each flat index and value.
    fileprivate func indexed(_ transform: (Int, Float) -> Float) -> Tensor {
        Tensor(shape: shape, values: values.enumerated().map { transform($0.offset, $0.element) })
    }
}
