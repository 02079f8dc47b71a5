import Foundation
import Inference
import Networks
import Synchronization
import Tensors
import Training

/// Makes images from what a network's batch norms remember: pixels move until the statistics of what enters each norm
/// are the stored ones (DeepInversion, Yin et al. 2020; ZeroQ, Cai et al. 2020).
///
/// The loss of a micro-batch is `StatisticsLoss`, the cross-entropy of `ClassTargets` where the network is a classifier, and a little
/// for neighbours that differ. It falls by Adam in rounds, along a cosine each, until statistics are near enough. Pixels lie between black, 0, and white, 1.
package struct Synthesis {
    /// What black and white are to the network, of one channel.
    package typealias PixelLimits = (black: Float, white: Float)

    private let network: Network
    private let parameters: ParameterTable
    private let shape: Shape
    private let limits: [PixelLimits]
    private let budget: SynthesisBudget
    private let seed: UInt64
    private let workers: Int
    private let showsClasses: Bool

    /// Prepares images for a network, whose output is what it gives before a final softmax or sigmoid. `limits` are of
    /// each channel. `showsClasses`: the outputs are classes, and images are mixtures of them.
    package init(
        _ network: Network, parameters: ParameterTable, limits: [PixelLimits], budget: SynthesisBudget,
        showsClasses: Bool, seed: UInt64, workers: Int
    ) {
        self.showsClasses = showsClasses
        self.network = network
        self.parameters = parameters
        self.limits = limits
        self.budget = budget
        self.seed = seed
        self.workers = workers
        shape = [budget.size.height, budget.size.width, network.input.channels]
    }

    /// Adam's rate to begin with.
    private static let rate = 0.1
    /// A calibration needs so many images.
    private static let fewestImages = 8
    /// The statistics' loss for each norm that is near enough.
    static let enough = 0.02
    /// The share of the first loss that images of an estimate have to be below after a third of their steps.
    private static let hopeless = 0.7
    /// What the cross-entropy of classes counts for each norm.
    private static let classWeight: Float = 0.01
    /// What the mean squared difference of neighbours counts.
    private static let smoothness: Float = 0.4

    /// Makes the images, preprocessed. Once the clock is over there are fewer of them, and they are as far as they came.
    /// `progress` is told how many steps of how many are done.
    ///
    /// Throws `SynthesisFailure` where there are no statistics, or none are approached.
    package func run(
        until clock: CalibrationClock = CalibrationClock(seconds: nil), progress: (Int, Int) -> Void
    ) throws -> (images: ActivationStore, report: SynthesisReport) {
        let watch = Stopwatch()
        let (images, made) = try watch.measure { try settled(until: clock, progress: progress) }
        var report = made
        report.seconds = watch.seconds
        guard clock.isOver || report.lastLoss <= 0.5 * report.firstLoss || report.isNear else {
            throw SynthesisFailure.distant(first: report.firstLoss, last: report.lastLoss)
        }
        return (images, report)
    }

    private func settled(
        until clock: CalibrationClock, progress: (Int, Int) -> Void
    ) throws -> (images: ActivationStore, report: SynthesisReport) {
        let (count, steps) = (budget.images, budget.steps)
        let statistics = try StatisticsLoss(network, parameters: parameters)
        guard !statistics.taps.isEmpty else { throw SynthesisFailure.noBatchNorm }
        let batches = (count - 1) / (Trainer.microBatches * budget.microBatch) + 1
        let shapes = try network.shapes(forImage: shape)
        func gradients(_ taps: [Int]) throws -> ImageGradients {
            try ImageGradients(
                network, parameters: parameters, shapes: shapes, taps: taps,
                batch: (count + batches - 1) / batches, workers: workers)
        }
        let gradients = try gradientsToClasses(gradients, statistics.taps)
        let targets = ClassTargets(
            outputs: shapes[network.output].count,
            weight: Self.classWeight * Float(statistics.taps.count))
        var (made, parts) = (0, [ArraySlice<Float>]())
        var report = SynthesisReport(
            images: count, height: shape[0], width: shape[1],
            microBatch: gradients.batch / Trainer.microBatches, norms: statistics.taps.count, steps: 0,
            firstLoss: 0, lastLoss: 0, seconds: 0)
        var random = SplitMix64(seed: seed &+ 0x1A6E5)
        var done = 0
        progress(0, batches * steps)
        for batch in 0..<batches where made < Self.fewestImages || !clock.isOver {
            var pixels = try start(gradients.batch, &random)
            let (taken, first, last) = try settle(
                &pixels, gradients, Loss(statistics: statistics, targets: targets, first: made), until: clock
            ) {
                progress(done + $0, done + $1 + (batches - batch - 1) * steps)
            }
            done += taken
            report.steps = max(report.steps, taken)
            report.firstLoss += (first - report.firstLoss) / Double(batch + 1)
            report.lastLoss += (last - report.lastLoss) / Double(batch + 1)
            let images = min(gradients.batch, count - made)
            parts.append(preprocessed(pixels)[..<(images * shape.count)])
            made += images
        }
        report.images = made
        let store = try ActivationStore(shape: shape, count: made)
        Array(parts.joined()).withUnsafeBufferPointer { store.store(0..<made, $0) }
        return (store, report)
    }

    /// What leads to pixels from the statistics and, where there is a way back from them, from the classes.
    private func gradientsToClasses(
        _ gradients: ([Int]) throws -> ImageGradients, _ taps: [Int]
    ) throws -> ImageGradients {
        guard showsClasses else { return try gradients(taps) }
        do { return try gradients(taps + [network.output]) } catch InferenceError.cannotTrain(let layer) {
            guard budget.purpose == .calibration else { throw SynthesisFailure.noWayBack(layer: layer) }
            return try gradients(taps)
        }
    }

    /// Pixels to start from. They have large structures and differ in brightness, as photographs do: few steps are enough then.
    private func start(_ count: Int, _ random: inout SplitMix64) throws -> [Float] {
        let noise = FractalNoise(shape: shape, limits: limits.map { _ in (black: 0, white: 1) })
        return try noise.images(count, seed: random.next()).values(0..<count)
    }

    /// The loss of a batch whose images are numbered from `first`.
    private struct Loss: Sendable {
        let statistics: StatisticsLoss
        let targets: ClassTargets
        let first: Int

        /// Adds a tap's gradient, and gives its part of the statistics' loss.
        func add(
            _ tap: Int, _ images: Range<Int>, _ values: UnsafeBufferPointer<Float>,
            _ gradient: UnsafeMutableBufferPointer<Float>
        ) -> Double {
            guard tap == statistics.taps.count else { return statistics.add(tap, values, gradient) }
            targets.add(first + images.lowerBound..<first + images.upperBound, values, gradient)
            return 0
        }
    }

    /// Moves a batch's pixels, round after round. Gives the steps that it took, and the statistics' loss before and
    /// after.
    private func settle(
        _ pixels: inout [Float], _ gradients: ImageGradients, _ loss: Loss,
        until clock: CalibrationClock, progress: (_ done: Int, _ total: Int) -> Void
    ) throws -> (steps: Int, first: Double, last: Double) {
        var (current, last) = try gradient(gradients, loss, pixels)
        let first = last
        let enough = Self.enough * Double(loss.statistics.taps.count)
        var (taken, before) = (0, Double.infinity)
        // A round that brings statistics hardly nearer is the last.
        for round in 1...budget.rounds where taken == 0 || last > enough && last < 0.9 * before {
            before = last
            var adam = Adam(count: pixels.count, beta1: 0.5, beta2: 0.9)
            for step in 0..<budget.steps where !clock.isOver {
                guard last.isFinite else { throw SynthesisFailure.diverged }
                let factor = 0.5 * (1 + cos(Double.pi * Double(step) / Double(budget.steps)))
                adam.step(&pixels, gradient: current, rate: Float(Self.rate * factor))
                for index in pixels.indices { pixels[index] = min(max(pixels[index], 0), 1) }
                (current, last) = try gradient(gradients, loss, pixels)
                taken += 1
                progress(taken, round * budget.steps)
                // Statistics that are not those of the network, such as random ones, are not waited for.
                if budget.purpose == .estimate, taken == budget.steps / 3, last > Self.hopeless * first,
                    last > 5 * enough
                {
                    throw SynthesisFailure.distant(first: first, last: last)
                }
            }
        }
        guard last.isFinite else { throw SynthesisFailure.diverged }
        return (taken, first, last)
    }

    /// The gradient with respect to pixels, and the mean of the micro-batches' losses.
    private func gradient(
        _ gradients: ImageGradients, _ loss: Loss, _ pixels: [Float]
    ) throws -> ([Float], Double) {
        let count = Trainer.microBatches
        let microBatch = gradients.batch / count
        let losses = Mutex([Double](repeating: 0, count: count))
        var gradient = try gradients.gradient(at: preprocessed(pixels)) { tap, images, values, gradient in
            let part = loss.add(tap, images, values, gradient)
            losses.withLock { $0[images.lowerBound / microBatch] += part }
        }
        for index in gradient.indices {
            let (black, white) = limits[index % limits.count]
            gradient[index] *= white - black
        }
        addRoughness(pixels, microBatch: microBatch, to: &gradient)
        return (gradient, losses.withLock { $0 }.reduce(0, +) / Double(count))
    }

    /// What pixels are to the network.
    private func preprocessed(_ pixels: [Float]) -> [Float] {
        pixels.indices.map { index in
            let (black, white) = limits[index % limits.count]
            return black + pixels[index] * (white - black)
        }
    }

    /// The gradient of a micro-batch's mean squared difference between neighbours.
    private func addRoughness(_ pixels: [Float], microBatch: Int, to gradient: inout [Float]) {
        let (height, width, channels) = (shape[0], shape[1], shape[2])
        let factor = 2 * Self.smoothness / Float(microBatch * shape.count)
        func add(_ first: Int, _ second: Int) {
            let slope = factor * (pixels[second] - pixels[first])
            gradient[second] += slope
            gradient[first] -= slope
        }
        for row in 0..<pixels.count / (width * channels) {
            for place in row * width * channels..<(row + 1) * width * channels {
                if place + channels < (row + 1) * width * channels { add(place, place + channels) }
                if row % height + 1 < height { add(place, place + width * channels) }
            }
        }
    }
}
