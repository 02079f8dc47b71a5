import Foundation
import Networks

extension Moments {
    /// The moments of independent values that a layer merges, of three or more as if the first two were a Gaussian again.
    static func merged(_ parts: [Moments], by merge: Merge) -> Moments {
        guard let first = parts.first else { return Moments(mean: [], variance: []) }
        let rest = parts.dropFirst()
        switch merge {
        case .subtract: return rest.reduce(first) { $0 + $1.negated() }
        case .average:
            let share = 1 / Double(parts.count)
            return rest.reduce(first, +).mapped { ($0 * share, $1 * share * share) }
        case .maximum: return rest.reduce(first, larger)
        case .minimum: return rest.map { $0.negated() }.reduce(first.negated(), larger).negated()
        }
    }

    /// Each channel with the average of all, where they are told apart no longer.
    func averaged() -> Moments {
        let share = 1 / Double(max(channels, 1))
        let (mean, variance) = (mean.reduce(0, +) * share, variance.reduce(0, +) * share)
        return mapped { _, _ in (mean, variance) }
    }

    /// The average of all channels, for `count` of them.
    func averaged(to count: Int) -> Moments {
        let all = averaged()
        return Moments(
            mean: [Double](repeating: all.mean.first ?? 0, count: count),
            variance: [Double](repeating: all.variance.first ?? 1, count: count))
    }

    /// These channels; where one is missing, the value is another one than was thought.
    func selecting(_ places: [Int]) -> Moments {
        guard places.allSatisfy(mean.indices.contains) else { return averaged(to: places.count) }
        return Moments(mean: places.map { mean[$0] }, variance: places.map { variance[$0] })
    }

    /// The moments of x / ‖x‖, the length taken as what its square is on average.
    func atUnitLength() -> Moments {
        let squares = zip(mean, variance).reduce(0.0) { $0 + $1.0 * $1.0 + $1.1 }
        guard squares > 0 else { return self }
        return mapped { ($0 / squares.squareRoot(), $1 / squares) }
    }

    private func negated() -> Moments { mapped { (-$0, $1) } }
}

/// Mean and variance of the larger of two independent Gaussians (Clark 1961): with a² = v + w and α = (m − n)/a,
/// E = mΦ(α) + nΦ(−α) + aφ(α) and E² likewise of the second moments, plus (m + n)aφ(α).
private func larger(_ left: Moments, _ right: Moments) -> Moments {
    let count = max(left.channels, right.channels)
    let (left, right) = (left.tiled(to: count), right.tiled(to: count))
    var result = left
    for channel in 0..<count {
        let (m, v) = (left.mean[channel], left.variance[channel])
        let (n, w) = (right.mean[channel], right.variance[channel])
        let spread = (v + w).squareRoot()
        guard spread > 0, ((m - n) / spread).isFinite else {
            if n > m { (result.mean[channel], result.variance[channel]) = (n, w) }
            continue
        }
        let ratio = (m - n) / spread
        let above = erfc(-ratio / 2.0.squareRoot()) / 2
        let density = exp(-ratio * ratio / 2) / (2 * Double.pi).squareRoot()
        let first = m * above + n * (1 - above) + spread * density
        let second = (m * m + v) * above + (n * n + w) * (1 - above) + (m + n) * spread * density
        result.mean[channel] = first
        result.variance[channel] = max(second - first * first, 0)
    }
    return result
}
