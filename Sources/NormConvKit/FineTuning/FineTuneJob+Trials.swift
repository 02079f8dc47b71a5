import Datasets
import FineTuning
import Tensors
import Threads

/// How a learning rate is tried: training images that are held out, and the batches of the others.
struct RateTrial: Sendable {
    /// Held out.
    let images: [Int]
    /// What is trained on, step by step.
    let batches: [(epoch: Int, images: [Int])]
}

extension FineTuneJob {
    /// Training images that a search for the rate needs at least: of fewer a quarter says nothing.
    static let leastForSearch = 8

    /// Up to four trials that hold out different images, each a quarter of all but at most 256.
    func rateTrials(_ count: Int, steps: Int) -> [RateTrial] {
        let order = training.order(epoch: -1)
        let size = min(256, order.count / 4)
        return (0..<count).map { trial in
            let held = order[trial * size..<(trial + 1) * size]
            let others = order[..<held.startIndex] + order[held.endIndex...]
            return RateTrial(
                images: Array(held), batches: batches(from: 0, to: steps, of: Array(others)))
        }
    }

    /// The loss on a trial's held-out images after training on the others; nil where the training diverges.
    /// `afterStep` is called after each step.
    func loss(
        of trial: RateTrial, _ options: FineTuningOptions, afterStep: () throws -> Void
    ) throws -> Double? {
        try trained(options, on: trial.batches, afterStep: afterStep).map { try loss($0, on: trial.images) }
    }

    /// The parameters after training from the start; nil where the loss, a gradient or a parameter is not finite.
    func trained(
        _ options: FineTuningOptions, on batches: [(epoch: Int, images: [Int])], afterStep: () throws -> Void
    ) throws -> [String: Tensor]? {
        let tuner = try tuner(options)
        let loader = BatchLoader(
            training, batches: batches, threads: self.options.workers, ahead: min(2 * self.options.workers, 4)
        )
        while let batch = try loader.next() {
            let step = try tuner.step(batch.values, labels: batch.images.map { labels[$0] })
            guard step.isFinite else { return nil }
            try afterStep()
        }
        let tensors = tuner.tensors
        return tensors.areFinite ? tensors : nil
    }
}

extension FineTuner.Step {
    /// Whether loss and gradient are.
    var isFinite: Bool { loss.isFinite && gradientNorm.isFinite }
}

extension [String: Tensor] {
    /// Whether all values are.
    var areFinite: Bool { values.allSatisfy { $0.firstNonFinite == nil } }
}
