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
