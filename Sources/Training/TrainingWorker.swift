import CKernels
import Inference
import Networks
import Tensors

/// The buffers in which a turn's images go forwards and back. A team's threads share every operation.
final class TrainingWorker: @unchecked Sendable {
    let program: TrainingProgram
    let plan: TrainingPlan
    private let values: [AlignedMemory]
    private let gradients: [AlignedMemory]
    /// A kernel's gradient on its way to the filters.
    private let packedGradient: AlignedMemory
    /// Each thread's own.
    private let scratch: [AlignedMemory]
    private let streams: [OneDNNStream]
    private let sliced: SlicedExecutions

    init(_ program: TrainingProgram, threads: Int, device: OneDNNDevice) throws {
        let plan = program.plan
        func memory(_ floats: Int) throws(InferenceError) -> AlignedMemory {
            try AlignedMemory(bytes: floats * MemoryLayout<Float>.stride)
        }
        (self.program, self.plan) = (program, plan)
        values = try plan.valueSizes.map { try memory($0 * program.slices.images) }
        gradients = try plan.gradientSizes.map { try memory($0 * program.slices.images) }
        let passes = program.convolutions.values.compactMap(\.vector)
        packedGradient = try memory(
            program.convolutions.values.filter(\.needsWeights).compactMap(\.vector?.packedFloats).max() ?? 0)
        scratch = try (0..<threads).map { _ in try memory(passes.map(\.scratchFloats).max() ?? 0) }
        streams = try (0..<threads).map { _ in try OneDNNStream(device) }
        sliced = try SlicedExecutions(program, values: values, gradients: gradients)
    }

    func stream(of member: TeamMember) -> OneDNNStream { streams[member.index] }

    /// A node's values, [images, values].
    func value(_ node: Int) -> UnsafeMutablePointer<Float> { values[plan.valueBuffer[node]].floats }

    /// The gradient of the loss with respect to a node's values.
    func gradient(_ node: Int) -> UnsafeMutablePointer<Float> {
        gradients[plan.gradientBuffer[node]].floats
    }

    func value(_ node: Int, slice: Int) -> UnsafeMutableBufferPointer<Float> {
        part(value(node), node, slice, program.slices.size)
    }

    func gradient(_ node: Int, slice: Int) -> UnsafeMutableBufferPointer<Float> {
        part(gradient(node), node, slice, program.slices.size)
    }

    /// One image's part of a node's values.
    func map(_ node: Int, image: Int) -> UnsafeMutableBufferPointer<Float> {
        part(value(node), node, image, 1)
    }

    /// One image's part of a node's gradient.
    func gradientMap(_ node: Int, image: Int) -> UnsafeMutableBufferPointer<Float> {
        part(gradient(node), node, image, 1)
    }

    private func part(
        _ start: UnsafeMutablePointer<Float>, _ node: Int, _ place: Int, _ images: Int
    ) -> UnsafeMutableBufferPointer<Float> {
        let size = images * plan.shapes[node].count
        return UnsafeMutableBufferPointer(start: start + place * size, count: size)
    }

    // MARK: Forwards

    /// A member's share of computing every value for the images that are there.
    func forward(_ member: TeamMember, observe: (NormBatch) -> Void) throws {
        for index in plan.order where index != 0 && !plan.merged.contains(index) {
            try forward(index, member, observe)
            try member.meet()
        }
    }

    private func forward(_ index: Int, _ member: TeamMember, _ observe: (NormBatch) -> Void) throws {
        let images = program.slices.images
        if let convolution = program.convolutions[index] {
            let operand = plan.network.nodes[index].inputs[0]
            if let vector = convolution.vector {
                vector.run(value(operand), value(index), scratch: scratch[member.index].floats, member)
            } else {
                try sliced.forward(index, on: streams[member.index], member)
            }
        } else if let norm = program.batchNorms[index] {
            try norm.run(maps(index), member, observe: observe)
        } else if let norm = program.groupNorms[index] {
            try norm.run(maps(index), member)
        } else if let affine = program.affines[index] {
            affine.run(maps(index), images: images, member)
        } else if plan.isPlainSum(index) {
            let operands = plan.network.nodes[index].inputs.map { value($0) }
            let own = member.share(of: images * plan.shapes[index].count, unit: 16)
            let (clamp, start) = (plan.clamps[index] ?? .none, own.lowerBound)
            nc_add(
                operands[0] + start, operands[1] + start, value(index) + start, own.count, clamp.floor,
                clamp.ceiling)
        } else {
            for image in 0..<images where member.takes(image) {
                forward(index, image: image)
            }
        }
    }

    /// What a norm reads and writes.
    private func maps(_ index: Int) -> NormMaps {
        let operand = plan.network.nodes[index].inputs[0]
        let hasGradient = plan.gradientBuffer[index] >= 0
        let flow = plan.flows[index][0]
        return NormMaps(
            x: value(operand), y: value(index), dy: hasGradient ? gradient(index) : nil,
            dx: hasGradient && flow != .none ? gradient(operand) : nil, adds: flow == .adds,
            positions: plan.shapes[index].count / max(plan.shapes[index][-1], 1),
            clamp: plan.clamps[index] ?? .none)
    }

