import Evaluation

/// Accuracy against confidence, bin by bin, in a chart of 300 by 300 with the number of images below.
struct ReliabilityView {
    let reliabilityName: NetworkName
    let ece: String
    let bins: [Bin]
    let verdict: String

    struct Bin {
        let x: String
        let binWidth: String
        let y: String
        let binHeight: String
        let gapY: String
        let gapHeight: String
        let gapKind: String
        let countY: String
        let countHeight: String
        let tooltip: String
    }

    private static let size = 300.0
    private static let countTop = 318.0
    private static let countSize = 60.0

    /// Nil where no image has finite outputs.
    init?(_ evaluation: Evaluation, _ name: NetworkName) {
        guard let reliability = evaluation.reliability else { return nil }
        reliabilityName = name
        ece = Formatting.fixed(reliability.ece, digits: 3)
        let most = Double(reliability.bins.map(\.images).max() ?? 1)
        bins = reliability.bins.compactMap { bin in
            guard let confidence = bin.confidence, let accuracy = bin.accuracy else { return nil }
            let (x, width) = (bin.low * Self.size, (bin.high - bin.low) * Self.size)
            let (low, high) = (min(confidence, accuracy), max(confidence, accuracy))
            let count = Self.countSize * Double(bin.images) / most
            return Bin(
                x: place(x + 0.5), binWidth: place(width - 1), y: place((1 - accuracy) * Self.size),
                binHeight: place(accuracy * Self.size), gapY: place((1 - high) * Self.size),
                gapHeight: place((high - low) * Self.size), gapKind: accuracy < confidence ? "over" : "under",
                countY: place(Self.countTop + Self.countSize - count), countHeight: place(count),
                tooltip: "confidence \(Formatting.range(bin.low * 100, bin.high * 100, digits: 0)) %: "
                    + "\(Formatting.grouped(bin.images)) images, mean confidence \(Formatting.percent(confidence)), "
                    + "accuracy \(Formatting.percent(accuracy))")
        }
        let mean = reliability.bins.reduce((confidence: 0.0, accuracy: 0.0)) { sums, bin in
            let images = Double(bin.images)
            return (
                sums.confidence + images * (bin.confidence ?? 0), sums.accuracy + images * (bin.accuracy ?? 0)
            )
        }
        let images = Double(reliability.bins.reduce(0) { $0 + $1.images })
        verdict =
            "Mean confidence \(Formatting.percent(mean.confidence / images)), accuracy "
            + "\(Formatting.percent(mean.accuracy / images))"
            + (mean.confidence > mean.accuracy ? ": overconfident." : ": not overconfident.")
    }
}
