/// What is averaged over images or classes, in a form that is fast to average over many draws of the images.
struct Means: Sendable {
    private let losses: [Double]
    private let briers: [Double]
    private let labels: [Int]
    private let isCorrect: [Bool]
    private let classes: Int

    init(_ outcomes: [Outcome], labels: [Int], classes: Int) {
        losses = outcomes.map { $0.loss ?? .nan }
        briers = outcomes.map { $0.brier ?? .nan }
        isCorrect = outcomes.map { $0.isCorrect(within: 1) }
        self.labels = labels
        self.classes = classes
    }

    /// Mean loss, mean Brier score and the mean over classes of their accuracies, with intervals; the first two are nil
    /// unless all outputs are finite. Classes without images, or that a draw leaves without, are in no mean.
    func estimates(
        _ bootstrap: Bootstrap, isFinite: Bool
    ) -> (nll: Estimate?, brier: Estimate?, meanPerClass: Estimate) {
        let values = values(of: labels.indices)
        let intervals = bootstrap.intervals(images: labels.count) { self.values(of: $0) }
        let estimates = zip(values, intervals).map { Estimate(value: $0, low: $1.low, high: $1.high) }
        return (isFinite ? estimates[0] : nil, isFinite ? estimates[1] : nil, estimates[2])
    }

    private func values(of images: some Sequence<Int>) -> [Double] {
        var (count, loss, brier) = (0, 0.0, 0.0)
        var totals = [Int32](repeating: 0, count: 2 * classes)
        for image in images {
            count += 1
            loss += losses[image]
            brier += briers[image]
            totals[2 * labels[image]] += 1
            if isCorrect[image] { totals[2 * labels[image] + 1] += 1 }
        }
        var (occurring, accuracy) = (0, 0.0)
        for index in 0..<classes where totals[2 * index] > 0 {
            occurring += 1
            accuracy += Double(totals[2 * index + 1]) / Double(totals[2 * index])
        }
        return [loss / Double(count), brier / Double(count), accuracy / Double(occurring)]
    }
}
