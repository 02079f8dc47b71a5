import CKernels
import Networks
import Tensors
import Inference

/// What all workers of a trainer share: the compiled convolutions and the norms as they currently are. Thread safe:
/// weights change only while no worker runs.
final class TrainingProgram: @unchecked Sendable {
    let plan: TrainingPlan
    let layout: ParameterLayout
    /// Images that a worker takes at a time.
    let batch: Int
    let convolutions: [Int: TrainingConvolution]
    /// Scales and shifts that are not trained: those of configurations, and batch normalization that stays.
    let affines: [Int: ChannelAffine]
    /// The slopes of PReLUs, which are not trained either.
    let slopes: [Int: [Float]]
    /// Parts of maps, other sizes and orders.
    let steps: [Int: StepOperation]
    /// Transposed convolutions, whose weights are not trained.
    let transposed: [Int: TransposedConvolutionStep]
    /// Group norms with the current gamma and beta.
    private(set) var norms: [Int: GroupNormStep] = [:]
    /// The weights as the convolutions see them: standardized where they are to be.
    private var effective: [Float]

    init(
        _ plan: TrainingPlan, _ layout: ParameterLayout, parameters: ParameterTable, batch: Int,
        device: OneDNNDevice
    ) throws {
        self.plan = plan
        self.layout = layout
        self.batch = batch
        effective = [Float](repeating: 0, count: layout.count)
        affines = try plan.affines(Weights(parameters))
        slopes = try plan.slopes(Weights(parameters))
        steps = plan.steps()
        transposed = try plan.transposed(Weights(parameters))
        var convolutions: [Int: TrainingConvolution] = [:]
        for index in plan.order {
            guard let shape = plan.convolutionShape(index) else { continue }
            convolutions[index] = try TrainingConvolution(
                shape.convolution, input: shape.input, output: shape.output, batch: batch,
                needsSource: plan.flows[index][0] != .none,
                needsWeights: plan.variables == .parameters && plan.gradientBuffer[index] >= 0,
                device: device)
        }
        self.convolutions = convolutions
    }

    /// Makes these values, in the layout's order, the current ones.
    func setValues(_ values: [Float], on stream: OneDNNStream) throws {
        effective = values
        effective.withUnsafeMutableBufferPointer { effective in
            for entry in layout.entries {
                guard let epsilon = entry.standardization else { continue }
                standardizeRows(
                    UnsafeMutableBufferPointer(rebasing: effective[entry.range]), rows: entry.rows,
                    epsilon: epsilon)
            }
        }
        try effective.withUnsafeBufferPointer { effective in
            func pointer(_ name: String?) -> UnsafePointer<Float>? {
                name.flatMap { layout[$0] }.flatMap { entry in
                    effective.baseAddress.map { $0 + entry.range.lowerBound }
                }
            }
            for convolution in convolutions.values {
                guard let kernel = pointer(convolution.convolution.kernel) else { continue }
                try convolution.setWeights(kernel, bias: pointer(convolution.convolution.bias), on: stream)
            }
        }
        for index in plan.order {
            guard case .groupNorm(let norm) = plan.network.nodes[index].operation else { continue }
            func vector(_ name: String?, else fallback: Float) -> [Float] {
                name.flatMap { layout[$0] }.map { Array(values[$0.range]) }
                    ?? [Float](repeating: fallback, count: norm.channels)
            }
            norms[index] = GroupNormStep(
                groups: norm.groups, epsilon: norm.epsilon, gamma: vector(norm.gamma, else: 1),
                beta: vector(norm.beta, else: 0), clamp: .none)
        }
    }

    /// Turns a gradient with respect to the effective weights into one with respect to these values.
    func pullBack(_ gradient: inout [Float], at values: [Float]) {
        gradient.withUnsafeMutableBufferPointer { gradient in
            for entry in layout.entries {
                guard let epsilon = entry.standardization else { continue }
                values.withUnsafeBufferPointer { values in
                    pullBackStandardization(
                        UnsafeMutableBufferPointer(rebasing: gradient[entry.range]),
                        at: UnsafeBufferPointer(rebasing: values[entry.range]), rows: entry.rows,
                        epsilon: epsilon)
                }
            }
        }
    }
}

