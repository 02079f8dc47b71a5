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
