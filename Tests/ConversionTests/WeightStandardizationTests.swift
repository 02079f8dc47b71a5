import Networks
import Tensors
import Testing

@testable import Conversion

@Suite("Weight standardization")
struct WeightStandardizationTests {
    private func convolution(_ layout: KernelLayout, inputs: Int, outputs: Int, groups: Int) -> Convolution {
        Convolution(
            kernel: "kernel", kernelLayout: layout, bias: nil, inputs: inputs, outputs: outputs,
            size: Extent(height: 3, width: 2), strides: Extent(1), dilation: Extent(1), groups: groups,
            padding: .same)
    }

    /// The same weights from `oihw` (outputs, inputs a group, taps) in the order of `hwio` and `hwim`.
    private func tapsFirst(_ weights: [Float], outputs: Int, inputs: Int, taps: Int) -> [Float] {
        var result: [Float] = []
        for tap in 0..<taps {
            for input in 0..<inputs {
                for output in 0..<outputs { result.append(weights[(output * inputs + input) * taps + tap]) }
            }
        }
        return result
    }

    private func standardizer(
        _ convolution: Convolution, _ weights: [Float], variance: [Double],
        epsilon: ConversionOptions.StandardizationEpsilon = .bit
    ) throws -> FilterChange {
        let geometry = try #require(KernelGeometry(convolution))
        let shape = try #require(convolution.kernelShape)
        return FilterChange(
            standardizing: Tensor(shape: shape, values: weights), geometry,
            direction: geometry.cheapestDirection(variance: variance),
            inputMean: (0..<geometry.inputs).map { Double($0) - 1 }, epsilon: epsilon)
    }

    private func apply(_ standardizer: FilterChange, _ weights: [Float]) -> [Float] {
        standardizer.recipe.apply(to: Tensor(weights)).values
    }

    @Test(
        "filters get zero mean and the unit deviation of their ε",
        arguments: ConversionOptions.StandardizationEpsilon.allCases)
    func unitFilters(epsilon: ConversionOptions.StandardizationEpsilon) throws {
        let weights = noise(5 * 4 * 6)
        let convolution = convolution(.oihw, inputs: 4, outputs: 5, groups: 1)
        // Equal variances: plain standardization, (W − mean)/deviation.
        let result = try apply(
            standardizer(convolution, weights, variance: [2, 2, 2, 2], epsilon: epsilon), weights)
        for output in 0..<5 {
            let filter = weights[output * 24..<(output + 1) * 24].map(Double.init)
            let mean = filter.reduce(0, +) / 24
            let squares = filter.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
            let deviation =
                switch epsilon {
                case .bit: (squares / 24 + 1e-10).squareRoot()
                case .timm: (squares / 24 + 1e-6).squareRoot()
                case .paper: (squares / 23).squareRoot() + 1e-5
                }
            for index in 0..<24 {
                let expected = (filter[index] - mean) / deviation
                #expect(abs(Double(result[output * 24 + index]) - expected) < 1e-6)
            }
        }
    }

    @Test("along the cheapest direction filters have zero mean and unit variance as well")
    func cheapestIsStandardized() throws {
        let weights = noise(5 * 4 * 6)
        let convolution = convolution(.oihw, inputs: 4, outputs: 5, groups: 1)
        let result = try apply(standardizer(convolution, weights, variance: [2, 0.1, 0, 5]), weights)
        for output in 0..<5 {
            let filter = result[output * 24..<(output + 1) * 24].map(Double.init)
            #expect(abs(filter.reduce(0, +)) < 1e-5)
            #expect(abs(filter.reduce(0) { $0 + $1 * $1 } / 24 - 1) < 1e-5)
        }
    }

    @Test("the cheapest direction is Σ⁻¹1 / (1ᵀΣ⁻¹1), as a dense solver finds it")
    func cheapestEqualsDenseSolve() throws {
        let variance = [2.0, 0.1, 0, 5]
        let geometry = try #require(KernelGeometry(convolution(.oihw, inputs: 4, outputs: 5, groups: 1)))
        let direction = geometry.cheapestDirection(variance: variance)
        let size = geometry.filterSize
        var matrix = [Double](repeating: 0, count: size * size)
        let ridge = 1e-3 * variance.reduce(0, +) / 4
        for index in 0..<size { matrix[index * size + index] = variance[index / geometry.taps] + ridge }
        let solution = try #require(solveSymmetric(matrix, [Double](repeating: 1, count: size)))
        let total = solution.reduce(0, +)
        for index in 0..<size {
            #expect(abs(direction[index] - solution[index] / total) < 1e-12)
        }
    }

    @Test("Cholesky's decomposition solves a full system and refuses an indefinite one")
    func cholesky() throws {
        // [4 2; 2 3]·[1; −2] = [0; −4]
        let solution = try #require(solveSymmetric([4, 2, 2, 3], [0, -4]))
        #expect(abs(solution[0] - 1) < 1e-14 && abs(solution[1] + 2) < 1e-14)
        #expect(solveSymmetric([1, 2, 2, 1], [1, 1]) == nil)
    }

