import CKernels
import Inference
import Tensors

/// oneDNN's passes bound to the buffers of a turn's images, slice by slice. A thread takes a slice alone.
final class SlicedExecutions {
    /// A convolution's passes for a slice.
    private struct Executions {
        var forward: OneDNNExecution
        var toSource: OneDNNExecution?
        var toWeights: OneDNNExecution?
    }

    /// A slice's own memory.
    private struct Memory {
        /// The gradient of the source, where others have written to its buffer.
        let detour: AlignedMemory
        /// A kernel's gradient as oneDNN makes it, then filter by filter.
        let packed: AlignedMemory
        let kernel: AlignedMemory
        let bias: AlignedMemory
        let scratch: AlignedMemory
    }

    private let program: TrainingProgram
    private let memories: [Memory]
    private let executions: [Int: [Executions]]

    init(
        _ program: TrainingProgram, values: [AlignedMemory], gradients: [AlignedMemory]
    ) throws(InferenceError) {
        let (plan, size) = (program.plan, program.slices.size)
        let used = program.convolutions.filter { $0.value.sliced != nil }
        var memories: [Memory] = []
        for _ in 0..<program.slices.count { memories.append(try Self.memory(program, used)) }
        var executions: [Int: [Executions]] = [:]
        for (index, convolution) in used {
            guard let passes = convolution.sliced else { continue }
            let operand = plan.network.nodes[index].inputs[0]
            for (slice, own) in memories.enumerated() {
                func place(_ memory: [AlignedMemory], _ buffer: Int, _ node: Int)
                    -> UnsafeMutablePointer<Float>
                {
                    memory[buffer].floats + slice * size * plan.shapes[node].count
                }
                let source = place(values, plan.valueBuffer[operand], operand)
                var bound = Executions(
                    forward: try OneDNNExecution(
                        passes.forward, source: source,
                        destination: place(values, plan.valueBuffer[index], index),
                        scratch: own.scratch.address))
                if let toSource = passes.toSource {
                    let isFirst = plan.flows[index][0] == .starts
                    bound.toSource = try OneDNNExecution(
                        toSource,
                        source: isFirst
                            ? place(gradients, plan.gradientBuffer[operand], operand) : own.detour.floats,
                        destination: place(gradients, plan.gradientBuffer[index], index),
                        scratch: own.scratch.address)
                }
                if let toWeights = passes.toWeights {
                    bound.toWeights = try OneDNNExecution(
                        toWeights, source: source,
                        destination: place(gradients, plan.gradientBuffer[index], index),
                        scratch: own.scratch.address, packed: own.packed, bias: own.bias)
                }
                executions[index, default: []].append(bound)
            }
        }
        (self.program, self.memories, self.executions) = (program, memories, executions)
    }

    private static func memory(
        _ program: TrainingProgram, _ used: [Int: TrainingConvolution]
    ) throws(InferenceError) -> Memory {
        let plan = program.plan
        func memory(_ floats: Int) throws(InferenceError) -> AlignedMemory {
            try AlignedMemory(bytes: floats * MemoryLayout<Float>.stride)
        }
        let detours = used.keys.filter { plan.flows[$0][0] == .adds }.map {
            plan.shapes[plan.network.nodes[$0].inputs[0]].count * program.slices.size
        }
        let passes = used.values.compactMap(\.sliced)
        let convolutions = used.values.map(\.convolution)
        return Memory(
            detour: try memory(detours.max() ?? 0),
            packed: try AlignedMemory(bytes: passes.compactMap(\.toWeights?.packedBytes).max() ?? 0),
            kernel: try memory(convolutions.map { $0.outputs * $0.filterSize }.max() ?? 0),
            bias: try memory(convolutions.map(\.outputs).max() ?? 0),
            scratch: try AlignedMemory(bytes: passes.map(\.scratchBytes).max() ?? 0))
    }

    /// A member's slices forwards.
    func forward(_ index: Int, on stream: OneDNNStream, _ member: TeamMember) throws {
        for (slice, own) in (executions[index] ?? []).enumerated() where member.takes(slice) {
            try own.forward.run(on: stream)
        }
    }

    /// A member's slices back; the slices' gradients are added up in order.
    func backward(
        _ index: Int, _ kernel: UnsafeMutablePointer<Float>?, _ bias: UnsafeMutablePointer<Float>?,
        to target: UnsafeMutablePointer<Float>?, adds: Bool, on stream: OneDNNStream, _ member: TeamMember
    ) throws {
        guard let convolution = program.convolutions[index], let own = executions[index] else { return }
        let size =
            program.slices.size * program.plan.shapes[program.plan.network.nodes[index].inputs[0]].count
        for (slice, own) in own.enumerated() where member.takes(slice) {
            let memory = memories[slice]
            if let toWeights = own.toWeights, let pass = convolution.sliced?.toWeights {
                try toWeights.run(on: stream)
                try pass.unpack(memory.packed, to: memory.kernel.floats, on: stream)
            }
            guard let target else { continue }
            try own.toSource?.run(on: stream)
            if adds { nc_accumulate(memory.detour.floats, target + slice * size, size) }
        }
        try member.meet()
        let weights = member.share(of: convolution.convolution.outputs * convolution.convolution.filterSize)
        let biases = member.share(of: convolution.convolution.outputs)
        for memory in memories {
            if let kernel {
                nc_accumulate(
                    memory.kernel.floats + weights.lowerBound, kernel + weights.lowerBound, weights.count)
            }
            if let bias {
                nc_accumulate(memory.bias.floats + biases.lowerBound, bias + biases.lowerBound, biases.count)
            }
        }
    }
}
