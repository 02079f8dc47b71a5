import Conversion
import Foundation
import Inference
import Training
import Networks
import Tensors

/// Trains all parameters of the new network towards the old one's values, on views of images: the old network says what each
/// of them should give, so that no labels are needed.
///
/// The loss is the squared error of the outputs, of the features that a last dense layer reads, and of each block's output on
/// average, in units of how much the old network's values vary over the batch:
///
///     L = Σ(s − t)²/Σ(t − t̄)² at the outputs + the same at the features + 20 · mean over blocks of the same
///
/// by Adam, whose step for a parameter is `rate` times the parameter's root mean square.
/// Kernels that are standardized are differentiated through their standardization.
struct Distillation {
    let source: Network
    let sourceParameters: ParameterTable
    /// The new network.
    let network: Network
    let parameters: ParameterTable
    let shapes: [Shape]
    let images: TrainingImages
    let drawing: ViewDrawing
    let settings: Settings

    struct Settings {
        var standardized: Set<String>
        var epsilon: ConversionOptions.StandardizationEpsilon
        /// How often `epochImages` are gone through.
        var epochs: Int
        /// Images of an epoch; where there are more in all, an epoch does not see every one.
        var epochImages: Int
        var batch = 16
        var seed: UInt64
        var workers: Int
        /// Bytes that the values and gradients of the images that are taken at once may take.
        var memory: Int
    }

    /// The trained parameters by name. Where the clock is faster than the steps, there are fewer of them. `progress` is told
    /// how many batches of how many are done.
    func run(_ clock: CalibrationClock, progress: (Int, Int) -> Void) throws -> [String: Tensor] {
        let taps = ends + blocks
        let layout = ParameterLayout(
            network, standardized: settings.standardized, epsilon: settings.epsilon.insideRoot)
        let batch = min(settings.batch, max(4, images.count / 4 * 4))
        let trainer = try Trainer(
            network, parameters: parameters, shapes: shapes, taps: taps, layout: layout,
            batch: batch, workers: settings.workers,
            workerBytes: min(256 << 20, settings.memory / Trainer.microBatches))
        let teacher = try OneDNNSection(
            Section(from: [0], to: taps), of: source, parameters: sourceParameters, shapes: shapes,
            workers: settings.workers)
        var values = try layout.values(in: parameters)
        let rates = startingRates(layout, values)
        var adam = Adam(count: layout.count)
        var random = SplitMix64(seed: settings.seed &+ 0xD157)
        let batches = (images.count + trainer.batch - 1) / trainer.batch
        let steps = settings.epochs * ((settings.epochImages + trainer.batch - 1) / trainer.batch)
        var epochOrder: [Int] = []
        for step in 0..<steps where !clock.isOver {
            if step % batches == 0 { epochOrder = order(step / batches) }
            let start = step % batches * trainer.batch
            let views = drawing.views(
                of: (start..<start + trainer.batch).map { epochOrder[$0 % epochOrder.count] }, using: &random)
            let gradient = try gradient(trainer, teacher, taps, values, views)
            let factor = Float(Self.schedule(max(Double(step + 1) / Double(steps + 1), clock.share)))
            adam.step(&values, gradient: gradient, layout: layout) { factor * (rates[$0.name] ?? 0) }
            progress(step + 1, steps)
        }
        return tensors(layout, values)
    }

    /// What the rate is multiplied with at a share of the way: up from 0 within the first tenth, while Adam learns the
    /// gradients' sizes, and down to 0 along a cosine.
    private static func schedule(_ share: Double) -> Double {
        0.5 * (1 + cos(Double.pi * share)) * min(1, 10 * share)
    }

    // MARK: The loss

    /// What the blocks' errors count for, in units of the outputs'.
    private static let blockWeight: Float = 20

    /// The output, and the features that it is computed from.
    private var ends: [Int] {
        guard case .dense = source.nodes[source.output].operation else { return [source.output] }
        return [source.output, source.nodes[source.output].inputs[0]]
    }

