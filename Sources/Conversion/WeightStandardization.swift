import Tensors

/// New filters for a convolution, Ŵ = W'/s, and what that does to its output.
struct FilterChange {
    /// The new kernel.
    let recipe: KernelRecipe
    /// s per output channel: what the filter was divided by. Negative for a filter of the other sign.
    let divisor: [Double]
    /// Σᵢ E[xᵢ]·ΔWᵢ per output channel, before the division: how far the output's mean moves.
    let meanShift: [Double]
}

extension FilterChange {
    /// Filters that are divided and nothing else.
    init(dividing geometry: KernelGeometry, by divisor: [Double]) {
        let zeros = [Double](repeating: 0, count: geometry.outputs)
        self.divisor = divisor
        meanShift = zeros
        recipe = KernelRecipe(
            geometry: geometry, shift: zeros, direction: geometry.uniformDirection,
            scale: divisor.map { 1 / $0 })
    }

    /// The same with filters that change their signs, 1 or −1 each.
    func turned(_ signs: [Double]) -> FilterChange {
        let divisor = zip(divisor, signs).map { $0 * $1 }
        return FilterChange(
            recipe: KernelRecipe(
                geometry: recipe.geometry, shift: recipe.shift, direction: recipe.direction,
                scale: divisor.map { 1 / $0 }), divisor: divisor, meanShift: meanShift)
    }

    /// Filters of zero mean and unit variance. Standardizes `kernel`, moving filters along `direction` (one value per weight of a filter of each group, adding up to 1
    /// over them), so that W' = W − (ΣW)·direction has zero mean.
    init(
        standardizing kernel: Tensor, _ geometry: KernelGeometry, direction: [Double], inputMean: [Double],
        epsilon: ConversionOptions.StandardizationEpsilon
    ) {
        let sums = FilterSums(
            kernel, geometry, perWeight: direction,
            quadratic: [Double](repeating: 1, count: geometry.inputs))
        let size = geometry.filterSize
        /// Of each group, the sum of `direction` times `values` over the weights of a filter.
        func products(_ values: [Double]) -> [Double] {
            (0..<geometry.groups).map { group in
                (group * size..<(group + 1) * size).reduce(0) { $0 + direction[$1] * values[$1] }
            }
        }
        let (directionSquares, directionMeans) = (
            products(direction), products(geometry.perWeight(inputMean))
        )
        divisor = sums.plain.indices.map { output in
            let (sum, group) = (sums.plain[output], output / geometry.outputsPerGroup)
            // Σ(W − d·c)² with Σ(W − d·c) = 0, from the sums of one pass.
            let squares =
                sums.quadratic[output] - 2 * sum * sums.linear[output] + sum * sum * directionSquares[group]
            return epsilon.deviation(sumOfSquares: max(squares, 0), count: geometry.filterSize)
        }
        meanShift = sums.plain.indices.map { output in
            -sums.plain[output] * directionMeans[output / geometry.outputsPerGroup]
        }
        recipe = KernelRecipe(
            geometry: geometry, shift: sums.plain, direction: direction, scale: divisor.map { 1 / $0 })
    }
}

extension KernelGeometry {
    /// The direction Σ⁻¹1 / (1ᵀΣ⁻¹1) in which a filter reaches zero mean at the least change of its output, for a
    /// diagonal covariance Σ of the input (`variance`, one value per input channel) with a ridge of 1e-3 of its
    /// mean. Input channels that hardly vary take most of the change; equal variances give plain standardization,
    /// 1/n. Each group of channels has its own; one value per weight of a filter.
    func cheapestDirection(variance: [Double]) -> [Double] {
        var direction: [Double] = []
        for group in 0..<groups {
            let own = variance[group * inputsPerGroup..<(group + 1) * inputsPerGroup]
            let ridge = 1e-3 * own.reduce(0, +) / Double(inputsPerGroup)
            guard ridge > 0 else {
                direction += [Double](repeating: 1 / Double(filterSize), count: inputsPerGroup)
                continue
            }
            let precisions = own.map { 1 / ($0 + ridge) }
            let total = Double(taps) * precisions.reduce(0, +)
            direction += precisions.map { $0 / total }
        }
        return perWeight(direction)
    }

    /// The direction of plain standardization: every weight of a filter moves by its mean.
    var uniformDirection: [Double] {
        [Double](repeating: 1 / Double(filterSize), count: groups * filterSize)
    }
}

extension ConversionOptions.StandardizationEpsilon {
    /// Filters of `size` weights each, one after another, to mean 0 and unit variance.
    package func standardized(_ filters: [Double], size: Int) -> [Double] {
        var result = filters
        for start in stride(from: 0, to: filters.count, by: size) {
            let own = filters[start..<start + size]
            let mean = own.reduce(0, +) / Double(size)
            let squares = own.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
            let deviation = deviation(sumOfSquares: squares, count: size)
            for index in start..<start + size { result[index] = (filters[index] - mean) / deviation }
        }
        return result
    }

    /// What a filter of zero mean is divided by, from Σ W'² over its `count` weights.
    func deviation(sumOfSquares: Double, count: Int) -> Double {
        switch self {
        case .bit, .timm: (sumOfSquares / Double(count) + insideRoot).squareRoot()
        case .paper: (sumOfSquares / Double(max(count - 1, 1))).squareRoot() + 1e-5
        }
    }
}
