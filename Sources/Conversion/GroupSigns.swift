import Tensors

/// Which channels of a group to turn over, so that the group's mean varies least from sample to sample.
///
/// A group norm subtracts the mean of a group's channels. What that takes away differs from sample to sample by the
/// variance of Σσ_c·ū_c, ū_c a channel's mean over positions and σ_c = ±1 the sign of its filter, which γ undoes: signs
/// cost nothing, and good ones let channels that move together cancel. Flips of single channels are made as long as one
/// helps, from four starts.
///
/// - Parameter covariance: Cov[ū, ū] over samples, [size, size].
/// - Returns: 1 or −1 for each channel.
package func groupSigns(covariance: [Double], size: Int) -> [Double] {
    var best: (value: Double, signs: [Double])?
    var random = SplitMix64(seed: 0)
    for start in 0..<(size > 1 ? 4 : 1) {
        var signs = (0..<size).map { _ in start == 0 || random.next() & 1 == 0 ? 1.0 : -1.0 }
        let value = improve(&signs, covariance, size)
        if best == nil || value < (best?.value ?? 0) { best = (value, signs) }
    }
    return best?.signs ?? []
}

/// Flips channels one after another, the one that helps most first; gives σᵀCσ at the end.
private func improve(_ signs: inout [Double], _ covariance: [Double], _ size: Int) -> Double {
    // products = C·σ, kept up to date.
    var products = (0..<size).map { row in
        (0..<size).reduce(0) { $0 + covariance[row * size + $1] * signs[$1] }
    }
    let tolerance = 1e-12 * (0..<size).reduce(0) { $0 + covariance[$1 * size + $1] }
    while true {
        var (place, change) = (-1, -tolerance)
        for index in 0..<size {
            let own = 4 * (covariance[index * size + index] - signs[index] * products[index])
            if own < change { (place, change) = (index, own) }
        }
        guard place >= 0 else { break }
        signs[place] = -signs[place]
        for row in 0..<size { products[row] += 2 * signs[place] * covariance[row * size + place] }
    }
    return zip(signs, products).reduce(0) { $0 + $1.0 * $1.1 }
}

/// Groups of more channels are treated in parts: what is left of each part's mean is small already.
private let mostChannels = 256

/// The same for samples of ū, [samples][size], of which any mean is taken away already.
func groupSigns(samples: [[Double]], size: Int) -> [Double] {
    inParts(samples, size) { groupSigns(covariance: $0, size: $1) }
}

/// Signs of which half are −1, rounded down in each part of a wide group: those for which Σσ_c·ū_c varies least from sample to sample, found by
/// exchanging two at a time. `samples` are [samples][size], of mean 0.
func balancedSigns(samples: [[Double]], size: Int) -> [Double] {
    inParts(samples, size) { covariance, size in
        let starts = [
            (0..<size).map { $0 % 2 == 0 ? 1.0 : -1.0 }, (0..<size).map { 2 * $0 < size ? 1.0 : -1.0 },
        ]
        let results = starts.map { start in
            var signs = start
            return (value: exchange(&signs, covariance, size), signs: signs)
        }
        return results.min { $0.value < $1.value }?.signs ?? []
    }
}

/// What `body` finds for parts of a group's channels, from the covariance of each, one after another.
private func inParts(_ samples: [[Double]], _ size: Int, _ body: ([Double], Int) -> [Double]) -> [Double] {
    let parts = (size + mostChannels - 1) / mostChannels
    return (0..<parts).flatMap { part in
        let channels = part * size / parts..<(part + 1) * size / parts
        return body(covariance(samples, channels), channels.count)
    }
}

private func covariance(_ samples: [[Double]], _ channels: Range<Int>) -> [Double] {
    let size = channels.count
    var result = [Double](repeating: 0, count: size * size)
    for sample in samples {
        let own = Array(sample[channels])
        for row in 0..<size {
            for column in 0..<size { result[row * size + column] += own[row] * own[column] }
        }
    }
    return result.map { $0 / Double(max(samples.count, 1)) }
}

/// Exchanges a 1 and a −1, the two that help most first; gives σᵀCσ at the end.
private func exchange(_ signs: inout [Double], _ covariance: [Double], _ size: Int) -> Double {
    var products = (0..<size).map { row in
        (0..<size).reduce(0) { $0 + covariance[row * size + $1] * signs[$1] }
    }
    let tolerance = 1e-12 * (0..<size).reduce(0) { $0 + covariance[$1 * size + $1] }
    while true {
        var (best, change) = ((0, 0), -tolerance)
        for up in 0..<size where signs[up] > 0 {
            for down in 0..<size where signs[down] < 0 {
                let variances = covariance[up * size + up] + covariance[down * size + down]
                let own =
                    4 * (products[down] - products[up] + variances - 2 * covariance[up * size + down])
                if own < change { (best, change) = ((up, down), own) }
            }
        }
        guard change < -tolerance else { break }
        (signs[best.0], signs[best.1]) = (-1, 1)
        for row in 0..<size {
            products[row] += 2 * (covariance[row * size + best.1] - covariance[row * size + best.0])
        }
    }
    return zip(signs, products).reduce(0) { $0 + $1.0 * $1.1 }
}
