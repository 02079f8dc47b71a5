/// Sums over sampled positions of a convolution's input patches x and of what its outputs u are to be, in one group of
/// channels. Blocks are shifted by a pivot near the mean and multiplied in Float by oneDNN; sums go on in Double.
package struct MomentSums: Sendable {
    /// Positions that were summed.
    package var count = 0
    /// What was subtracted from x.
    package let inputPivot: [Float]
    /// What was subtracted from u.
    package let outputPivot: [Float]
    /// Σ(x − pivot).
    package var inputSum: [Double]
    /// Σ(u − pivot).
    package var outputSum: [Double]
    /// Σ(x − pivot)(x − pivot)ᵀ, [inputs, inputs].
    package var squares: [Double]
    /// Σ(u − pivot)(x − pivot)ᵀ, [outputs, inputs].
    package var products: [Double]

    /// No position yet.
    init(inputPivot: [Float], outputPivot: [Float]) {
        self.inputPivot = inputPivot
        self.outputPivot = outputPivot
        let (inputs, outputs) = (inputPivot.count, outputPivot.count)
        inputSum = [Double](repeating: 0, count: inputs)
        outputSum = [Double](repeating: 0, count: outputs)
        squares = [Double](repeating: 0, count: inputs * inputs)
        products = [Double](repeating: 0, count: outputs * inputs)
    }
}

/// One part's sums, in Float.
struct MomentBlock: Sendable {
    var count: Int
    var inputSum: [Double]
    var outputSum: [Double]
    var squares: [Float]
    var products: [Float]
}

extension MomentSums {
    mutating func add(_ block: MomentBlock) {
        count += block.count
        for index in inputSum.indices { inputSum[index] += block.inputSum[index] }
        for index in outputSum.indices { outputSum[index] += block.outputSum[index] }
        squares.add(block.squares)
        products.add(block.products)
    }
}

extension [Double] {
    fileprivate mutating func add(_ values: [Float]) {
        withUnsafeMutableBufferPointer { sums in
            values.withUnsafeBufferPointer { values in
                for index in sums.indices { sums[index] += Double(values[index]) }
            }
        }
    }
}

/// First and second moments of a layer's input x and of what its output u is to be, over sampled positions: all that a
/// least squares fit of the layer needs.
struct LinearMoments: Sendable, Equatable {
    /// Features of x: the weights of a filter.
    let inputs: Int
    /// Features of u: filters.
    let outputs: Int
    /// E[x].
    var inputMean: [Double]
    /// E[u].
    var outputMean: [Double]
    /// Cov[x, x], [inputs, inputs].
    var covariance: [Double]
    /// Cov[u, x], [outputs, inputs].
    var crossCovariance: [Double]

    /// Moments from sums of values that were shifted by a pivot each.
    init(_ sums: MomentSums) {
        (inputs, outputs) = (sums.inputSum.count, sums.outputSum.count)
        let weight = 1 / Double(max(sums.count, 1))
        let inputShift = sums.inputSum.map { $0 * weight }
        let outputShift = sums.outputSum.map { $0 * weight }
        inputMean = zip(sums.inputPivot, inputShift).map { Double($0) + $1 }
        outputMean = zip(sums.outputPivot, outputShift).map { Double($0) + $1 }
        covariance = sums.squares
        crossCovariance = sums.products
        covariance.subtractOuterProduct(inputShift, inputShift, scale: weight)
        crossCovariance.subtractOuterProduct(outputShift, inputShift, scale: weight)
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
