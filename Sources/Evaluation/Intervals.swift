/// A share of images and its 95 % interval.
public struct Proportion: Sendable, Equatable, Codable {
    /// Images that count.
    public let count: Int
    /// `count` / images.
    public let value: Double
    /// Lower end of the 95 % interval.
    public let low: Double
    /// Upper end of the 95 % interval.
    public let high: Double

    /// `count` of `images`, with Wilson's score interval (1927) without continuity correction, which holds near 0 and
    /// 1 where the normal approximation does not. Traps unless 0 ≤ count ≤ images and images > 0.
    public init(_ count: Int, of images: Int) {
        precondition(images > 0 && (0...images).contains(count))
        let z = 1.959963984540054  // the normal distribution's 97.5 % quantile
        let n = Double(images)
        let p = Double(count) / n
        let centre = p + z * z / (2 * n)
        let margin = z * (p * (1 - p) / n + z * z / (4 * n * n)).squareRoot()
        let scale = 1 + z * z / n
        self.count = count
        value = p
        // At the ends the formula gives exactly 0 and 1, but for rounding.
        low = count == 0 ? 0 : (centre - margin) / scale
        high = count == images ? 1 : (centre + margin) / scale
    }
}

/// The difference of two networks' accuracies on the same images, and its 95 % interval.
///
/// The interval is Tango's score interval (Statistics in Medicine 17, 891–908, 1998): all differences Δ that the score
/// test does not reject, with the nuisance parameter at its maximum likelihood under Δ. Of the paired intervals it
/// keeps its 95 % best where changes are few, and it agrees with McNemar's test (the asymptotic one): it contains 0 just
/// where that does not reject.
enum PairedDifference {
    /// `lost` images right before and wrong after, `gained` the other way round, of `images`.
    static func estimate(lost: Int, gained: Int, of images: Int) -> Estimate {
        precondition(images > 0 && lost >= 0 && gained >= 0 && lost + gained <= images)
        let value = Double(gained - lost) / Double(images)
        let z = 1.959963984540054  // the normal distribution's 97.5 % quantile
        let score = { (difference: Double) in
            self.score(difference, lost: Double(lost), gained: Double(gained), images: Double(images))
        }
        // The score falls with the difference, and is 0 at the value itself.
        return Estimate(
            value: value, low: value <= -1 ? -1 : root(from: -1, to: value) { score($0) > z },
            high: value >= 1 ? 1 : root(from: value, to: 1) { score($0) > -z })
    }

    /// (gained − lost − nΔ) / √(n(2q + Δ(1 − Δ))), with q the probability of a lost image under Δ.
    private static func score(_ delta: Double, lost: Double, gained: Double, images n: Double) -> Double {
        let b = -gained - lost + (2 * n - gained + lost) * delta
        let c = -lost * delta * (1 - delta)
        let root = max(b * b - 8 * n * c, 0).squareRoot()
        // The larger root of 2n·q² + b·q + c; of its two forms the one without cancellation.
        let q = b > 0 ? -2 * c / (b + root) : (root - b) / (4 * n)
        let variance = n * (2 * max(q, 0) + delta * (1 - delta))
        let difference = gained - lost - n * delta
        if difference == 0 { return 0 }
        return variance > 0 ? difference / variance.squareRoot() : difference > 0 ? .infinity : -.infinity
    }

    /// Where the condition turns false.
    private static func root(from low: Double, to high: Double, _ holds: (Double) -> Bool) -> Double {
        var (low, high) = (low, high)
        while true {
            let middle = (low + high) / 2
            guard low < middle, middle < high else { return middle }
            if holds(middle) { low = middle } else { high = middle }
        }
    }
}