    // MARK: Back

    /// A member's share of taking the loss' gradient back from the taps; gradients of parameters are added to `sums`, in the
    /// layout's order and with respect to the weights as the convolutions see them. Without `sums` only maps have gradients.
    ///
    /// `loss` is called for each tap with a slice's index and value, and adds its gradient to what the second buffer holds.
    func backward(
        to sums: UnsafeMutablePointer<Float>?, _ member: TeamMember,
        loss: (
            _ tap: Int, _ slice: Int, UnsafeBufferPointer<Float>, UnsafeMutableBufferPointer<Float>
        ) throws -> Void
    ) throws {
        for index in plan.order.reversed() where plan.gradientBuffer[index] >= 0 {
            try addLoss(index, member, loss)
            guard !plan.merged.contains(index) else { continue }
            try backward(index, to: sums, member)
            try member.meet()
        }
    }

    /// Adds the loss' gradient to a node's, where the loss reads it.
    private func addLoss(
        _ index: Int, _ member: TeamMember,
        _ loss: (Int, Int, UnsafeBufferPointer<Float>, UnsafeMutableBufferPointer<Float>) throws -> Void
    ) throws {
        guard plan.taps.contains(index) else { return }
        for slice in 0..<program.slices.count where member.takes(slice) {
            let target = gradient(index, slice: slice)
            if plan.startsEmpty.contains(index) { target.update(repeating: 0) }
            for (tap, node) in plan.taps.enumerated() where node == index {
                try loss(tap, slice, UnsafeBufferPointer(value(index, slice: slice)), target)
            }
        }
        try member.meet()
    }

    /// Takes a node's gradient back to its operands and its parameters.
    private func backward(
        _ index: Int, to sums: UnsafeMutablePointer<Float>?, _ member: TeamMember
    ) throws {
        func place(_ name: String?) -> UnsafeMutablePointer<Float>? {
            sums.flatMap { program.layout.place(name, in: $0) }
        }
        if let convolution = program.convolutions[index] {
            try backward(index, convolution, place, member)
        } else if let norm = program.batchNorms[index] {
            try norm.runBack(
                maps(index), dgamma: place(norm.norm.gamma), dbeta: place(norm.norm.beta), member)
        } else if let norm = program.groupNorms[index] {
            try norm.runBack(
                maps(index), dgamma: place(norm.norm.gamma), dbeta: place(norm.norm.beta), member)
        } else if let affine = program.affines[index] {
            affine.runBack(maps(index), images: program.slices.images, member)
        } else if plan.isPlainSum(index) {
            addBackward(index, member)
        } else {
            for image in 0..<program.slices.images where member.takes(image) {
                backward(index, image: image)
            }
        }
    }

    private func backward(
        _ index: Int, _ convolution: TrainingConvolution, _ place: (String?) -> UnsafeMutablePointer<Float>?,
        _ member: TeamMember
    ) throws {
        let operand = plan.network.nodes[index].inputs[0]
        let (kernel, bias) = (place(convolution.convolution.kernel), place(convolution.convolution.bias))
        let flow = plan.flows[index][0]
        guard let vector = convolution.vector else {
            return try sliced.backward(
                index, kernel, bias, to: flow == .none ? nil : gradient(operand), adds: flow == .adds,
                on: streams[member.index], member)
        }
        let scratch = scratch[member.index].floats
        if kernel != nil || bias != nil {
            try vector.addGradient(
                value(operand), gradient(index), filters: kernel, bias: bias, packed: packedGradient.floats,
                scratch: scratch, member)
        }
        guard flow != .none else { return }
        try vector.runBack(gradient(index), gradient(operand), adds: flow == .adds, scratch: scratch, member)
    }

    /// The way back through a sum of two maps, masked where it is clamped.
    private func addBackward(_ index: Int, _ member: TeamMember) {
        let own = member.share(of: program.slices.images * plan.shapes[index].count, unit: 16)
        let (dy, y) = (gradient(index) + own.lowerBound, value(index) + own.lowerBound)
        var clamp = plan.clamps[index]
        for (flow, operand) in zip(plan.flows[index], plan.network.nodes[index].inputs)
        where flow == .starts || flow == .adds {
            let dx = gradient(operand) + own.lowerBound
            if let limits = clamp {
                nc_mask_both(y, dy, dx, own.count, limits.floor, limits.ceiling, flow == .adds ? 1 : 0)
                clamp = nil
            } else if flow == .adds {
                nc_accumulate(dy, dx, own.count)
            } else {
                dx.update(from: dy, count: own.count)
            }
        }
        if let clamp { nc_mask(y, dy, own.count, clamp.floor, clamp.ceiling) }
    }
}
