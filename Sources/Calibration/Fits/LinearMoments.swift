import Conversion

/// First and second moments of a layer's input x and of what its output u is to be, over sampled positions: all that a
/// least squares fit of the layer needs.
package struct LinearMoments: Sendable, Equatable {
    /// Features of x: the weights of a filter.
    package let inputs: Int
    /// Features of u: filters.
    package let outputs: Int
    /// E[x].
    package var inputMean: [Double]
    /// E[u].
    package var outputMean: [Double]
    /// Cov[x, x], [inputs, inputs].
    package var covariance: [Double]
    /// Cov[u, x], [outputs, inputs].
    package var crossCovariance: [Double]

    /// Moments from sums over `count` positions of values that were shifted by a pivot each.
    ///
    /// - Parameters:
    ///   - inputPivot: what was subtracted from x.
    ///   - outputPivot: what was subtracted from u.
    ///   - inputSum: Σ(x − pivot).
    ///   - outputSum: Σ(u − pivot).
    ///   - squares: Σ(x − pivot)(x − pivot)ᵀ, [inputs, inputs].
    ///   - products: Σ(u − pivot)(x − pivot)ᵀ, [outputs, inputs].
    package init(
        count: Int, inputPivot: [Double], outputPivot: [Double], inputSum: [Double], outputSum: [Double],
        squares: [Double], products: [Double]
    ) {
        (inputs, outputs) = (inputSum.count, outputSum.count)
        let share = 1 / Double(max(count, 1))
        let inputShift = inputSum.map { $0 * share }
        let outputShift = outputSum.map { $0 * share }
        inputMean = zip(inputPivot, inputShift).map { $0 + $1 }
        outputMean = zip(outputPivot, outputShift).map { $0 + $1 }
        covariance = squares
        crossCovariance = products
        covariance.subtractOuterProduct(inputShift, inputShift, scale: share)
        crossCovariance.subtractOuterProduct(outputShift, inputShift, scale: share)
    }
}

extension [Double] {
    /// self·scale − left·rightᵀ, row-major.
    fileprivate mutating func subtractOuterProduct(_ left: [Double], _ right: [Double], scale: Double) {
        withUnsafeMutableBufferPointer { values in
            for row in left.indices {
                let (factor, start) = (left[row], row * right.count)
                for column in right.indices {
                    values[start + column] = values[start + column] * scale - factor * right[column]
                }
            }
        }
    }
}
