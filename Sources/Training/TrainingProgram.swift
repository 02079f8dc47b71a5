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
