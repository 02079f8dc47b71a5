import Tensors

extension KernelGeometry {
    /// ΣₖW per output and input channel, row-major [outputs, inputsPerGroup].
    func tapSums(_ kernel: Tensor) -> [Double] {
        var sums = [Double](repeating: 0, count: outputs * inputsPerGroup)
        if outputsAreInnermost {
            forEachRun { start, output, input in
                for offset in 0..<outputsPerGroup {
                    sums[(output + offset) * inputsPerGroup + input % inputsPerGroup] += Double(
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
/// μₒ = Σᵢ (ΣₖW)ₒᵢ·E[xᵢ]. Nil for a grouped convolution and for more inputs than outputs.
func inputMean(_ kernel: Tensor, _ geometry: KernelGeometry, outputMean: [Double]) -> [Double]? {
    guard geometry.groups == 1, geometry.inputs <= min(geometry.outputs, 64) else { return nil }
    let (sums, count) = (geometry.tapSums(kernel), geometry.inputs)
    var normal = [Double](repeating: 0, count: count * count)
    var right = [Double](repeating: 0, count: count)
    for output in 0..<geometry.outputs {
        for row in 0..<count {
            let factor = sums[output * count + row]
            right[row] += factor * outputMean[output]
            for column in 0..<count { normal[row * count + column] += factor * sums[output * count + column] }
        }
    }
    // Colours with equal weights in all filters share the mean; otherwise the system would be singular.
    let ridge = 1e-9 * (0..<count).reduce(0) { $0 + normal[$1 * count + $1] } / Double(count)
    for row in 0..<count { normal[row * count + row] += ridge }
    return solveSymmetric(normal, right)
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
