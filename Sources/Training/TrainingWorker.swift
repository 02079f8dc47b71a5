import CKernels
import Networks
import Tensors
import Inference

/// One thread's buffers, in which it takes images forwards and back. Used by one thread at a time.
final class TrainingWorker: @unchecked Sendable {
    /// A convolution's passes bound to the buffers.
    private struct Executions {
        var forward: OneDNNExecution
        var toSource: OneDNNExecution?
        var toWeights: OneDNNExecution?
    }

    let program: TrainingProgram
    let plan: TrainingPlan
    let normalizer = Normalizer()
    private let values: [AlignedMemory]
    private let gradients: [AlignedMemory]
    /// A gradient on its way to a buffer that others have written to.
    private let detour: AlignedMemory
    /// A kernel's gradient as the convolution makes it, then filter by filter.
    private let packedGradient: AlignedMemory
    private let kernelGradient: AlignedMemory
    private let biasGradient: AlignedMemory
    private let scratch: AlignedMemory
    private let executions: [Int: Executions]
    private let stream: OneDNNStream

    init(_ program: TrainingProgram, device: OneDNNDevice) throws {
        let (plan, batch) = (program.plan, program.batch)
        func memory(_ floats: Int) throws(InferenceError) -> AlignedMemory {
            try AlignedMemory(bytes: floats * MemoryLayout<Float>.stride)
        }
        let values = try plan.valueSizes.map { try memory($0 * batch) }
        let gradients = try plan.gradientSizes.map { try memory($0 * batch) }
        let detour = try memory((plan.gradientSizes.max() ?? 0) * batch)
        let compiled = program.convolutions.values
        let scratch = try AlignedMemory(bytes: compiled.map(\.scratchBytes).max() ?? 0)
        let packedGradient = try AlignedMemory(
            bytes: compiled.compactMap(\.toWeights?.packedBytes).max() ?? 0)
        kernelGradient = try memory(
            compiled.map { $0.convolution.outputs * $0.convolution.filterSize }.max() ?? 0)
        let biasGradient = try memory(compiled.map(\.convolution.outputs).max() ?? 0)
        var executions: [Int: Executions] = [:]
        for (index, compiled) in program.convolutions {
            let operand = plan.network.nodes[index].inputs[0]
            let source = values[plan.valueBuffer[operand]].floats
            var bound = Executions(
                forward: try OneDNNExecution(
                    compiled.forward, source: source, destination: values[plan.valueBuffer[index]].floats,
                    scratch: scratch.address))
            if let toSource = compiled.toSource {
                let isFirst = plan.flows[index][0] == .starts
                bound.toSource = try OneDNNExecution(
                    toSource,
                    source: isFirst ? gradients[plan.gradientBuffer[operand]].floats : detour.floats,
                    destination: gradients[plan.gradientBuffer[index]].floats, scratch: scratch.address)
            }
            if let toWeights = compiled.toWeights {
                bound.toWeights = try OneDNNExecution(
                    toWeights, source: source, destination: gradients[plan.gradientBuffer[index]].floats,
                    scratch: scratch.address, packed: packedGradient, bias: biasGradient)
            }
            executions[index] = bound
        }
        self.program = program
        self.plan = plan
        self.values = values
        self.gradients = gradients
        self.detour = detour
        self.packedGradient = packedGradient
        self.biasGradient = biasGradient
        self.scratch = scratch
        self.executions = executions
        stream = try OneDNNStream(device)
    }

    /// Where the images go, [images, height, width, channels].
    var input: UnsafeMutableBufferPointer<Float> { buffer(values, plan.valueBuffer[0], 0) }

    /// The gradient with respect to the images after `backward`, where these are the plan's variables.
    var inputGradient: UnsafeBufferPointer<Float> { UnsafeBufferPointer(gradient(0)) }

    /// A node's values, [images, values].
    func value(_ node: Int) -> UnsafeMutableBufferPointer<Float> {
        buffer(values, plan.valueBuffer[node], node)
    }

    /// The gradient of the loss with respect to a node's values.
    private func gradient(_ node: Int) -> UnsafeMutableBufferPointer<Float> {
        buffer(gradients, plan.gradientBuffer[node], node)
    }

