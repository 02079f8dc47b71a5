/// How well a network's confidence (the probability of its prediction) matches its accuracy.
package struct Reliability: Sendable, Equatable, Codable {
    /// Expected calibration error: the mean over images of |accuracy − confidence| in the image's bin
    /// (Guo et al. 2017, equation 3).
    package let ece: Double
    /// Bins of equal width, from confidence 0 to 1.
    package let bins: [Bin]

    /// Images of similar confidence.
    package struct Bin: Sendable, Equatable, Codable {
        /// Confidence above this, or equal to it in the first bin.
        package let low: Double
        /// Confidence up to this.
        package let high: Double
        /// Images in the bin.
        package let images: Int
        /// Their mean confidence; nil without images.
        package let confidence: Double?
        /// Their accuracy; nil without images.
        package let accuracy: Double?
    }

    /// Bins outcomes by confidence. Those without one, where an output is not finite, are left out; nil if none is
    /// left.
    package init?(_ outcomes: OutcomeList, bins count: Int = 15) {
        precondition(count > 0)
        // Edges are i / count. A confidence equal to an edge belongs to the bin below, regardless of rounding.
        let edges = (0...count).map { Double($0) / Double(count) }
        var totals = [(images: Int, confidence: Double, right: Int)](repeating: (0, 0, 0), count: count)
        for outcome in outcomes {
            guard let confidence = outcome.confidence else { continue }
            var bin = min(Int(confidence * Double(count)), count - 1)
            while bin > 0, confidence <= edges[bin] { bin -= 1 }
            while bin < count - 1, confidence > edges[bin + 1] { bin += 1 }
            totals[bin].images += 1
            totals[bin].confidence += confidence
            if outcome.isCorrect(within: 1) { totals[bin].right += 1 }
        }
        let images = totals.reduce(0) { $0 + $1.images }
        guard images > 0 else { return nil }
        bins = totals.enumerated().map { index, total in
            let share = total.images == 0 ? nil : 1 / Double(total.images)
            return Bin(
                low: edges[index], high: edges[index + 1], images: total.images,
                confidence: share.map { $0 * total.confidence },
                accuracy: share.map { $0 * Double(total.right) })
        }
        ece = totals.reduce(0) { $0 + abs(Double($1.right) - $1.confidence) } / Double(images)
    }
}
