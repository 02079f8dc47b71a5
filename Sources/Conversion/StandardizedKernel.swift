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
