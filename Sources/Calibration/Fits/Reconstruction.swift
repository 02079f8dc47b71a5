import Conversion

/// Filters that make of the inputs that a layer now gets what it is to give.
///
///     W' = argmin E‖W'x − u‖² + λ‖W' − W‖²,   Σᵢ W'ᵢ = 0 for each filter where weights are standardized
///
/// over values without their means, λ a share of the mean variance of an input. With S = (Cov[x, x] + λ)⁻¹ the solution
/// is W' = (Cov[u, x] + λW)S, moved to mean 0 along S1, the direction that costs least (one Lagrange term).
package struct Reconstruction: Sendable {
    /// The inputs' covariance with its ridge, factorized.
    private let system: SymmetricSystem
    private let lambda: Double
    private let size: Int
    /// S1/(1ᵀS1), along which filters reach mean 0 at the least change of their output.
    let direction: [Double]

    /// Factorizes the covariance of the inputs, [size, size]. `ridge` is λ in units of the mean variance. Throws
    /// `ConversionError.notDefinite` for a covariance that is not one, `InferenceError.outOfMemory`.
    package init(covariance: [Double], size: Int, ridge: Double, threads: Int = 1) throws {
        let mean = (0..<size).reduce(0) { $0 + covariance[$1 * size + $1] } / Double(max(size, 1))
        // An input that never varies tells nothing: any ridge keeps the filters as they are.
        let lambda = mean > 0 ? ridge * mean : 1
        var matrix = covariance
        for index in 0..<size { matrix[index * size + index] += lambda }
        system = try SymmetricSystem(matrix, order: size, threads: threads)
        self.lambda = lambda
        self.size = size
        let ones = system.solve([Double](repeating: 1, count: size))
        let total = ones.reduce(0, +)
        direction = ones.map { $0 / total }
    }

    /// The filters that fit best, [outputs, size].
    ///
    /// - Parameters:
    ///   - filters: W, [outputs, size].
    ///   - crossCovariance: Cov[u, x], [outputs, size].
    ///   - keepsZeroMean: whether each filter's weights are to add up to 0.
    package func filters(
        near filters: [Double], crossCovariance: [Double], keepsZeroMean: Bool
    ) -> [Double] {
        let result = system.solve(zip(crossCovariance, filters).map { $0 + lambda * $1 })
        return keepsZeroMean ? withZeroMean(result) : result
    }

    /// A change of the filters against a gradient, in the metric of the inputs: gradient·S, which keeps the filters'
    /// sums where they are to stay 0. [outputs, size].
    package func naturalStep(_ gradient: [Double], keepsZeroMean: Bool) -> [Double] {
        let step = system.solve(gradient)
        return keepsZeroMean ? withZeroMean(step) : step
    }

    /// Each filter moved along the cheapest direction until its weights add up to 0.
    private func withZeroMean(_ filters: [Double]) -> [Double] {
        var result = filters
        for start in stride(from: 0, to: filters.count, by: size) {
            let sum = filters[start..<start + size].reduce(0, +)
            for index in 0..<size { result[start + index] -= sum * direction[index] }
        }
        return result
    }
}
