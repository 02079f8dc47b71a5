import Inference
import Networks
import Synchronization
import Tensors
import Threads
import Training

/// Trains a network on labelled images, step by step.
package final class FineTuner {
    /// What a step did.
    package struct Step: Sendable {
        /// The batch's mean loss before the step.
        package var loss: Double
        /// Images whose largest output is their label's.
        package var hits: Int
        /// The learning rate.
        package var rate: Double
        /// The norm of the gradient.
        package var gradientNorm: Double
    }

    /// What is trained, up to the logits.
    package let network: Network
    /// How.
    package let options: FineTuningOptions
    /// Steps done.
    package private(set) var steps = 0

    private let parameters: ParameterTable
    private let trainer: Trainer
    private let loss: CrossEntropy
    private let classes: Int
    private let imageSize: Int
    private var values: [Float]
    private var gradient: [Float]
    private let workers: Int
    private var optimizer: any Optimizer
    private var statistics: RunningStatistics?

    /// Compiles the passes.
    ///
    /// - Parameters:
    ///   - network: the network, up to its logits.
    ///   - parameters: its parameters.
    ///   - imageShape: the shape of an image.
    ///   - standardized: kernels whose filters are to stay standardized.
    ///   - raw: stored filters, where a layer standardizes them; else filters start as they are.
    ///   - frozen: names of parameters that stay as they are.
    ///   - classWeights: what the classes count for; nil for 1.
    ///   - keepsUnbiasedVariances: whether running variances have Bessel's correction, as in PyTorch.
    ///   - options: how it is trained.
    ///   - workers: threads; the result does not depend on it.
    /// - Throws: `InferenceError`, `NetworkError`.
    package init(
        _ network: Network, parameters: ParameterTable, imageShape: Shape, standardized: Set<String> = [],
        standardizationEpsilon: Double = 1e-10, raw: ParameterTable? = nil, frozen: Set<String> = [],
        classWeights: [Double]? = nil,
        keepsUnbiasedVariances: Bool = true, options: FineTuningOptions, workers: Int,
        workerBytes: Int = 256 << 20, imagesAtOnce: Int? = nil
    ) throws {
        let shapes = try network.shapes(forImage: imageShape)
        let hasBatchNorms = network.nodes.contains { $0.operation.isBatchNorm }
        let mode = hasBatchNorms ? options.batchNorms : .frozen
        let layout = ParameterLayout(
            network, standardized: options.standardization == .layer ? standardized : [],
            epsilon: standardizationEpsilon, includesBatchNorms: mode != .frozen, frozen: frozen)
        trainer = try Trainer(
            network, parameters: parameters, shapes: shapes, taps: [network.output], layout: layout,
            batch: options.batch, batchNorms: mode, workers: workers, workerBytes: workerBytes,
            imagesAtOnce: imagesAtOnce)
        (self.network, self.parameters, self.options) = (network, parameters, options)
        classes = shapes[network.output].count
        imageSize = imageShape.count
        loss = CrossEntropy(classes: classes, smoothing: options.labelSmoothing, weights: classWeights)
        values = Self.sized(try layout.values(in: raw ?? parameters), layout)
        gradient = [Float](repeating: 0, count: layout.count)
        self.workers = workers
        optimizer = options.optimizer(count: layout.count)
        statistics =
            mode == .batch
            ? try RunningStatistics(
                network, parameters, momentum: options.batchNormMomentum, isUnbiased: keepsUnbiasedVariances)
            : nil
    }

    /// Brings filters of variance 1 that a layer standardizes to He's size, √(2/n) for n weights. That changes no output. The
    /// gradient of such a filter is in proportion to 1/size, so that a rate turns it as far as in other networks.
    private static func sized(_ values: [Float], _ layout: ParameterLayout) -> [Float] {
        var values = values
        for entry in layout.entries where entry.standardization != nil {
            let count = entry.convolution?.filterSize ?? 1
            let square = values[entry.range].reduce(0.0) { $0 + Double($1) * Double($1) }
            guard square > 0.25 * Double(entry.range.count) else { continue }
            let factor = Float((2 / Double(count)).squareRoot())
            for index in entry.range { values[index] *= factor }
        }
        return values
    }

    /// Trained values.
    package var parameterCount: Int { values.count }

    /// Takes one step on a batch of images, [images, height, width, channels].
    package func step(_ images: [Float], labels: [Int]) throws -> Step {
        precondition(labels.count == trainer.batch && images.count == labels.count * imageSize)
        var images = images
        var targets = labels.map { CrossEntropy.Target($0) }
        if options.mixup > 0 {
            let mixup = Mixup(
                alpha: options.mixup, count: labels.count, seed: options.seed, step: steps)
            mixup.mix(&images, size: imageSize)
            targets = mixup.targets(labels)
        }
        let (losses, hits) = try takeGradient(images, targets)
        let norm = sumOfSquares(gradient, workers: workers).squareRoot()
        let clipped = options.clipping.map { min(1, $0 / (norm + 1e-6)) } ?? 1
        let rate = options.learningRate * options.schedule.factor(step: steps, of: options.steps)
        let batchLoss = losses.reduce(0, +)
        if batchLoss.isFinite, norm.isFinite {
            optimizer.step(
                &values, gradient: gradient, rate: Float(rate), scale: Float(clipped), workers: workers)
        }
        steps += 1
        return Step(loss: batchLoss, hits: hits.reduce(0, +), rate: rate, gradientNorm: norm)
    }

    private func takeGradient(
        _ images: [Float], _ targets: [CrossEntropy.Target]
    ) throws -> (losses: [Double], hits: [Int]) {
        let results = Mutex([(loss: Double, hit: Int)](repeating: (0, 0), count: targets.count))
        let told = Mutex<[NormBatch]>([])
        let (loss, classes, size) = (loss, classes, imageSize)
        let total = loss.total(targets)
        try trainer.takeGradient(
            at: values, into: &gradient,
            load: { range, buffer in
                _ = buffer.update(fromContentsOf: images[range.lowerBound * size..<range.upperBound * size])
            },
            loss: { _, range, logits, gradient in
                for (place, image) in range.enumerated() {
                    let own = place * classes..<(place + 1) * classes
                    let row = UnsafeBufferPointer(rebasing: logits[own])
                    let part = loss.add(
                        targets[image], row, total: total,
                        to: UnsafeMutableBufferPointer(rebasing: gradient[own]))
                    let best = row.indices.max { row[$0] < row[$1] }
                    let hit = best == targets[image].label ? 1 : 0
                    results.withLock { $0[image] = (part, hit) }
                }
            },
            observe: { batch in told.withLock { $0.append(batch) } })
        for batch in told.withLock(\.self) { statistics?.add(batch) }
        let found = results.withLock(\.self)
        return (found.map(\.loss), found.map(\.hit))
    }

    /// The trained parameters in the checkpoint's shapes and layouts, filters standardized where they are to be, and running
    /// statistics.
    package var tensors: [String: Tensor] {
        var result = statistics?.tensors ?? [:]
        let values = trainer.layout.effective(values)
        for entry in trainer.layout.entries {
            guard let shape = parameters[entry.name]?.shape else { continue }
            result[entry.name] = trainer.layout.tensor(entry, of: values, shape: shape)
        }
        return result
    }

    // MARK: Snapshots

    /// All that changes, to go on with later.
    package var snapshot: FineTuningSnapshot {
        FineTuningSnapshot(
            steps: steps, values: values, optimizer: optimizer.state, statistics: statistics?.snapshot ?? [])
    }

    /// Goes on from there. False where it is of another network or other options.
    package func resume(_ snapshot: FineTuningSnapshot) -> Bool {
        guard snapshot.values.count == values.count,
            snapshot.optimizer.map(\.count) == optimizer.state.map(\.count),
            snapshot.statistics.map(\.count) == (statistics?.snapshot ?? []).map(\.count)
        else { return false }
        values = snapshot.values
        optimizer.resume(snapshot.optimizer, steps: snapshot.steps)
        statistics?.resume(snapshot.statistics)
        steps = snapshot.steps
        return true
    }
}
