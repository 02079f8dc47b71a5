import Inference
import Networks
import Tensors
import Training

/// How many images are made by default, and how large: what takes minutes, for most networks of any cost.
package struct SynthesisBudget: Sendable {
    /// Rows and columns of the images.
    package let size: Extent
    /// How many.
    package let images: Int
    /// Steps of a round.
    package let steps: Int
    /// Rounds of steps at most, of which most networks need one.
    let rounds: Int
    /// Images whose statistics are taken together, at most.
    package let microBatch: Int

    /// Multiply-adds of an image beyond which images are made at half the size, where the network takes any.
    private static let dear = 1.5e9

    /// What images are made for.
    package enum Purpose: Sendable {
        /// Parameters are fitted to them.
        case calibration
        /// They tell how well networks agree.
        case estimate

        /// Multiply-adds that making them may take.
        fileprivate var affordable: Double { self == .calibration ? 9e12 : 3e12 }
        /// How many there are, in portions of the fewest.
        fileprivate var images: (fewest: Int, most: Double) { self == .calibration ? (32, 256) : (16, 128) }
        /// How many values they have in all at most: small networks of large images spend their time on pixels.
        fileprivate var values: Double { self == .calibration ? .infinity : 5e6 }
        /// Rounds at most.
        fileprivate var mostRounds: Double { self == .calibration ? 5 : 1 }
    }

    /// What the images are for.
    let purpose: Purpose

    /// The budget of a network, whose images are of `defaultSize` where neither the options nor its cost say otherwise.
    ///
    /// Throws `SynthesisFailure` where no images can be made, or the smallest micro-batch takes more than `memory` bytes.
    package init(
        _ network: Network, parameters: ParameterTable, defaultSize: Extent, _ options: SynthesisOptions,
        for purpose: Purpose = .calibration, memory: Int
    ) throws {
        try options.check()
        do {
            try self.init(checked: options, purpose, network, parameters, defaultSize, memory)
        } catch InferenceError.cannotTrain(let layer) {
            throw SynthesisFailure.noWayBack(layer: layer)
        }
    }

    private init(
        checked options: SynthesisOptions, _ purpose: Purpose, _ network: Network,
        _ parameters: ParameterTable, _ defaultSize: Extent, _ memory: Int
    ) throws {
        func shapes(_ size: Extent) throws -> [Shape] {
            try network.shapes(height: size.height, width: size.width)
        }
        var size = options.size ?? defaultSize
        let isFree = options.size == nil && network.input.height == nil && network.input.width == nil
        if isFree, try network.multiplyAdds(shapes: shapes(size)) > Self.dear {
            size = Extent(height: size.height / 2, width: size.width / 2)
        }
        let own = try shapes(size)
        let cost = max(network.multiplyAdds(shapes: own), 1) * 2 * Double(max(options.steps, 1))
        self.size = size
        steps = options.steps
        let (fewest, most) = purpose.images
        let valuesOfOne = Double(max(own[0].count, 1))
        images =
            options.images
            ?? max(
                Int(min(purpose.affordable / cost, most, purpose.values / valuesOfOne)) / fewest * fewest,
                fewest)
        self.purpose = purpose
        rounds = max(1, Int(min(purpose.affordable / (cost * Double(max(images, 1))), purpose.mostRounds)))
        // All micro-batches may be in work at once, on any number of threads the same.
        let taps = try StatisticsLoss(network, parameters: parameters).taps
        let bytes =
            try ImageGradients.bytesPerImage(network, shapes: own, taps: taps) * Trainer.microBatches
        microBatch = min(32, memory / max(bytes, 1))
        guard microBatch >= 2 else {
            throw SynthesisFailure.outOfMemory(
                height: size.height, width: size.width, bytes: 2 * bytes, limit: memory)
        }
    }
}

/// How images were made from stored statistics.
package struct SynthesisReport: Codable, Sendable, Equatable {
    /// How many images.
    package var images: Int
    /// Rows of each.
    package var height: Int
    /// Columns of each.
    package var width: Int
    /// Images whose statistics were taken together.
    package var microBatch: Int
    /// Batch norms whose statistics were approached.
    package var norms: Int
    /// Steps down the gradient, of the images that took most.
    package var steps: Int
    /// How far the statistics of noise are from the stored ones: mean over micro-batches of `StatisticsLoss`.
    package var firstLoss: Double
    /// The same of the images; 0.02 for each norm is near.
    package var lastLoss: Double
    /// Seconds that it took.
    package var seconds: Double

    private enum CodingKeys: String, CodingKey {
        case images, height, width, norms, steps, firstLoss, lastLoss, seconds
        case microBatch = "share"
    }

    /// Whether images are about as near to the statistics as those that were measured to serve.
    package var isNear: Bool { lastLoss <= nearLoss }

    /// The loss that is near still.
    package var nearLoss: Double { 5 * Synthesis.enough * Double(norms) }
}
