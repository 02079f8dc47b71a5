/// The values to average over images or classes, stored for fast averages over many bootstrap samples.
struct Means: Sendable {
    private let losses: [Double]
    private let briers: [Double]
    /// Images and correct images of each class that has images.
    private let classes: [(images: Int, correct: Int)]

    init(_ outcomes: OutcomeList, _ scores: [ClassScores]) {
        losses = outcomes.map { $0.loss ?? .nan }
        briers = outcomes.map { $0.brier ?? .nan }
        classes = scores.filter { $0.images > 0 }.map { ($0.images, $0.correct) }
    }

    /// Mean loss, mean Brier score and the mean over classes of their recalls, with intervals; the first two are nil unless
    /// all outputs are finite.
    func estimates(
        _ bootstrap: Bootstrap, isFinite: Bool
    ) -> (nll: Estimate?, brier: Estimate?, meanPerClass: Estimate) {
        let count = Double(losses.count)
        let recall = classes.reduce(0.0) { $0 + Double($1.correct) / Double($1.images) }
        let values = [
            losses.reduce(0, +) / count, briers.reduce(0, +) / count, recall / Double(classes.count),
        ]
        let intervals = bootstrap.intervals { self.values(of: &$0) }
        let estimates = zip(values, intervals).map { Estimate(value: $0, low: $1.low, high: $1.high) }
        return (isFinite ? estimates[0] : nil, isFinite ? estimates[1] : nil, estimates[2])
    }

    /// The means of as many images as there are; for the mean over classes, as many of each class as it has: drawn from all,
    /// small classes would drop out, and the mean with them.
    private func values(of draw: inout Draw) -> [Double] {
        var (loss, brier, recall) = (0.0, 0.0, 0.0)
        for _ in losses.indices {
            let image = draw.next(of: losses.count)
            loss += losses[image]
            brier += briers[image]
        }
        for (images, correct) in classes {
            var right = 0
            for _ in 0..<images where draw.next(of: images) < correct { right += 1 }
            recall += Double(right) / Double(images)
        }
        let count = Double(losses.count)
        return [loss / count, brier / count, recall / Double(classes.count)]
    }
}
