import Foundation

/// The mean cross-entropy of a batch, as PyTorch's `cross_entropy`, of labels or of mixtures of two.
package struct CrossEntropy: Sendable {
    /// An image's label, or two and the first one's share.
    package struct Target: Sendable, Equatable {
        package var label: Int
        package var other: Int
        package var share: Double

        /// A label alone.
        package init(_ label: Int) { (self.label, other, share) = (label, label, 1) }

        /// A mixture.
        package init(_ label: Int, _ other: Int, share: Double) {
            (self.label, self.other, self.share) = (label, other, share)
        }
    }

    private let classes: Int
    private let smoothing: Double
    private let weights: [Double]

    /// - Parameters:
    ///   - classes: outputs of the network.
    ///   - smoothing: what is taken from the label's class and spread over all.
    ///   - weights: of each class; nil for 1.
    package init(classes: Int, smoothing: Double = 0, weights: [Double]? = nil) {
        self.classes = classes
        self.smoothing = smoothing
        self.weights = weights ?? [Double](repeating: 1, count: classes)
    }

    /// The sum of the labels' class weights, by which the batch's sum is divided.
    package func total(_ targets: [Target]) -> Double {
        targets.reduce(0) { $0 + $1.share * weights[$1.label] + (1 - $1.share) * weights[$1.other] }
    }

    /// An image's part of the batch's loss; its gradient with respect to the logits is added to `gradient`. `total` is that of
    /// the batch.
    package func add(
        _ target: Target, _ logits: UnsafeBufferPointer<Float>, total: Double,
        to gradient: UnsafeMutableBufferPointer<Float>
    ) -> Double {
        let largest = Double(logits.max() ?? 0)
        let exponentials = logits.map { exp(Double($0) - largest) }
        let sum = exponentials.reduce(0, +)
        let logSum = log(sum) + largest
        func goal(_ index: Int) -> Double {
            let hit =
                (index == target.label ? target.share : 0) + (index == target.other ? 1 - target.share : 0)
            return weights[index] * ((1 - smoothing) * hit + smoothing / Double(classes))
        }
        let goals = (0..<classes).map(goal)
        let mass = goals.reduce(0, +)
        var loss = 0.0
        for index in 0..<classes {
            loss += goals[index] * (logSum - Double(logits[index]))
            gradient[index] += Float((mass * exponentials[index] / sum - goals[index]) / total)
        }
        return loss / total
    }
}