    private func buffer(
        _ memory: [AlignedMemory], _ place: Int, _ node: Int
    ) -> UnsafeMutableBufferPointer<Float> {
        UnsafeMutableBufferPointer(
            start: memory[place].floats, count: program.batch * plan.shapes[node].count)
    }

    /// One image's part of a node's values.
    func map(_ node: Int, image: Int) -> UnsafeMutableBufferPointer<Float> {
        let size = plan.shapes[node].count
        return UnsafeMutableBufferPointer(
            start: values[plan.valueBuffer[node]].floats + image * size, count: size)
    }

    /// One image's part of a node's gradient.
    func gradientMap(_ node: Int, image: Int) -> UnsafeMutableBufferPointer<Float> {
        let size = plan.shapes[node].count
        return UnsafeMutableBufferPointer(
            start: gradients[plan.gradientBuffer[node]].floats + image * size, count: size)
    }

    /// Computes every value for the images that are in `input`.
    func forward() throws {
        for index in plan.order { try forward(index) }
    }

    /// Computes a node's value.
    func forward(_ index: Int) throws {
        guard index != 0 else { return }
        if let execution = executions[index] {
            try execution.forward.run(on: stream)
        } else {
            for image in 0..<program.batch { forward(index, image: image) }
        }
    }

    /// Takes the loss' gradient back from the taps; gradients of parameters are added to `sums`, in the layout's order
    /// and with respect to the weights as the convolutions see them. Without `sums` only maps have gradients.
    ///
    /// `loss` is called for each tap with its value, and adds its gradient to what the second buffer holds.
    func backward(
        to sums: UnsafeMutablePointer<Float>?,
        loss: (_ tap: Int, UnsafeBufferPointer<Float>, UnsafeMutableBufferPointer<Float>) throws -> Void
    ) throws {
        for index in plan.order.reversed() where plan.gradientBuffer[index] >= 0 {
            try addLoss(index, loss)
            try backward(index, to: sums)
        }
    }

    /// Adds the loss' gradient to a node's, where the loss reads it.
    func addLoss(
        _ index: Int,
        _ loss: (_ tap: Int, UnsafeBufferPointer<Float>, UnsafeMutableBufferPointer<Float>) throws -> Void
    ) rethrows {
        if plan.startsEmpty.contains(index) { gradient(index).update(repeating: 0) }
        for (tap, node) in plan.taps.enumerated() where node == index {
            try loss(tap, UnsafeBufferPointer(value(index)), gradient(index))
        }
    }

    /// Takes a node's gradient back to its operands and its parameters.
    func backward(_ index: Int, to sums: UnsafeMutablePointer<Float>?) throws {
        if let execution = executions[index] { return try backward(index, execution, sums) }
        let node = plan.network.nodes[index]
        for (operand, flow) in zip(node.inputs, plan.flows[index]) where flow == .starts {
            gradient(operand).update(repeating: 0)
        }
        for image in 0..<program.batch { backward(index, image: image, sums) }
    }

    private func backward(
        _ index: Int, _ execution: Executions, _ sums: UnsafeMutablePointer<Float>?
    ) throws {
        guard let compiled = program.convolutions[index] else { return }
        if let sums, let toWeights = execution.toWeights, let pass = compiled.toWeights {
            try toWeights.run(on: stream)
            // A kernel may be used twice: its gradients add up.
            if let kernel = program.layout[compiled.convolution.kernel] {
                try pass.unpack(packedGradient, to: kernelGradient.floats, on: stream)
                nc_accumulate(kernelGradient.floats, sums + kernel.range.lowerBound, kernel.range.count)
            }
            if let name = compiled.convolution.bias, let bias = program.layout[name] {
                nc_accumulate(biasGradient.floats, sums + bias.range.lowerBound, bias.range.count)
            }
        }
        guard let toSource = execution.toSource else { return }
        try toSource.run(on: stream)
        if plan.flows[index][0] == .adds {
            let target = gradient(plan.network.nodes[index].inputs[0])
            nc_accumulate(detour.floats, target.baseAddress, target.count)
        }
    }
}
