import Networks
import Tensors

extension Planner {
    /// The moments of a node that is neither a convolution nor batch normalization; its parameters are read and
    /// checked. Nil if its operands' moments are unknown or none are needed, and for a layer that is not computed.
    func propagatedMoments(_ index: Int) throws -> Moments? {
        let node = source.nodes[index]
        switch node.operation {
        case .dense(let dense): return try denseMoments(index, dense)
        case .groupNorm(let norm):
            let moments = try affineMoments(norm.gamma, norm.beta, norm.channels, layer: node.layer)
            return norm.axis == nil ? moments : nil
        case .layerNorm(let norm):
            return try affineMoments(norm.gamma, norm.beta, norm.channels, layer: node.layer)
        case .prelu(let prelu): return try preluMoments(index, prelu)
        case .standardizeInput(let mean, let variance):
            let count = reader.parameters[mean]?.shape.count ?? source.input.channels
            _ = try reader.vector(mean, count: count, layer: node.layer)
            _ = try reader.variance(variance, count: count, layer: node.layer)
            return .standard(channels: count)
        case .opaque: return nil
        default: break
        }
        let operands = node.inputs.compactMap { moments[$0] }
        guard needsMoments, operands.count == node.inputs.count, let first = operands.first else {
            return nil
        }
        return combined(node.operation, first, Array(operands.dropFirst()))
    }

    /// The moments of an operation without parameters.
    private func combined(_ operation: Operation, _ first: Moments, _ rest: [Moments]) -> Moments {
        switch operation {
        case .activation(let activation): first.activated(activation)
        case .add: rest.reduce(first, +)
        case .multiply: rest.reduce(first, *)
        case .merge(let merge): .merged([first] + rest, by: merge)
        case .unitNorm: first.atUnitLength()
        case .selectChannels(let channels, _): first.selecting(channels)
        case .stack: .concatenated(([first] + rest).map { $0.averaged(to: 1) })
        case .permute(let order):
            order.last == order.count - 1 ? first : first.averaged()
        case .concatenate: .concatenated([first] + rest)
        case .padChannels(let before, let after):
            .concatenated([.zero(channels: before), first, .zero(channels: after)])
        case .scaleShift(let scale, let offset):
            first.scaled(
                by: stretched(scale, to: first.channels), offset: stretched(offset, to: first.channels))
        case .reshape(let extents):
            if let last = extents.last, last > 0 { first.tiled(to: last) } else { first }
        case .pool, .globalPool, .zeroPad, .crop, .resize, .flatten, .input, .convolution,
            .transposedConvolution, .dense, .batchNorm, .groupNorm, .layerNorm, .prelu, .standardizeInput,
            .opaque:
            // Positions have equal moments, and pools are taken to keep them.
            first
        }
    }

    private func denseMoments(_ index: Int, _ dense: Dense) throws -> Moments? {
        let layer = source.nodes[index].layer
        let (inputs, outputs) = (dense.inputs, dense.outputs)
        guard let geometry = KernelGeometry(dense.convolution) else {
            throw ConversionError.inconsistentLayer(
                layer: layer, found: "a dense layer of \(inputs) to \(outputs) features",
                expected: "at least one of each")
        }
        let shape: Shape = dense.kernelIsTransposed ? [outputs, inputs] : [inputs, outputs]
        let kernel = try reader.read(dense.kernel, shape: shape, layer: layer)
        let bias = try reader.vector(dense.bias, count: outputs, layer: layer)
        guard needsMoments, let input = source.nodes[index].inputs.first, let known = moments[input] else {
            return nil
        }
        let operand = known.tiled(to: inputs)
        let sums = FilterSums(kernel, geometry, linear: operand.mean, quadratic: operand.variance)
        return Moments(
            mean: bias.map { zip($0, sums.linear).map { $0 + $1 } } ?? sums.linear, variance: sums.quadratic)
    }

    /// A transposed convolution stays as it is. An output sees the kernel's taps of one phase, on average one part in as
    /// many as windows are apart.
    mutating func visitTransposed(_ index: Int, _ convolution: TransposedConvolution) throws {
        let layer = source.nodes[index].layer
        guard let shape = convolution.kernelShape, convolution.inputs > 0, convolution.outputs > 0 else {
            throw ConversionError.inconsistentLayer(
                layer: layer,
                found: "transposed convolution of \(convolution.inputs) to \(convolution.outputs) channels",
                expected: "at least one of each")
        }
        let kernel = try reader.read(convolution.kernel, shape: shape, layer: layer)
        let bias = try reader.vector(convolution.bias, count: convolution.outputs, layer: layer)
        if options.standardization != .off {
            plan.report.leftAlone.append(ConversionReport.LeftAlone(layer: layer, reason: .transposed))
        }
        guard needsMoments, let input = source.nodes[index].inputs.first, let known = moments[input] else {
            return
        }
        let operand = known.tiled(to: convolution.inputs)
        let phases = Double(convolution.strides.height) * Double(convolution.strides.width)
        var (mean, variance) = (
            bias ?? [Double](repeating: 0, count: convolution.outputs),
            [Double](repeating: 0, count: convolution.outputs)
        )
        for (place, weight) in kernel.values.enumerated() {
            let (output, input) = (
                place / convolution.inputs % convolution.outputs, place % convolution.inputs
            )
            mean[output] += Double(weight) * operand.mean[input] / phases
            variance[output] += Double(weight) * Double(weight) * operand.variance[input] / phases
        }
        moments[index] = Moments(mean: mean, variance: variance)
    }

