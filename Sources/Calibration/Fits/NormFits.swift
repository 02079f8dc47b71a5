import Conversion
import Tensors

/// γ and β of a norm by weighted least squares: t ≈ γz + β.
///
/// `weight`, `z`, `target`, `zz` and `zt` are Σw, Σwz, Σwt, Σwz² and Σwzt of one channel. A channel without weights keeps
/// what it has; one whose z does not vary gets γ 0 and the targets' mean.
package func affineFit(
    weight: Double, z: Double, target: Double, zz: Double, zt: Double, old: (gamma: Double, beta: Double)
) -> (gamma: Double, beta: Double) {
    guard weight > 0 else { return old }
    let (meanZ, meanT) = (z / weight, target / weight)
    let variance = max(zz / weight - meanZ * meanZ, 0)
    let covariance = zt / weight - meanZ * meanT
    // z has variance about 1 where a group is whole: what is far below that is rounding.
    let gamma = covariance / (variance + 1e-6)
    return (gamma, meanT - gamma * meanZ)
}

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
