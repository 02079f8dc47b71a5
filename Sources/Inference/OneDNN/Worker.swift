import Networks
import Tensors

/// One thread's buffers, and the program bound to them.
final class Worker {
    private let program: Program
    private let batch: Int
    private let buffers: [AlignedMemory]
    private let buffer: [Int]
    private let scratch: AlignedMemory
    private let executions: [Int: any BoundConvolution]
    private let stream: OneDNNStream
    private let normalizer: Normalizer

    init(
        _ program: Program, _ plan: BufferPlan, _ convolutions: [Int: any CompiledConvolution],
        _ device: OneDNNDevice, batch: Int, team: Int
    ) throws {
        let buffers = try plan.capacities.map {
            try AlignedMemory(bytes: $0 * batch * MemoryLayout<Float>.stride)
        }
        let scratch = try AlignedMemory(bytes: convolutions.values.map(\.scratchBytes).max() ?? 0)
        executions = try Dictionary(
            uniqueKeysWithValues: convolutions.map { index, convolution in
                let step = program.steps[index]
                let execution = try convolution.bind(
                    source: buffers[plan.buffer[step.operands[0]]].floats,
                    destination: buffers[plan.buffer[step.result]].floats, scratch: scratch.address,
                    team: team)
                return (index, execution)
            })
        self.program = program
        self.batch = batch
        self.buffers = buffers
        self.scratch = scratch
        buffer = plan.buffer
        stream = try OneDNNStream(device)
        normalizer = Normalizer()
    }

    /// Where the first `count` images' values of an input are to be written, [images, values].
    func input(_ index: Int, count: Int) -> UnsafeMutableBufferPointer<Float> {
        let value = program.inputs[index]
        return UnsafeMutableBufferPointer(start: floats(value), count: count * program.sizes[value])
    }

    /// What the first `count` images' values of an output are, [images, values]; valid until the next call.
    func output(_ index: Int, count: Int) -> UnsafeBufferPointer<Float> {
        let value = program.outputs[index]
        return UnsafeBufferPointer(start: floats(value), count: count * program.sizes[value])
    }

    /// Executes the program for at most `batch` images whose inputs are written.
    func run(count: Int) throws {
        for index in program.steps.indices { try runStep(index, images: count) }
    }

    /// Executes the program and returns the seconds that each step took by a clock.
    func timedRun(count: Int, clock: LayerClock) throws -> [Double] {
        var start = clock.seconds
        return try program.steps.indices.map { index in
            try runStep(index, images: count)
            let end = clock.seconds
            defer { start = end }
            return end - start
        }
    }

    private func runStep(_ index: Int, images: Int) throws {
        if let execution = executions[index] {
            try execution.run(images: images, on: stream)
        } else {
            run(program.steps[index], images: images)
        }
    }

    private func floats(_ value: Int) -> UnsafeMutablePointer<Float> { buffers[buffer[value]].floats }

    /// Everything but convolutions, image by image: an image's map stays in cache between two passes over it.
    private func run(_ step: Program.Step, images: Int) {
        let size = program.sizes[step.result]
        for image in 0..<images {
            let operands = step.operands.map { UnsafePointer(floats($0) + image * program.sizes[$0]) }
            let y = UnsafeMutableBufferPointer(start: floats(step.result) + image * size, count: size)
            switch step.operation {
            case .convolution: break
            case .groupNorm(let norm): normalizer.groupNorm(norm, operands, y)
            case .affine(let affine, let clamp): normalizer.affine(affine, clamp, operands, y)
            case .layerNorm(let gamma, let beta, let epsilon):
                normalizer.layerNorm(gamma, beta, epsilon, operands[0], y)
            case .add(let clamp): MapOperations.add(operands, y, clamp)
            case .broadcast(let strides, let isProduct):
                MapOperations.broadcast(operands, strides, y, isProduct ? (*) : (+))
            case .activation(let activation, let features):
                MapOperations.activate(activation, features, operands[0], y)
            case .pool(let pool): MapOperations.pool(pool, operands[0], y)
            case .globalPool(let kind, let channels):
                let positions = program.sizes[step.operands[0]] / channels
                MapOperations.globalPool(kind, positions, channels, operands[0], y)
            case .zeroPad(let margins, let shape): MapOperations.pad(margins, shape, operands[0], y)
            case .padChannels(let before, let from, let to):
                MapOperations.padChannels(before: before, from: from, to: to, operands[0], y)
            case .concatenate(let features): MapOperations.concatenate(operands, features, y)
            }
        }
    }
}
