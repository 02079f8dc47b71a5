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
    /// Scales and shifts that are not trained: those of configurations, and frozen batch norms.
    let affines: [Int: ChannelAffine]
    /// The slopes of PReLUs, which are not trained either.
    let slopes: [Int: [Float]]
    /// Parts of maps, other sizes and orders.
    let steps: [Int: StepOperation]
    /// Transposed convolutions, whose weights are not trained.
    let transposed: [Int: TransposedConvolutionStep]
    /// Batch norms that are trained.
    let batchNorms: [Int: TrainedBatchNorm]
    /// Group norms with the current gamma and beta.
    private(set) var norms: [Int: GroupNormStep] = [:]
    /// The weights as the convolutions see them: standardized where they are to be.
    private var effective: [Float]
    /// Parameters of trained layers that are not trained themselves, kernels filter by filter.
    private let constants: [String: [Float]]

    /// `batch` images are taken at a time, `wholeBatch` are normalized together by batch norms.
    init(
        _ plan: TrainingPlan, _ layout: ParameterLayout, parameters: ParameterTable, batch: Int,
        wholeBatch: Int, device: OneDNNDevice
    ) throws {
        self.plan = plan
        self.layout = layout
        self.batch = batch
        effective = [Float](repeating: 0, count: layout.count)
        let weights = Weights(parameters)
        affines = try plan.affines(weights)
        batchNorms = try plan.trainedBatchNorms(weights, images: wholeBatch)
        slopes = try plan.slopes(weights)
        steps = plan.steps()
        transposed = try plan.transposed(weights)
        constants = try plan.constants(weights, beside: layout)
        var convolutions: [Int: TrainingConvolution] = [:]
        for index in plan.order {
            guard let shape = plan.convolutionShape(index) else { continue }
            convolutions[index] = try TrainingConvolution(
                shape.convolution, input: shape.input, output: shape.output, batch: batch,
                needsSource: plan.flows[index][0] != .none,
                needsWeights: plan.variables == .parameters && plan.gradientBuffer[index] >= 0
                    && plan.network.nodes[index].operation.parameters.contains { layout[$0] != nil },
                device: device)
        }
        self.convolutions = convolutions
        let stream = try OneDNNStream(device)
        for convolution in convolutions.values where layout[convolution.convolution.kernel] == nil {
            try setWeights(of: convolution, on: stream)
        }
    }

    /// Hands a convolution its current kernel and bias.
    private func setWeights(of compiled: TrainingConvolution, on stream: OneDNNStream) throws {
        let convolution = compiled.convolution
        try withValues(convolution.kernel) { kernel in
            guard let kernel else { return }
            try withValues(convolution.bias) { try compiled.setWeights(kernel, bias: $0, on: stream) }
        }
    }

    /// A parameter as the layers see it: the current values of one that is trained, else what it always is.
    private func withValues(_ name: String?, _ body: (UnsafePointer<Float>?) throws -> Void) throws {
        guard let name else { return try body(nil) }
        if let entry = layout[name] {
            return try effective.withUnsafeBufferPointer { effective in
                try body(effective.baseAddress.map { $0 + entry.range.lowerBound })
            }
        }
        guard let constant = constants[name] else { return try body(nil) }
        try constant.withUnsafeBufferPointer { try body($0.baseAddress) }
    }

    /// Makes these values, in the layout's order, the current ones.
    func setValues(_ values: [Float], on stream: OneDNNStream) throws {
        effective = layout.effective(values)
        for convolution in convolutions.values {
            let own = [convolution.convolution.kernel, convolution.convolution.bias]
            guard own.contains(where: { $0.flatMap { layout[$0] } != nil }) else { continue }
            try setWeights(of: convolution, on: stream)
        }
        setNorms(values)
    }

    private func setNorms(_ values: [Float]) {
        func vector(_ name: String?) -> [Float]? {
            name.flatMap { name in layout[name].map { Array(values[$0.range]) } ?? constants[name] }
        }
        for norm in batchNorms.values {
            norm.set(gamma: vector(norm.norm.gamma), beta: vector(norm.norm.beta))
        }
        for index in plan.order {
            guard case .groupNorm(let norm) = plan.network.nodes[index].operation else { continue }
            norms[index] = GroupNormStep(
                groups: norm.groups, epsilon: norm.epsilon,
                gamma: vector(norm.gamma) ?? [Float](repeating: 1, count: norm.channels),
                beta: vector(norm.beta) ?? [Float](repeating: 0, count: norm.channels), clamp: .none)
        }
    }

    /// Turns a gradient with respect to the effective weights into one with respect to these values.
    func pullBack(_ gradient: inout [Float], at values: [Float]) {
        gradient.withUnsafeMutableBufferPointer { gradient in
            for entry in layout.entries {
                guard let epsilon = entry.standardization else { continue }
                values.withUnsafeBufferPointer { values in
                    let start = entry.range.lowerBound
                    nc_standardize_rows_back(
                        gradient.baseAddress.map { $0 + start }, values.baseAddress.map { $0 + start },
                        entry.rows, entry.range.count / entry.rows, epsilon)
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

    fileprivate func trainedBatchNorms(_ weights: Weights, images: Int) throws -> [Int: TrainedBatchNorm] {
        guard batchNorms != .frozen else { return [:] }
        var norms: [Int: TrainedBatchNorm] = [:]
        for index in order {
            let node = network.nodes[index]
            guard case .batchNorm(let norm) = node.operation else { continue }
            norms[index] = try TrainedBatchNorm(
                norm, node: index, layer: node.layer, map: shapes[index], mode: batchNorms, images: images,
                weights)
        }
        return norms
    }

    /// What trained layers need and the layout does not hold.
    fileprivate func constants(
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

    fileprivate func affines(_ weights: Weights) throws -> [Int: ChannelAffine] {
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
        return affines
    }
}