    /// Each block's output: a sum, or the ReLU behind it.
    private var blocks: [Int] {
        let needed = source.nodesNeeded(for: Section(whole: source))
        let consumers = source.consumers.map { $0.filter(needed.contains) }
        let blocks = source.nodes.indices.filter { needed.contains($0) }.compactMap { index -> Int? in
            guard case .add = source.nodes[index].operation else { return nil }
            if consumers[index].count == 1, case .activation = source.nodes[consumers[index][0]].operation {
                return consumers[index][0]
            }
            return index
        }
        let ends = ends
        return blocks.filter { !ends.contains($0) }
    }

    private func gradient(
        _ trainer: Trainer, _ teacher: OneDNNSection, _ taps: [Int], _ values: [Float],
        _ views: [TrainingView]
    ) throws -> [Float] {
        let targets = try taps.map { try ActivationStore(shape: shapes[$0], count: views.count) }
        let inputs = try ActivationStore(shape: images.shape, count: views.count)
        let images = images
        try teacher.run(
            count: views.count,
            load: { range, buffers in
                guard let start = buffers[0].baseAddress else { return }
                for (place, view) in views[range].enumerated() {
                    try images.write(view, to: start + place * images.shape.count)
                }
                inputs.store(range, UnsafeBufferPointer(buffers[0]))
            },
            store: { range, buffers in
                for (target, buffer) in zip(targets, buffers) { target.store(range, buffer) }
            })
        let ends = self.ends.count
        let scales = targets.enumerated().map { tap, target in
            let weight = tap < ends ? 1 : Self.blockWeight / Float(taps.count - ends)
            // Values that do not vary over the batch ask for nothing.
            return target.spread.map { weight * 2 / Float($0) } ?? 0
        }
        return try trainer.gradient(at: values, load: { inputs.load($0, $1) }) {
            tap, range, found, gradient in
            let target = targets[tap].values(range)
            let scale = scales[tap]
            for index in gradient.indices { gradient[index] += scale * (found[index] - target[index]) }
        }
    }

    // MARK: Images

    private func order(_ epoch: Int) -> [Int] {
        var random = SplitMix64(seed: settings.seed &+ UInt64(epoch) &* 0x9E37_79B9)
        return Array(0..<images.count).shuffled(using: &random)
    }

    // MARK: Parameters

    /// The step of a parameter in units of its size. Networks of large images know more than a few hundred images tell: larger
    /// steps forget it.
    private var rate: Double { drawing.isLarge ? 0.01 : 0.02 }

    /// A parameter's step is in proportion to its size; a bias before a norm may be far from what it will be.
    private func startingRates(_ layout: ParameterLayout, _ values: [Float]) -> [String: Float] {
        Dictionary(
            uniqueKeysWithValues: layout.entries.map { entry in
                let own = values[entry.range]
                let square = own.reduce(0.0) { $0 + Double($1) * Double($1) } / Double(max(own.count, 1))
                return (entry.name, Float(rate * max(square.squareRoot(), 1e-3)))
            })
    }

    private func tensors(_ layout: ParameterLayout, _ values: [Float]) -> [String: Tensor] {
        var result: [String: Tensor] = [:]
        for entry in layout.entries {
            guard let shape = parameters[entry.name]?.shape else { continue }
            var values = values
            if entry.standardization != nil, let convolution = entry.convolution {
                let filters = settings.epsilon.standardized(
                    values[entry.range].map(Double.init), size: convolution.filterSize)
                values.replaceSubrange(entry.range, with: filters.map(Float.init))
            }
            result[entry.name] = layout.tensor(entry, of: values, shape: shape)
        }
        return result
    }
}

extension ActivationStore {
    /// Σ(x − x̄)² over images and positions, x̄ each channel's mean; nil where that is no more than rounding.
    fileprivate var spread: Double? {
        let channels = shape[-1]
        var (sums, squares) = ([Double](repeating: 0, count: channels), 0.0)
        for image in 0..<count {
            for (index, value) in values(image..<image + 1).enumerated() {
                sums[index % channels] += Double(value)
                squares += Double(value) * Double(value)
            }
        }
        let positions = Double(count * (shape.count / channels))
        let spread = squares - sums.reduce(0) { $0 + $1 * $1 / positions }
        return spread > 1e-9 * squares && Float(spread).isNormal ? spread : nil
    }
}
