import Foundation

/// Moments of functions of Gaussian values by the rule of Gauss and Legendre between cuts, in pieces of at most one and
/// a half standard deviations: a function may have bends where it is cut.
enum GaussianQuadrature {
    /// Where sigmoids and their like change most: cuts that keep wide Gaussians from missing it.
    static let bends: [Double] = [-16, -4, 0, 4, 16]

    /// E[f] and E[f²] of a Gaussian, within 9 standard deviations of its mean.
    static func moments(
        mean: Double, variance: Double, cuts: [Double], of function: (Double) -> Double
    ) -> (first: Double, second: Double) {
        let deviation = variance.squareRoot()
        guard deviation > 0, deviation.isFinite else {
            let value = function(mean)
            return (value, value * value)
        }
        // In standard deviations from the mean.
        let ends = stride(from: -9, through: 9, by: 1.5) + cuts.map { ($0 - mean) / deviation }
        let inside = ends.filter { abs($0) <= 9 }.sorted()
        var (first, second) = (0.0, 0.0)
        for (start, end) in zip(inside, inside.dropFirst()) where end > start {
            let (centre, half) = ((start + end) / 2, (end - start) / 2)
            for (node, weight) in rule {
                let z = centre + half * node
                let value = function(mean + deviation * z)
                let density = weight * half * exp(-z * z / 2)
                first += density * value
                second += density * value * value
            }
        }
        let scale = 1 / (2 * Double.pi).squareRoot()
        return (first * scale, second * scale)
    }

    /// Nodes and weights on −1…1: the roots of Legendre's polynomial of degree 12 by Newton's method.
    private static let rule: [(node: Double, weight: Double)] = (0..<degree).map { index in
        var x = cos(Double.pi * (Double(index) + 0.75) / (Double(degree) + 0.5))
        for _ in 0..<8 {
            let (value, slope) = legendre(x)
            x -= value / slope
        }
        let slope = legendre(x).slope
        return (x, 2 / ((1 - x * x) * slope * slope))
    }

    private static let degree = 12

    /// The polynomial's value and slope by its recurrence.
    private static func legendre(_ x: Double) -> (value: Double, slope: Double) {
        var (value, previous) = (x, 1.0)
        for n in 2...degree {
            let n = Double(n)
            (value, previous) = (((2 * n - 1) * x * value - (n - 1) * previous) / n, value)
        }
        return (value, Double(degree) * (x * value - previous) / (x * x - 1))
    }
}
