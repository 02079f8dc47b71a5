import Datasets
import Foundation
import Inference
import Training
import Networks
import Synchronization
import Tensors

/// Makes images from what a network's batch norms remember: pixels move until the statistics of what enters each norm
/// are the stored ones (DeepInversion, Yin et al. 2020; ZeroQ, Cai et al. 2020).
///
/// The loss of a share of the images is `StatisticsLoss` and a little for neighbours that differ. It falls by Adam in
/// rounds, along a cosine each, until statistics are near enough. Pixels lie between black, 0, and white, 1.
struct Synthesis {
    let network: Network
    let parameters: ParameterTable
    let shape: Shape
    let preprocessing: Preprocessing
    let count: Int
    /// Steps of a round.
    let steps: Int
    /// Rounds of steps at most.
    let rounds: Int
    /// Images whose statistics are taken together, at most.
    let share: Int
    let seed: UInt64
    let workers: Int

    /// Adam's rate to begin with.
    private static let rate = 0.025
    /// The statistics' loss for each norm that is near enough.
    static let enough = 0.02
    /// What the mean squared difference of neighbours counts.
    private static let smoothness: Float = 0.4

    /// What was made, and the loss at the first step and after the last.
    struct Result {
        var images: ActivationStore
        var share: Int
        var norms: Int
        /// Of the images that took most.
        var steps = 0
        var firstLoss: Double
        var lastLoss: Double
    }

    /// `progress` is told how many steps of how many are done.
    func run(progress: (Int, Int) -> Void) throws -> Result {
        let statistics = try StatisticsLoss(network, parameters: parameters)
        guard !statistics.taps.isEmpty else { throw SynthesisFailure.noBatchNorm }
        let batches = (count - 1) / (ImageGradients.shares * share) + 1
        let gradients = try ImageGradients(
            network, parameters: parameters, shapes: network.shapes(forImage: shape), taps: statistics.taps,
            batch: (count + batches - 1) / batches, workers: workers)
        let store = try ActivationStore(shape: shape, count: count)
        var result = Result(
            images: store, share: gradients.batch / ImageGradients.shares, norms: statistics.taps.count,
            firstLoss: 0, lastLoss: 0)
        var random = SplitMix64(seed: seed &+ 0x1A6E5)
        var done = 0
        progress(0, batches * steps)
        for batch in 0..<batches {
            var pixels = Noise.blurred(shape, count: gradients.batch, using: &random)
            let (taken, first, last) = try settle(&pixels, gradients, statistics) {
                progress(done + $0, done + $1 + (batches - batch - 1) * steps)
            }
            done += taken
            result.steps = max(result.steps, taken)
            result.firstLoss += first / Double(batches)
            result.lastLoss += last / Double(batches)
            let start = batch * gradients.batch
            let images = start..<min(start + gradients.batch, count)
            preprocessed(pixels).withUnsafeBufferPointer {
                store.store(images, UnsafeBufferPointer(rebasing: $0[..<(images.count * shape.count)]))
            }
        }
        return result
    }

    /// Moves a batch's pixels, round after round. Gives the steps that it took, and the statistics' loss before and
    /// after.
    private func settle(
        _ pixels: inout [Float], _ gradients: ImageGradients, _ statistics: StatisticsLoss,
        progress: (_ done: Int, _ total: Int) -> Void
    ) throws -> (steps: Int, first: Double, last: Double) {
        var (current, last) = try gradient(gradients, statistics, pixels)
        let first = last
        let enough = Self.enough * Double(statistics.taps.count)
        var (taken, before) = (0, Double.infinity)
        // A round that brings statistics hardly nearer is the last.
        for round in 1...rounds where taken == 0 || last > enough && last < 0.9 * before {
            before = last
            var adam = Adam(count: pixels.count, beta1: 0.5, beta2: 0.9)
            for step in 0..<steps {
                guard last.isFinite else { throw SynthesisFailure.diverged }
                let factor = 0.5 * (1 + cos(Double.pi * Double(step) / Double(steps)))
                adam.step(&pixels, gradient: current, rate: Float(Self.rate * factor))
                for index in pixels.indices { pixels[index] = min(max(pixels[index], 0), 1) }
                (current, last) = try gradient(gradients, statistics, pixels)
                taken += 1
                progress(taken, round * steps)
            }
        }
        guard last.isFinite else { throw SynthesisFailure.diverged }
        return (taken, first, last)
    }

    /// The gradient with respect to pixels, and the mean of the shares' losses.
    private func gradient(
        _ gradients: ImageGradients, _ statistics: StatisticsLoss, _ pixels: [Float]
    ) throws -> ([Float], Double) {
        let shares = ImageGradients.shares
        let share = gradients.batch / shares
        let losses = Mutex([Double](repeating: 0, count: shares))
        var gradient = try gradients.gradient(at: preprocessed(pixels)) { tap, images, values, gradient in
            let loss = statistics.add(tap, values, gradient)
            losses.withLock { $0[images.lowerBound / share] += loss }
        }
        let ends = ends
        for index in gradient.indices {
            gradient[index] *= ends[index % ends.count].white - ends[index % ends.count].black
        }
        addRoughness(pixels, share: share, to: &gradient)
        return (gradient, losses.withLock { $0 }.reduce(0, +) / Double(shares))
    }

    /// What black and white are to the network, by channel.
    private var ends: [(black: Float, white: Float)] { (0..<shape[2]).map(preprocessing.ends) }

    /// What pixels are to the network.
    private func preprocessed(_ pixels: [Float]) -> [Float] {
        let ends = ends
        return pixels.indices.map { index in
            let (black, white) = ends[index % ends.count]
            return black + pixels[index] * (white - black)
        }
    }

    /// The gradient of a share's mean squared difference between neighbours.
    private func addRoughness(_ pixels: [Float], share: Int, to gradient: inout [Float]) {
        let (height, width, channels) = (shape[0], shape[1], shape[2])
        let factor = 2 * Self.smoothness / Float(share * shape.count)
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

/// What images are made of: noise around the mean of photographs, whose neighbours are alike.
enum Noise {
    private static let mean: Float = 0.45
    /// Of a pixel's noise before it is blurred; blurred it has a deviation of 0.14.
    private static let amplitude: Float = 1.2

    /// Pixels of 0…1, each the mean of 5×5 uniformly random ones.
    static func blurred(_ shape: Shape, count: Int, using random: inout SplitMix64) -> [Float] {
        let (height, width, channels) = (shape[0], shape[1], shape[2])
        var pixels: [Float] = []
        pixels.reserveCapacity(count * shape.count)
        for _ in 0..<count {
            let noise = (0..<(height + 4) * (width + 4) * channels).map { _ in
                Float.random(in: -amplitude...amplitude, using: &random)
            }
            for row in 0..<height {
                for place in 0..<width * channels {
                    var sum: Float = 0
                    for window in 0..<25 {
                        let above = (row + window / 5) * (width + 4) * channels
                        sum += noise[above + place + window % 5 * channels]
                    }
                    pixels.append(min(max(mean + sum / 25, 0), 1))
                }
            }
        }
        return pixels
    }
}
