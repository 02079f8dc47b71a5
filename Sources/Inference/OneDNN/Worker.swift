import Networks
import Tensors

/// One thread's memory, and the program bound to it.
package final class Worker {
    private let program: Program
    private let stages: [Stage]
    private let plan: BufferPlan
    private let memory: AlignedMemory
    private let scratch: AlignedMemory
    private let executions: [Int: any BoundConvolution]
    private let stream: OneDNNStream
    private let normalizer: Normalizer
    private let moments: [Int: ChannelMoments]

    package init(
        _ program: Program, _ stages: [Stage], _ plan: BufferPlan,
        _ convolutions: [Int: any CompiledConvolution],
        _ device: OneDNNDevice, team: Int
    ) throws {
        let memory = try AlignedMemory(bytes: plan.size * MemoryLayout<Float>.stride)
        let scratch = try AlignedMemory(bytes: convolutions.values.map(\.scratchBytes).max() ?? 0)
        executions = try convolutions.mapValues { try $0.bind(scratch: scratch.address, team: team) }
        let statistics = program.steps.enumerated().compactMap { index, step in
            guard case .groupStatistics(let norm) = step.operation else {
                return nil as (Int, ChannelMoments)?
            }
            return (index, ChannelMoments(channels: norm.gamma.count))
        }
        moments = Dictionary(uniqueKeysWithValues: statistics)
        self.program = program
        self.stages = stages
        self.plan = plan
        self.memory = memory
        self.scratch = scratch
        stream = try OneDNNStream(device)
        normalizer = Normalizer()
    }

    /// Where the first `count` images' values of an input are to be written, [images, values].
    package func input(_ index: Int, count: Int) -> UnsafeMutableBufferPointer<Float> {
        let value = program.inputs[index]
        return UnsafeMutableBufferPointer(start: floats(value), count: count * program.sizes[value])
    }

    /// What the first `count` images' values of an output are, [images, values]; valid until the next call.
    package func output(_ index: Int, count: Int) -> UnsafeBufferPointer<Float> {
        let value = program.outputs[index]
        return UnsafeBufferPointer(start: floats(value), count: count * program.sizes[value])
    }

    /// Executes the program for at most `batch` images whose inputs are written.
    package func run(count: Int) throws {
        for stage in stages { try run(stage, images: count) { _ in } }
    }

    /// Executes the program and returns the seconds that each layer took by a clock.
    package func timedRun(count: Int, clock: LayerClock) throws -> [Double] {
        let layers = program.layerOfStep
        var seconds = [Double](repeating: 0, count: (layers.last ?? -1) + 1)
        var start = clock.seconds
        for stage in stages {
            try run(stage, images: count) { step in
                let end = clock.seconds
                seconds[layers[step]] += end - start
                start = end
            }
        }
        return seconds
    }

    /// Executes a stage's tiles, a few images at a time.
    private func run(_ stage: Stage, images count: Int, done: (Int) -> Void) throws {
        for first in stride(from: 0, to: count, by: stage.images) {
            for tile in stage.tiles {
                try run(tile, images: first..<min(first + stage.images, count), done: done)
            }
        }
    }

    /// Executes a tile's steps, whole or part after part, and tells of each that it is done.
    private func run(_ tile: FusedTile, images: Range<Int>, done: (Int) -> Void) throws {
        guard let parts = tile.parts else {
            for index in tile.steps {
                try runWhole(index, images: images)
                done(index)
            }
            return
        }
        let end = images.upperBound * parts.positions
        for first in stride(from: images.lowerBound * parts.positions, to: end, by: parts.length) {
            for index in tile.steps {
                try run(index, from: first, to: min(first + parts.length, end), parts.positions)
                done(index)
            }
        }
    }

    /// Executes a step on whole maps.
    private func runWhole(_ index: Int, images: Range<Int>) throws {
        let step = program.steps[index]
        if let execution = executions[index] {
            let first = images.lowerBound
            try execution.run(
                floats(step.operands[0], of: first), to: floats(step.result, of: first),
                images: images.count, on: stream)
        } else {
            for image in images { run(index, Place(image: image, positions: 0..<1, total: 1)) }
        }
    }

    /// Executes a step on positions of several images' maps, which follow one another.
    private func run(_ index: Int, from first: Int, to end: Int, _ positions: Int) throws {
        let step = program.steps[index]
        if let execution = executions[index] {
            let (source, result) = (step.operands[0], step.result)
            let (image, own) = (first / positions, first % positions)
            try execution.run(
                floats(source, of: image) + program.sizes[source] / positions * own,
                to: floats(result, of: image) + program.sizes[result] / positions * own, images: 1, on: stream
            )
            return
        }
        for image in first / positions...(end - 1) / positions {
            let start = image * positions
            let part = max(first - start, 0)..<min(end - start, positions)
            run(index, Place(image: image, positions: part, total: positions))
        }
    }

    /// Where an image's share of a value begins; those of a stage's images follow one another.
    private func floats(_ value: Int, of image: Int = 0) -> UnsafeMutablePointer<Float> {
        memory.floats + plan.offsets[value] + image % plan.images[value] * program.sizes[value]
    }

    /// Positions of one image's maps.
    private struct Place {
        var image: Int
        var positions: Range<Int>
        /// Of a map.
        var total: Int
    }

    /// A map's values at a place.
    private func map(_ value: Int, at place: Place) -> UnsafeMutableBufferPointer<Float> {
        let size = program.sizes[value]
        let each = size / place.total
        return UnsafeMutableBufferPointer(
            start: floats(value, of: place.image) + place.positions.lowerBound * each,
            count: place.positions.count * each)
    }

    /// Everything but convolutions, image by image: an image's map stays in cache between two passes over it.
    private func run(_ index: Int, _ place: Place) {
        let step = program.steps[index]
        let operands = step.maps.compactMap { map($0, at: place).baseAddress.map { UnsafePointer($0) } }
        if case .groupStatistics(let norm) = step.operation {
            let each = program.sizes[step.operands[0]] / place.total / norm.gamma.count
            moments[index]?.add(
                operands[0], positions: place.positions.lowerBound * each..<place.positions.upperBound * each,
                of: place.total * each, norm, into: floats(step.result, of: place.image))
            return
        }
        let y = map(step.result, at: place)
        switch step.operation {
        case .convolution, .groupStatistics: break
        case .transposedConvolution(let step): step.run(operands[0], y)
        case .groupNorm(let norm):
            Normalizer.apply(
                floats(step.operands[1], of: place.image), of: norm, operands[0],
                operands.count > 1 ? operands[1] : nil, y)
        case .affine(let affine, let clamp): normalizer.affine(affine, clamp, operands, y)
        case .layerNorm(let gamma, let beta, let epsilon):
            normalizer.layerNorm(gamma, beta, epsilon, operands[0], y)
        case .add(let clamp): MapOperations.add(operands, y, clamp)
        case .broadcast(let strides, let combination):
            MapOperations.broadcast(operands, strides, y, combination)
        case .crop, .resize, .selectChannels, .permute, .unitNorm:
            MapOperations.run(step.operation, operands[0], y)
        case .activation(let activation, let features):
            MapOperations.activate(activation, features, operands[0], y)
        case .prelu(let slopes): MapOperations.prelu(slopes, operands[0], y)
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
