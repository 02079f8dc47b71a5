import Foundation
import Networks

extension Moments {
    /// The moments of a function of Gaussian values: in closed form where the function is piecewise linear.
    func activated(_ activation: Activation) -> Moments {
        switch activation {
        case .relu:
            mapped { mean, variance in
                centred(reluMoments(mean: mean, variance: variance))
            }
        case .clippedReLU(let limit):
            mapped { clipped(mean: $0, variance: $1, limit: Double(limit)) }
        case .leakyReLU(let slope):
            mapped { leaky(mean: $0, variance: $1, slope: Double(slope)) }
        case .sigmoid: integrated { 1 / (1 + exp(-$0)) }
        case .tanh: integrated { tanh($0) }
        case .swish: integrated { $0 / (1 + exp(-$0)) }
        case .softmax:
            // Sums to 1; nothing that needs moments follows it in practice.
            mapped { _, _ in (1 / Double(channels), 0) }
        }
    }

    /// E[f] and Var[f] by the trapezoidal rule over ±8 standard deviations, which converges exponentially.
    private func integrated(_ function: (Double) -> Double) -> Moments {
        let step = 0.125
        let nodes = (-64...64).map { Double($0) * step }
        let weights = nodes.map { exp(-$0 * $0 / 2) / (2 * Double.pi).squareRoot() * step }
        return mapped { mean, variance in
            let deviation = variance.squareRoot()
            var (first, second) = (0.0, 0.0)
            for (node, weight) in zip(nodes, weights) {
                let value = function(mean + deviation * node)
                first += weight * value
                second += weight * value * value
            }
            return centred((first, second))
        }
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
