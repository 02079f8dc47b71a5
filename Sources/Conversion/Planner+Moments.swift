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
        case .concatenate: .concatenated([first] + rest)
        case .padChannels(let before, let after):
            .concatenated([.zero(channels: before), first, .zero(channels: after)])
        case .scaleShift(let scale, let offset):
            first.scaled(
                by: stretched(scale, to: first.channels), offset: stretched(offset, to: first.channels))
        case .reshape(let extents):
            if let last = extents.last, last > 0 { first.tiled(to: last) } else { first }
        case .pool, .globalPool, .zeroPad, .flatten, .input, .convolution, .dense, .batchNorm, .groupNorm,
            .layerNorm, .standardizeInput, .opaque:
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

    /// The moments of a convolution's input. Those of the network's own input are unknown: the mean per colour
    /// then follows by least squares from the stored statistics of the convolution's output, one variance for all
    /// colours from σ²ₒ = Var[x]·ΣW²ₒ.
    mutating func inputMoments(
        _ input: Int, _ kernel: Tensor, _ geometry: KernelGeometry, bias: [Double]?,
        statistics: ChannelStatistics?
    ) -> Moments {
        if let known = moments[input] { return known.tiled(to: geometry.inputs) }
        var result = Moments.standard(channels: geometry.inputs)
        guard needsMoments, let statistics else { return result }
        let outputMean = bias.map { zip(statistics.mean, $0).map { $0 - $1 } } ?? statistics.mean
        if let mean = inputMean(kernel, geometry, outputMean: outputMean) { result.mean = mean }
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
    /// Layers that are not computed and that another layer reads, where nothing is known of their values: inputs and
    /// convolutions are none of them.
    var layersWithoutMoments: [UncomputedLayer] {
        let read = Set(nodes.flatMap(\.inputs))
        let unknown = nodes.indices.filter { index in
            if case .convolution = nodes[index].operation { return false }
            return read.contains(index) && !nodes[index].inputs.isEmpty
        }
        let layers = Set(unknown.map { nodes[$0].layer })
        return uncomputedLayers.filter { layers.contains($0.layer) }
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