extension TrainingPlan {
    /// A convolution or dense layer and the extents of its maps.
    fileprivate func convolutionShape(
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

    fileprivate func slopes(_ weights: Weights) throws -> [Int: [Float]] {
        var slopes: [Int: [Float]] = [:]
        for index in order {
            guard case .prelu(let prelu) = network.nodes[index].operation else { continue }
            slopes[index] = try weights.slopes(of: prelu, map: shapes[index])
        }
        return slopes
    }

    fileprivate func steps() -> [Int: StepOperation] {
        var steps: [Int: StepOperation] = [:]
        for index in order where index != 0 {
            let node = network.nodes[index]
            steps[index] = StepOperation(node.operation, from: shapes[node.inputs[0]], to: shapes[index])
        }
        return steps
    }

    fileprivate func transposed(_ weights: Weights) throws -> [Int: TransposedConvolutionStep] {
        var steps: [Int: TransposedConvolutionStep] = [:]
        for index in order {
            let node = network.nodes[index]
            guard case .transposedConvolution(let convolution) = node.operation else { continue }
            steps[index] = try weights.step(
                of: convolution, input: shapes[node.inputs[0]], output: shapes[index])
        }
        return steps
    }

    fileprivate func affines(_ weights: Weights) throws -> [Int: ChannelAffine] {
        var affines: [Int: ChannelAffine] = [:]
        for index in order {
            let channels = shapes[index][-1]
            switch network.nodes[index].operation {
            case .batchNorm(let norm): affines[index] = try weights.affine(of: norm)
            case .scaleShift(let scale, let offset):
                affines[index] = ChannelAffine(scale: scale, offset: offset, channels: channels)
            case .standardizeInput(let mean, let variance):
                affines[index] = try weights.affine(mean: mean, variance: variance, channels: channels)
            default: break
            }
        }
        return affines
    }
}

/// Each row to mean 0 and variance 1: (v − a)/s with s = √(variance + ε), biased variance.
func standardizeRows(_ values: UnsafeMutableBufferPointer<Float>, rows: Int, epsilon: Double) {
    let size = values.count / rows
    for row in 0..<rows {
        let own = UnsafeMutableBufferPointer(rebasing: values[row * size..<(row + 1) * size])
        let (mean, deviation) = moments(UnsafeBufferPointer(own), epsilon: epsilon)
        for index in 0..<size { own[index] = Float((Double(own[index]) - mean) / deviation) }
    }
}

/// The gradient with respect to v of what was made of the gradient with respect to w = (v − a)/s:
/// (dw − mean(dw) − w·mean(dw·w))/s, row by row.
func pullBackStandardization(
    _ gradient: UnsafeMutableBufferPointer<Float>, at values: UnsafeBufferPointer<Float>, rows: Int,
    epsilon: Double
) {
    let size = gradient.count / rows
    for row in 0..<rows {
        let range = row * size..<(row + 1) * size
        let (mean, deviation) = moments(UnsafeBufferPointer(rebasing: values[range]), epsilon: epsilon)
        var (plain, product) = (0.0, 0.0)
        for index in range {
            plain += Double(gradient[index])
            product += Double(gradient[index]) * (Double(values[index]) - mean) / deviation
        }
        (plain, product) = (plain / Double(size), product / Double(size))
        for index in range {
            let weight = (Double(values[index]) - mean) / deviation
            gradient[index] = Float((Double(gradient[index]) - plain - weight * product) / deviation)
        }
    }
}

private func moments(_ values: UnsafeBufferPointer<Float>, epsilon: Double) -> (Double, Double) {
    var mean = 0.0
    for value in values { mean += Double(value) }
    mean /= Double(values.count)
    var variance = 0.0
    for value in values { variance += (Double(value) - mean) * (Double(value) - mean) }
    return (mean, (variance / Double(values.count) + epsilon).squareRoot())
}
