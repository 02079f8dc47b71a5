import Foundation
import Networks

extension Moments {
    /// The moments of a function of Gaussian values: in closed form where the function is piecewise linear or an
    /// exponential, else by quadrature.
    func activated(_ activation: Activation) -> Moments {
        switch activation {
        case .relu:
            return mapped { mean, variance in
                centred(reluMoments(mean: mean, variance: variance))
            }
        case .clippedReLU(let limit):
            return mapped { clipped(mean: $0, variance: $1, limit: Double(limit)) }
        case .leakyReLU(let slope):
            return mapped { leaky(mean: $0, variance: $1, slope: Double(slope)) }
        case .exponential: return mapped { exponential(mean: $0, variance: $1) }
        default:
            // A softmax sums to 1; nothing that needs moments follows it in practice.
            guard let function = activation.function else {
                return mapped { _, _ in (1 / Double(channels), 0) }
            }
            let cuts = activation.breaks + GaussianQuadrature.bends
            return mapped { mean, variance in
                centred(
                    GaussianQuadrature.moments(mean: mean, variance: variance, cuts: cuts, of: function))
            }
        }
    }

    /// The moments of x where positive, slope·x elsewhere, with a slope for each channel.
    func rectified(slopes: [Double]) -> Moments {
        var result = self
        for channel in mean.indices where !slopes.isEmpty {
            (result.mean[channel], result.variance[channel]) = leaky(
                mean: mean[channel], variance: variance[channel], slope: slopes[channel % slopes.count])
        }
        return result
    }
}

private func centred(_ raw: (first: Double, second: Double)) -> (mean: Double, variance: Double) {
    (raw.first, max(raw.second - raw.first * raw.first, 0))
}

/// min(max(x, 0), L) is max(x, 0) − max(x − L, 0); the square follows likewise.
private func clipped(mean: Double, variance: Double, limit: Double) -> (mean: Double, variance: Double) {
    let below = reluMoments(mean: mean, variance: variance)
    let above = reluMoments(mean: mean - limit, variance: variance)
    return centred((below.first - above.first, below.second - above.second - 2 * limit * above.first))
}

/// The leaky function is slope·x + (1 − slope)·max(x, 0).
private func leaky(mean: Double, variance: Double, slope: Double) -> (mean: Double, variance: Double) {
    let positive = reluMoments(mean: mean, variance: variance)
    let negativeSquare = max(mean * mean + variance - positive.second, 0)
    return centred(
        (
            slope * mean + (1 - slope) * positive.first,
            slope * slope * negativeSquare + positive.second
        ))
}

/// A log-normal value's moments, e^(m+v/2) and (eᵛ − 1)·e^(2m+v), kept finite.
private func exponential(mean: Double, variance: Double) -> (mean: Double, variance: Double) {
    let largest = Double(Float.greatestFiniteMagnitude)
    let first = min(exp(mean + variance / 2), largest)
    return (first, min(expm1(min(variance, 100)) * first * first, largest))
}
