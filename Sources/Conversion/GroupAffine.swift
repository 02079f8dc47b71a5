/// The statistics of each channel that enters a batch norm, from its stored parameters.
struct ChannelStatistics: Equatable {
    /// μ per channel.
    var mean: [Double]
    /// σ² per channel.
    var variance: [Double]
    /// ε per channel: a channel that is divided by s has ε/s².
    var epsilon: [Double]
    /// 1 per channel, −1 where a channel was divided by a negative number.
    var sign: [Double]

    /// Statistics of channels that were not divided.
    init(mean: [Double], variance: [Double], epsilon: [Double]) {
        (self.mean, self.variance, self.epsilon) = (mean, variance, epsilon)
        sign = [Double](repeating: 1, count: mean.count)
    }

    /// The statistics after the channels are shifted by `shift` and then divided by `divisor`.
    func moved(by shift: [Double], dividedBy divisor: [Double]) -> ChannelStatistics {
        var result = ChannelStatistics(
            mean: mean.indices.map { (mean[$0] + shift[$0]) / divisor[$0] },
            variance: variance.indices.map { variance[$0] / (divisor[$0] * divisor[$0]) },
            epsilon: epsilon.indices.map { epsilon[$0] / (divisor[$0] * divisor[$0]) })
        result.sign = zip(sign, divisor).map { $1 < 0 ? -$0 : $0 }
        return result
    }
}

/// A scale and an offset per channel.
struct Affine: Equatable {
    /// γ per channel.
    var gamma: [Double]
    /// β per channel.
    var beta: [Double]

    /// The scale and offset with which a group norm replaces a batch norm with this affine:
    /// for a group, m = mean(μ) and v = mean(σ²) + mean((μ − m)²), then γ' = γ·√(v + ε')/√(σ² + ε) and
    /// β' = β + γ(m − μ)/√(σ² + ε). Exact for samples whose group statistics are m and v. `groups` divides the
    /// channels; ε' is group normalization's. A channel of another sign has −γ in place of γ.
    func forGroups(_ groups: Int, epsilon: Double, of statistics: ChannelStatistics) -> Affine {
        let size = statistics.mean.count / groups
        var result = self
        for group in 0..<groups {
            let channels = group * size..<(group + 1) * size
            let mean = channels.reduce(0) { $0 + statistics.mean[$1] } / Double(size)
            let variance =
                channels.reduce(0) { sum, channel in
                    let distance = statistics.mean[channel] - mean
                    return sum + statistics.variance[channel] + distance * distance
                } / Double(size)
            for channel in channels {
                let rate =
                    statistics.sign[channel] * gamma[channel]
                    / (statistics.variance[channel] + statistics.epsilon[channel]).squareRoot()
                result.gamma[channel] = rate * (variance + epsilon).squareRoot()
                result.beta[channel] = beta[channel] + rate * (mean - statistics.mean[channel])
            }
        }
        return result
    }
}
