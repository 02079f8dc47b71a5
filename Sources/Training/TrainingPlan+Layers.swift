import Inference
import Networks
import Tensors

/// What a program reads of a plan's layers.
extension TrainingPlan {
    /// A convolution or dense layer and the extents of its maps.
    func convolutionShape(
        _ index: Int
    ) -> (convolution: Convolution, input: Shape, output: Shape)? {
        let node = network.nodes[index]
        switch node.operation {
        case .convolution(let convolution):
            return (convolution, shapes[node.inputs[0]], shapes[index])
        case .dense(let dense):
            let positions = shapes[index].count / dense.outputs
            return (dense.convolution, [1, positions, dense.inputs], [1, positions, dense.outputs])
        default: return nil
        }
    }

    func slopes(_ weights: Weights) throws -> [Int: [Float]] {
        var slopes: [Int: [Float]] = [:]
        for index in order {
            guard case .prelu(let prelu) = network.nodes[index].operation else { continue }
            slopes[index] = try weights.slopes(of: prelu, map: shapes[index])
        }
        return slopes
    }

    func steps() -> [Int: StepOperation] {
        var steps: [Int: StepOperation] = [:]
        for index in order where index != 0 {
            let node = network.nodes[index]
            steps[index] = StepOperation(node.operation, from: shapes[node.inputs[0]], to: shapes[index])
        }
        return steps
    }

    func transposed(_ weights: Weights) throws -> [Int: TransposedConvolutionStep] {
        var steps: [Int: TransposedConvolutionStep] = [:]
        for index in order {
            let node = network.nodes[index]
            guard case .transposedConvolution(let convolution) = node.operation else { continue }
            steps[index] = try weights.step(
                of: convolution, input: shapes[node.inputs[0]], output: shapes[index])
        }
        return steps
    }

    /// The most channels of a norm.
    var normChannels: Int {
        order.map { index in
            switch network.nodes[index].operation {
            case .batchNorm(let norm): norm.channels
            case .groupNorm(let norm): norm.channels
            default: 0
            }
        }.max() ?? 0
    }

    func groupNorms(_ sums: NormSums) throws -> [Int: TrainedGroupNorm] {
        var norms: [Int: TrainedGroupNorm] = [:]
        for index in order {
            guard case .groupNorm(let norm) = network.nodes[index].operation else { continue }
            norms[index] = try TrainedGroupNorm(norm, sums)
        }
        return norms
    }

    func trainedBatchNorms(
        _ weights: Weights, _ sums: NormSums
    ) throws -> [Int: TrainedBatchNorm] {
        guard batchNorms != .frozen else { return [:] }
        var norms: [Int: TrainedBatchNorm] = [:]
        for index in order {
            let node = network.nodes[index]
            guard case .batchNorm(let norm) = node.operation else { continue }
            norms[index] = try TrainedBatchNorm(
                norm, node: index, layer: node.layer, map: shapes[index], mode: batchNorms, sums, weights)
        }
        return norms
    }

    /// What trained layers need and the layout does not hold.
    func constants(
        _ weights: Weights, beside layout: ParameterLayout
    ) throws -> [String: [Float]] {
        var constants: [String: [Float]] = [:]
        func add(_ name: String?, _ read: (String) throws -> [Float]) throws {
            guard let name, layout[name] == nil, constants[name] == nil else { return }
            constants[name] = try read(name)
        }
        for index in order {
            if let convolution = convolutionShape(index)?.convolution {
                let size = convolution.outputs * convolution.filterSize
                try add(convolution.kernel) { convolution.filters(try weights.read($0, count: size)) }
                try add(convolution.bias) { try weights.read($0, count: convolution.outputs) }
            }
            if case .groupNorm(let norm) = network.nodes[index].operation {
                for name in [norm.gamma, norm.beta] {
                    try add(name) { try weights.read($0, count: norm.channels) }
                }
            }
        }
        return constants
    }

    func affines(_ weights: Weights) throws -> [Int: FixedAffine] {
        var affines: [Int: ChannelAffine] = [:]
        for index in order {
            let channels = shapes[index][-1]
            switch network.nodes[index].operation {
            case .batchNorm(let norm) where batchNorms == .frozen:
                affines[index] = try weights.affine(of: norm)
            case .scaleShift(let scale, let offset):
                affines[index] = ChannelAffine(scale: scale, offset: offset, channels: channels)
            case .standardizeInput(let mean, let variance):
                affines[index] = try weights.affine(mean: mean, variance: variance, channels: channels)
            default: break
            }
        }
        return affines.mapValues(FixedAffine.init)
    }
}
