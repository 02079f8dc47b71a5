import Networks
import Tensors

extension Convolution {
    /// The kernel that a convolution with weight standardization uses: each filter less its mean, over
    /// √(biased variance + ε). `kernel` as it stands where the convolution is a plain one or the shape does not fit.
    package func standardized(_ kernel: Tensor) -> Tensor {
        guard let epsilon = standardization, let geometry = KernelGeometry(self), kernel.shape == kernelShape
        else { return kernel }
        let sums = FilterSums(
            kernel, geometry, linear: [Double](repeating: 1, count: geometry.inputs),
            quadratic: [Double](repeating: 1, count: geometry.inputs))
        let count = Double(geometry.filterSize)
        let scale = sums.plain.indices.map { output in
            let mean = sums.plain[output] / count
            return 1 / (max(sums.quadratic[output] / count - mean * mean, 0) + epsilon).squareRoot()
        }
        let recipe = KernelRecipe(
            geometry: geometry, shift: sums.plain, direction: geometry.uniformDirection, scale: scale)
        return recipe.apply(to: kernel)
    }
}

extension ParameterTable {
    /// The table with the kernels standardized, when they are read, of convolutions that do so themselves.
    package func standardizing(for network: Network) -> ParameterTable {
        var convolutions: [String: Convolution] = [:]
        for node in network.nodes {
            if case .convolution(let convolution) = node.operation, convolution.standardization != nil {
                convolutions[convolution.kernel] = convolution
            }
        }
        if convolutions.isEmpty { return self }
        return ParameterTable(
            map { parameter in
                guard let convolution = convolutions[parameter.name] else { return parameter }
                return Parameter(
                    name: parameter.name, shape: parameter.shape, elementType: parameter.elementType
                ) { convolution.standardized(try parameter.read()) }
            })
    }
}
