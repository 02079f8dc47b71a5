import Tensors

extension KernelGeometry {
    /// ΣₖW per output and input channel, row-major [outputs, inputsPerGroup].
    func tapSums(_ kernel: Tensor) -> [Double] {
        var sums = [Double](repeating: 0, count: outputs * inputsPerGroup)
        if outputsAreInnermost {
            forEachRun { start, output, weight in
                for offset in 0..<outputsPerGroup {
                    sums[(output + offset) * inputsPerGroup + weight % filterSize / taps] += Double(
                        kernel.values[start + offset])
                }
            }
        } else {
            for index in kernel.values.indices { sums[index / taps] += Double(kernel.values[index]) }
        }
        return sums
    }
}

/// The mean of each input channel of a convolution, by least squares from the mean of its outputs without bias:
/// μₒ = Σᵢ (ΣₖW)ₒᵢ·E[xᵢ]. With more inputs than outputs, the shortest of the solutions. A filter of one input gives its
/// mean by itself. Nil for other grouped convolutions, and where both are more than 1,024.
func inputMean(_ kernel: Tensor, _ geometry: KernelGeometry, outputMean: [Double]) -> [Double]? {
    let (inputs, outputs) = (geometry.inputs, geometry.outputs)
    if geometry.inputsPerGroup == 1, geometry.groups > 1 {
        return depthwiseInputMean(geometry.tapSums(kernel), geometry, outputMean: outputMean)
    }
    guard geometry.groups == 1, min(inputs, outputs) <= 1024 else { return nil }
    let sums = geometry.tapSums(kernel)
    func sum(_ output: Int, _ input: Int) -> Double { sums[output * inputs + input] }
    guard inputs <= outputs else {
        // E = Sᵀ(SSᵀ)⁻¹μ
        guard
            let weights = solveWithRidge(
                gram(sums, count: outputs, stride: inputs, terms: inputs, step: 1), outputMean)
        else { return nil }
        return (0..<inputs).map { input in (0..<outputs).reduce(0) { $0 + sum($1, input) * weights[$1] } }
    }
    // E = (SᵀS)⁻¹Sᵀμ
    let right = (0..<inputs).map { input in (0..<outputs).reduce(0) { $0 + sum($1, input) * outputMean[$1] } }
    return solveWithRidge(gram(sums, count: inputs, stride: 1, terms: outputs, step: inputs), right)
}

/// The mean of each input that has filters of its own: least squares over these.
private func depthwiseInputMean(
    _ sums: [Double], _ geometry: KernelGeometry, outputMean: [Double]
) -> [Double] {
    let filters = geometry.outputsPerGroup
    return (0..<geometry.inputs).map { input in
        let own = input * filters..<(input + 1) * filters
        let squares = own.reduce(0) { $0 + sums[$1] * sums[$1] }
        return squares > 0 ? own.reduce(0) { $0 + sums[$1] * outputMean[$1] } / squares : 0
    }
}

/// The products of a matrix' rows, or columns, with each other: vector i begins at i·stride and has `terms` elements, `step`
/// apart.
private func gram(_ matrix: [Double], count: Int, stride: Int, terms: Int, step: Int) -> [Double] {
    var products = [Double](repeating: 0, count: count * count)
    for row in 0..<count {
        for column in 0...row {
            var product = 0.0
            for term in 0..<terms {
                product += matrix[row * stride + term * step] * matrix[column * stride + term * step]
            }
            products[row * count + column] = product
            products[column * count + row] = product
        }
    }
    return products
}

/// Channels with equal weights in all filters share the mean; otherwise the system would be singular.
private func solveWithRidge(_ matrix: [Double], _ right: [Double]) -> [Double]? {
    let count = right.count
    var matrix = matrix
    let ridge = 1e-9 * (0..<count).reduce(0) { $0 + matrix[$1 * count + $1] } / Double(count)
    for row in 0..<count { matrix[row * count + row] += ridge }
    return solveSymmetric(matrix, right)
}

/// Solves a symmetric positive definite system by Cholesky's decomposition; nil if it is not definite.
func solveSymmetric(_ matrix: [Double], _ right: [Double]) -> [Double]? {
    let count = right.count
    var (lower, solution) = (matrix, right)
    for column in 0..<count {
        for row in column..<count {
            var value = lower[row * count + column]
            for index in 0..<column { value -= lower[row * count + index] * lower[column * count + index] }
            if row == column {
                guard value > 0 else { return nil }
                lower[row * count + row] = value.squareRoot()
            } else {
                lower[row * count + column] = value / lower[column * count + column]
            }
        }
    }
    for row in 0..<count {
        for index in 0..<row { solution[row] -= lower[row * count + index] * solution[index] }
        solution[row] /= lower[row * count + row]
    }
    for row in (0..<count).reversed() {
        for index in row + 1..<count { solution[row] -= lower[index * count + row] * solution[index] }
        solution[row] /= lower[row * count + row]
    }
    return solution
}
