import Networks
import Tensors

extension Model {
    /// Kernels whose filters are standardized, and ε of that: those of layers that do it, and those that a conversion
    /// standardized in the file and nobody changed since.
    func standardizedKernels() throws -> (names: Set<String>, epsilon: Double) {
        var names: Set<String> = []
        var epsilon = note?.weightStandardizationEpsilon == "timm" ? 1e-6 : 1e-10
        let isNoted = note.map { !["off", "-"].contains($0.weightStandardization) } ?? false
        for node in network.nodes {
            guard case .convolution(let convolution) = node.operation else { continue }
            if let own = convolution.standardization {
                epsilon = own
                names.insert(convolution.kernel)
            } else if isNoted, try isStandardized(convolution) {
                names.insert(convolution.kernel)
            }
        }
        return (names, epsilon)
    }

    /// Whether all filters have mean 0 and variance 1, biased or unbiased, but for rounding to half precision. Where ε kept the
    /// variance of a filter small, standardizing again would make it larger: that kernel is trained as plain weights.
    private func isStandardized(_ convolution: Convolution) throws -> Bool {
        guard let kernel = stored[convolution.kernel] else { return false }
        let filters = convolution.filters(try kernel.read().values)
        let size = convolution.filterSize
        for output in 0..<convolution.outputs {
            let own = filters[output * size..<(output + 1) * size].map(Double.init)
            let mean = own.reduce(0, +) / Double(size)
            let variance = own.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(size)
            let unbiased = variance * Double(size) / Double(max(size - 1, 1))
            guard abs(mean) < 2e-3, abs(variance - 1) < 1e-2 || abs(unbiased - 1) < 1e-2 else { return false }
        }
        return true
    }
}