    @Test("no variance at all means plain standardization")
    func noVariance() throws {
        let geometry = try #require(KernelGeometry(convolution(.oihw, inputs: 4, outputs: 5, groups: 1)))
        #expect(geometry.cheapestDirection(variance: [0, 0, 0, 0]) == geometry.uniformDirection)
    }

    @Test("the output's mean moves by Σ E[xᵢ]·ΔWᵢ")
    func meanShift() throws {
        let weights = noise(5 * 4 * 6)
        let convolution = convolution(.oihw, inputs: 4, outputs: 5, groups: 1)
        let standardizer = try standardizer(convolution, weights, variance: [2, 0.1, 1, 5])
        let result = apply(standardizer, weights)
        for output in 0..<5 {
            let expected = (0..<24).reduce(0.0) { sum, index in
                let moved = Double(result[output * 24 + index]) * standardizer.divisor[output]
                return sum + (Double(index / 6) - 1) * (moved - Double(weights[output * 24 + index]))
            }
            #expect(abs(standardizer.meanShift[output] - expected) < 1e-5)
        }
    }

    @Test("standardizing twice is standardizing once")
    func idempotent() throws {
        let weights = noise(5 * 4 * 6)
        let convolution = convolution(.oihw, inputs: 4, outputs: 5, groups: 1)
        let once = try apply(standardizer(convolution, weights, variance: [2, 0.1, 1, 5]), weights)
        let twice = try apply(standardizer(convolution, once, variance: [2, 0.1, 1, 5]), once)
        for (left, right) in zip(once, twice) { #expect(abs(left - right) < 1e-5) }
    }

    @Test("hwio and oihw give the same weights", arguments: [1, 2])
    func layouts(groups: Int) throws {
        let width = 4 / groups
        let weights = noise(6 * width * 6)
        let permuted = tapsFirst(weights, outputs: 6, inputs: width, taps: 6)
        let variance = [2.0, 0.1, 1, 5]
        let filters = try apply(
            standardizer(
                convolution(.oihw, inputs: 4, outputs: 6, groups: groups), weights, variance: variance),
            weights)
        let rows = try apply(
            standardizer(
                convolution(.hwio, inputs: 4, outputs: 6, groups: groups), permuted, variance: variance),
            permuted)
        for (left, right) in zip(tapsFirst(filters, outputs: 6, inputs: width, taps: 6), rows) {
            #expect(abs(left - right) < 1e-6)
        }
    }

    @Test("a depthwise hwim kernel is a grouped convolution of one input channel a group")
    func depthwise() throws {
        let weights = noise(8 * 6)
        let permuted = tapsFirst(weights, outputs: 8, inputs: 1, taps: 6)
        let filters = try apply(
            standardizer(
                convolution(.oihw, inputs: 4, outputs: 8, groups: 4), weights, variance: [1, 2, 3, 4]),
            weights)
        let rows = try apply(
            standardizer(
                convolution(.hwim, inputs: 4, outputs: 8, groups: 4), permuted, variance: [1, 2, 3, 4]),
            permuted)
        for (left, right) in zip(tapsFirst(filters, outputs: 8, inputs: 1, taps: 6), rows) {
            #expect(abs(left - right) < 1e-6)
        }
    }

    @Test("colours' means follow from the outputs' means", arguments: [KernelLayout.oihw, .hwio])
    func colours(layout: KernelLayout) throws {
        let convolution = convolution(layout, inputs: 3, outputs: 5, groups: 1)
        let geometry = try #require(KernelGeometry(convolution))
        let kernel = Tensor(shape: try #require(convolution.kernelShape), values: noise(5 * 3 * 6))
        let truth = [120.0, 80, 33]
        let outputMean = FilterSums(kernel, geometry, linear: truth, quadratic: truth).linear
        let found = try #require(inputMean(kernel, geometry, outputMean: outputMean))
        for (left, right) in zip(found, truth) { #expect(abs(left - right) < 1e-4) }
    }

    @Test("filters of one input tell its mean by themselves", arguments: [1, 2])
    func depthwiseMeans(filters: Int) throws {
        let convolution = convolution(.oihw, inputs: 4, outputs: 4 * filters, groups: 4)
        let geometry = try #require(KernelGeometry(convolution))
        let kernel = Tensor(shape: try #require(convolution.kernelShape), values: noise(4 * filters * 6))
        let truth = [5.3, 0, 0.25, 120]
        let sums = geometry.tapSums(kernel)
        let outputMean = (0..<4 * filters).map { sums[$0] * truth[$0 / filters] }
        let found = try #require(inputMean(kernel, geometry, outputMean: outputMean))
        for (left, right) in zip(found, truth) { #expect(abs(left - right) < 1e-9) }
    }

    @Test("geometry refuses numbers that do not fit together")
    func inconsistent() {
        #expect(KernelGeometry(convolution(.oihw, inputs: 4, outputs: 5, groups: 2)) == nil)
        #expect(KernelGeometry(convolution(.oihw, inputs: 0, outputs: 5, groups: 1)) == nil)
        #expect(KernelGeometry(convolution(.hwim, inputs: 4, outputs: 8, groups: 2)) == nil)
    }
}
