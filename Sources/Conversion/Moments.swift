import Foundation

/// Mean and variance of each channel of a value inside the network, over samples and positions, as far as the
/// stored parameters tell. Channels are taken as independent Gaussians.
struct Moments: Equatable {
    /// Mean per channel.
    var mean: [Double]
    /// Variance per channel.
    var variance: [Double]

    var channels: Int { mean.count }

    /// Standard Gaussians, for values of which nothing is known.
    static func standard(channels: Int) -> Moments {
        Moments(
            mean: [Double](repeating: 0, count: channels), variance: [Double](repeating: 1, count: channels))
    }

    /// The same channels over and over, as a flattened channels-last map has them; where that does not come out
    /// even, every channel gets the average.
    func tiled(to count: Int) -> Moments {
        if count == channels { return self }
        if channels > 0, count % channels == 0 {
            return Moments(
                mean: (0..<count).map { mean[$0 % channels] },
                variance: (0..<count).map { variance[$0 % channels] })
        }
        let share = Double(max(channels, 1))
        return Moments(
            mean: [Double](repeating: mean.reduce(0, +) / share, count: count),
            variance: [Double](repeating: variance.reduce(0, +) / share, count: count))
    }

    /// The moments of x·scale + offset.
    func scaled(by scale: [Double], offset: [Double]) -> Moments {
        Moments(
            mean: mean.indices.map { mean[$0] * scale[$0] + offset[$0] },
            variance: variance.indices.map { variance[$0] * scale[$0] * scale[$0] })
    }

    /// The moments of a sum of independent values.
    static func + (left: Moments, right: Moments) -> Moments {
        let count = max(left.channels, right.channels)
        let (left, right) = (left.tiled(to: count), right.tiled(to: count))
        return Moments(
            mean: zip(left.mean, right.mean).map { $0 + $1 },
            variance: zip(left.variance, right.variance).map { $0 + $1 })
    }

    /// The moments of a product of independent values: E[xy] = E[x]E[y], E[x²y²] = E[x²]E[y²].
    static func * (left: Moments, right: Moments) -> Moments {
        let count = max(left.channels, right.channels)
        let (left, right) = (left.tiled(to: count), right.tiled(to: count))
        let mean = zip(left.mean, right.mean).map { $0 * $1 }
        return Moments(
            mean: mean,
            variance: mean.indices.map { channel in
                let (m, n) = (left.mean[channel], right.mean[channel])
                let (v, w) = (left.variance[channel], right.variance[channel])
                return v * w + v * n * n + w * m * m
            })
    }

    /// The channels of several values one after another.
    static func concatenated(_ parts: [Moments]) -> Moments {
        Moments(mean: parts.flatMap(\.mean), variance: parts.flatMap(\.variance))
    }

    /// Each channel through a function from (mean, variance) to (mean, variance).
    func mapped(_ transform: (Double, Double) -> (mean: Double, variance: Double)) -> Moments {
        var result = self
        for channel in mean.indices {
            (result.mean[channel], result.variance[channel]) = transform(mean[channel], variance[channel])
        }
        return result
    }
}

/// E[max(x, 0)] and E[max(x, 0)²] of a Gaussian x: mΦ(m/s) + sφ(m/s) and (m² + s²)Φ(m/s) + msφ(m/s).
func reluMoments(mean: Double, variance: Double) -> (first: Double, second: Double) {
    let deviation = variance.squareRoot()
    let ratio = mean / deviation
    guard deviation > 0, ratio.isFinite else {
        let value = max(mean, 0)
        return (value, value * value)
    }
    let density = exp(-ratio * ratio / 2) / (2 * Double.pi).squareRoot()
    let probability = erfc(-ratio / 2.0.squareRoot()) / 2
    return (
        max(mean * probability + deviation * density, 0),
        max((mean * mean + variance) * probability + mean * deviation * density, 0)
    )
}
