import Datasets
import FineTuning
import Tensors
import Threads

/// Training images that are held out, and the batches of the others.
struct Fold: Sendable {
    /// The images that are held out.
    let heldOut: [Int]
    /// The images of each step, and the epoch in which they are drawn.
    let batches: [(epoch: Int, images: [Int])]
}

extension FineTuneJob {
    /// Training images that a search for the rate needs at least: of fewer a quarter says nothing.
    static let leastForSearch = 8

    /// Up to four folds that hold out different images, each a quarter of all but at most 256.
    func folds(_ count: Int, steps: Int) -> [Fold] {
        let order = training.order(epoch: -1)
        let size = min(256, order.count / 4)
        return (0..<count).map { fold in
            let held = order[fold * size..<(fold + 1) * size]
            let others = order[..<held.startIndex] + order[held.endIndex...]
            return Fold(
                heldOut: Array(held), batches: batches(from: 0, to: steps, of: Array(others)))
        }
    }

    /// The loss on a fold's held-out images after training on the others; nil where the training diverges.
    /// `afterStep` is called after each step.
    func loss(
        of fold: Fold, _ options: FineTuningOptions, afterStep: () throws -> Void
    ) throws -> Double? {
        try trained(options, on: fold.batches, afterStep: afterStep).map { try loss($0, on: fold.heldOut) }
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
