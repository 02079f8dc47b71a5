/// The difference of a layer's values in two networks, accumulated image by image in Double.
package struct LayerDifference: Sendable, Equatable {
    private var count = 0
    private var before: [Double]
    private var squareBefore = 0.0
    private var after = 0.0
    private var squareAfter = 0.0
    private var products = 0.0
    private var squares = 0.0

    /// Nothing yet, for values of `channels` channels.
    package init(channels: Int) { before = [Double](repeating: 0, count: channels) }

    /// Adds the values of some images, channels innermost, of the first network and of the second.
    package mutating func add(_ first: [Float], _ second: [Float]) {
        precondition(first.count == second.count && first.count % max(before.count, 1) == 0)
        count += first.count
        for (index, pair) in zip(first, second).enumerated() {
            let (a, b) = (Double(pair.0), Double(pair.1))
            before[index % before.count] += a
            after += b
            squareBefore += a * a
            squareAfter += b * b
            products += a * b
            squares += (a - b) * (a - b)
        }
    }

    /// Σ(b − a)²/Σ(a − ā)² with ā each channel's mean. 0 means equal values. 1 is the error of a constant, ā. Nil if the values
    /// differ and the first network's do not vary.
    package var relativeError: Double? {
        let positions = Double(count / max(before.count, 1))
        let spread = squareBefore - before.reduce(0) { $0 + $1 * $1 } / max(positions, 1)
        if squares == 0 { return 0 }
        return spread > 1e-12 * squareBefore ? squares / spread : nil
    }

    /// Σab/√(Σa²·Σb²).
    package var cosine: Double {
        let norm = (squareBefore * squareAfter).squareRoot()
        return norm > 0 ? products / norm : squares == 0 ? 1 : 0
    }

    /// Mean of all values, in the first network and in the second.
    package var means: (Double, Double) {
        let share = 1 / Double(max(count, 1))
        return (before.reduce(0, +) * share, after * share)
    }

    /// Standard deviation of all values, in the first network and in the second.
    package var deviations: (Double, Double) {
        let share = 1 / Double(max(count, 1))
        let means = means
        return (
            max(squareBefore * share - means.0 * means.0, 0).squareRoot(),
            max(squareAfter * share - means.1 * means.1, 0).squareRoot()
        )
    }
}