    /// Where positions have slopes of their own, a channel's are averaged.
    private func preluMoments(_ index: Int, _ prelu: PReLU) throws -> Moments? {
        let shape = Shape(prelu.shape)
        let slopes = try reader.read(prelu.slopes, shape: shape, layer: source.nodes[index].layer).values
        guard needsMoments, let input = source.nodes[index].inputs.first, let known = moments[input],
            let count = prelu.shape.last, count > 0
        else { return nil }
        var means = [Double](repeating: 0, count: count)
        for (index, slope) in slopes.enumerated() {
            means[index % count] += Double(slope) * Double(count) / Double(slopes.count)
        }
        return known.rectified(slopes: means)
    }

    /// A norm's output is taken as N(β, γ²).
    private func affineMoments(
        _ gamma: String?, _ beta: String?, _ channels: Int, layer: String
    ) throws -> Moments {
        let gamma = try reader.vector(gamma, count: channels, layer: layer)
        let beta = try reader.vector(beta, count: channels, layer: layer)
        return Moments(
            mean: beta ?? [Double](repeating: 0, count: channels),
            variance: gamma.map { $0.map { $0 * $0 } } ?? [Double](repeating: 1, count: channels))
    }

    /// The moments of a convolution's input. Those of the network's own input, and of what a layer gives that is not computed,
    /// are unknown: the mean per channel then follows by least squares from the stored statistics of the convolution's output,
    /// one variance for all channels from σ²ₒ = Var[x]·ΣW²ₒ.
    ///
    /// With all ReLUs hidden, ResNet-8 (groups of 8, weights standardized) keeps 58.0 % this way, 57.1 with ReLUs known, 17.6
    /// with means of 0; the thin ResNet-50, whose bottlenecks have more inputs than outputs, 59.0, 58.5, and 43.0 without those.
    mutating func inputMoments(
        _ input: Int, _ kernel: Tensor, _ geometry: KernelGeometry, bias: [Double]?,
        statistics: ChannelStatistics?
    ) -> Moments? {
        if let known = moments[input] { return known.tiled(to: geometry.inputs) }
        var result = Moments.standard(channels: geometry.inputs)
        guard needsMoments, let statistics else {
            return needsMoments && isBehindOpaque[input] ? nil : result
        }
        let outputMean = bias.map { zip(statistics.mean, $0).map { $0 - $1 } } ?? statistics.mean
        if let mean = inputMean(kernel, geometry, outputMean: outputMean) {
            result.mean = mean
        } else if isBehindOpaque[input] {
            return nil
        }
        let squares = kernel.values.reduce(0.0) { $0 + Double($1) * Double($1) }
        if squares > 0 {
            let variance = statistics.variance.reduce(0, +) / squares
            result.variance = [Double](repeating: variance, count: geometry.inputs)
        }
        moments[input] = result
        return result
    }
}

extension Network {
    /// For each node, whether it is or depends on a layer that hides the moments of its value.
    var isBehindOpaque: [Bool] {
        var isBehind = [Bool](repeating: false, count: nodes.count)
        for (index, node) in nodes.enumerated() where !node.inputs.isEmpty {
            isBehind[index] = node.hidesMoments || node.inputs.contains { isBehind[$0] }
        }
        return isBehind
    }

    /// Layers that are not computed and that a convolution depends on, where nothing is known of their values: inputs and
    /// convolutions are none of them.
    var layersWithoutMoments: [UncomputedLayer] {
        var leads = [Bool](repeating: false, count: nodes.count)
        for (index, node) in nodes.enumerated().reversed() {
            guard leads[index] || node.isConvolution else { continue }
            for input in node.inputs { leads[input] = true }
        }
        let unknown = nodes.indices.filter { leads[$0] && nodes[$0].hidesMoments }
        let layers = Set(unknown.map { nodes[$0].layer })
        return uncomputedLayers.filter { layers.contains($0.layer) }
    }
}

extension Node {
    /// Whether nothing is known of the moments of its value, whatever is known of its operands'. Inputs are none.
    fileprivate var hidesMoments: Bool {
        obstacle != nil && !inputs.isEmpty && !isConvolution
    }

    fileprivate var isConvolution: Bool {
        if case .convolution = operation { true } else { false }
    }
}

extension Moments {
    /// Channels of zeros.
    fileprivate static func zero(channels: Int) -> Moments {
        let zeros = [Double](repeating: 0, count: max(channels, 0))
        return Moments(mean: zeros, variance: zeros)
    }
}

/// One value per channel from one or as many; anything else is repeated from the start.
private func stretched(_ values: [Float], to count: Int) -> [Double] {
    values.isEmpty ? [] : (0..<count).map { Double(values[$0 % values.count]) }
}
