import CKernels
import Networks
import Tensors
import Threads
import Inference

/// What all workers of a trainer share: the compiled convolutions and the norms as they currently are. Thread safe:
/// weights change only while no worker runs.
final class TrainingProgram: @unchecked Sendable {
    let plan: TrainingPlan
    let layout: ParameterLayout
    /// The images of a turn.
    let slices: TrainingSlices
    let convolutions: [Int: TrainingConvolution]
    /// Scales and shifts that are not trained: those of configurations, and frozen batch norms.
    let affines: [Int: FixedAffine]
    /// The slopes of PReLUs, which are not trained either.
    let slopes: [Int: [Float]]
    /// Parts of maps, other sizes and orders.
    let steps: [Int: StepOperation]
    /// Transposed convolutions, whose weights are not trained.
    let transposed: [Int: TransposedConvolutionStep]
    /// Batch norms that are trained.
    let batchNorms: [Int: TrainedBatchNorm]
    /// Group norms with the current gamma and beta.
    let groupNorms: [Int: TrainedGroupNorm]
    /// Filters that are standardized, as the convolutions see them, in the layout's order.
    private let effective: AlignedMemory
    /// Parameters of trained layers that are not trained themselves, kernels filter by filter.
    private let constants: [String: [Float]]

    init(
        _ plan: TrainingPlan, _ layout: ParameterLayout, parameters: ParameterTable, slices: TrainingSlices,
        device: OneDNNDevice
    ) throws {
        (self.plan, self.layout, self.slices) = (plan, layout, slices)
        effective = try AlignedMemory(
            bytes: layout.isStandardized ? layout.count * MemoryLayout<Float>.stride : 0)
        let weights = Weights(parameters)
        let sums = try NormSums(images: slices.images, channels: plan.normChannels)
        affines = try plan.affines(weights)
        batchNorms = try plan.trainedBatchNorms(weights, sums)
        groupNorms = try plan.groupNorms(sums)
        slopes = try plan.slopes(weights)
        steps = plan.steps()
        transposed = try plan.transposed(weights)
        constants = try plan.constants(weights, beside: layout)
        var convolutions: [Int: TrainingConvolution] = [:]
        for index in plan.order {
            guard let shape = plan.convolutionShape(index) else { continue }
            convolutions[index] = try TrainingConvolution(
                shape.convolution, input: shape.input, output: shape.output, slices: slices,
                needsSource: plan.flows[index][0] != .none,
                needsWeights: plan.variables == .parameters && plan.gradientBuffer[index] >= 0
                    && plan.network.nodes[index].operation.parameters.contains { layout[$0] != nil },
                device: device)
        }
        self.convolutions = convolutions
        let (stream, alone) = (try OneDNNStream(device), TeamMember(0, of: 1, Rendezvous(threads: 1)))
        for convolution in convolutions.values where layout[convolution.convolution.kernel] == nil {
            try setWeights(of: convolution, nil, on: stream, alone)
        }
    }

    /// Hands a convolution its current kernel and bias.
    private func setWeights(
        of compiled: TrainingConvolution, _ values: UnsafePointer<Float>?, on stream: OneDNNStream,
        _ member: TeamMember
    ) throws {
        try withValues(compiled.convolution.kernel, values) { kernel in
            guard let kernel else { return }
            try withValues(compiled.convolution.bias, values) { bias in
                compiled.vector?.setWeights(kernel, bias: bias, member)
                if member.index == 0 { try compiled.sliced?.setWeights(kernel, bias: bias, on: stream) }
            }
        }
    }

    /// A parameter as the layers see it: the current values of one that is trained, else what it always is.
    private func withValues(
        _ name: String?, _ values: UnsafePointer<Float>?, _ body: (UnsafePointer<Float>?) throws -> Void
    ) throws {
        guard let name else { return try body(nil) }
        if let entry = layout[name] {
            let source = entry.standardization == nil ? values : UnsafePointer(effective.floats)
            return try body(source.map { $0 + entry.range.lowerBound })
        }
        guard let constant = constants[name] else { return try body(nil) }
        try constant.withUnsafeBufferPointer { try body($0.baseAddress) }
    }

    /// A member's share of making these values, in the layout's order, the current ones.
    func setValues(_ values: UnsafePointer<Float>, on stream: OneDNNStream, _ member: TeamMember) throws {
        for entry in layout.entries {
            guard let epsilon = entry.standardization else { continue }
            let size = entry.range.count / entry.rows
            let rows = member.share(of: entry.rows)
            let start = entry.range.lowerBound + rows.lowerBound * size
            (effective.floats + start).update(from: values + start, count: rows.count * size)
            nc_standardize_rows(effective.floats + start, rows.count, size, epsilon)
        }
        try member.meet()
        for index in plan.order {
            guard let convolution = convolutions[index] else { continue }
            let own = [convolution.convolution.kernel, convolution.convolution.bias]
            guard own.contains(where: { $0.flatMap { layout[$0] } != nil }) else { continue }
            try setWeights(of: convolution, values, on: stream, member)
        }
        try member.meet { setNorms(values) }
    }

    private func setNorms(_ values: UnsafePointer<Float>) {
        func vector(_ name: String?) -> [Float]? {
            name.flatMap { name in
                layout[name].map {
                    Array(UnsafeBufferPointer(start: values + $0.range.lowerBound, count: $0.range.count))
                } ?? constants[name]
            }
        }
        for norm in batchNorms.values {
            norm.set(gamma: vector(norm.norm.gamma), beta: vector(norm.norm.beta))
        }
        for norm in groupNorms.values {
            norm.set(gamma: vector(norm.norm.gamma), beta: vector(norm.norm.beta))
        }
    }

    /// A member's share of turning a gradient with respect to the effective weights into one with respect to these values.
    func pullBack(
        _ gradient: UnsafeMutablePointer<Float>, at values: UnsafePointer<Float>, _ member: TeamMember
    ) {
        for entry in layout.entries {
            guard let epsilon = entry.standardization else { continue }
            let size = entry.range.count / entry.rows
            let rows = member.share(of: entry.rows)
            let start = entry.range.lowerBound + rows.lowerBound * size
            nc_standardize_rows_back(gradient + start, values + start, rows.count, size, epsilon)
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

    /// The most channels of a norm.
    fileprivate var normChannels: Int {
        order.map { index in
            switch network.nodes[index].operation {
            case .batchNorm(let norm): norm.channels
            case .groupNorm(let norm): norm.channels
            default: 0
            }
        }.max() ?? 0
    }

    fileprivate func groupNorms(_ sums: NormSums) throws -> [Int: TrainedGroupNorm] {
        var norms: [Int: TrainedGroupNorm] = [:]
        for index in order {
            guard case .groupNorm(let norm) = network.nodes[index].operation else { continue }
            norms[index] = try TrainedGroupNorm(norm, sums)
        }
        return norms
    }

    fileprivate func trainedBatchNorms(
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

    fileprivate func affines(_ weights: Weights) throws -> [Int: FixedAffine] {
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
