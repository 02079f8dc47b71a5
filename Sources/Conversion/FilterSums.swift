import CKernels
import Tensors

/// Sums over each filter of a kernel, accumulated in Double in one pass over the weights.
struct FilterSums {
    /// ΣW per output channel.
    private(set) var plain: [Double]
    /// Σ aᵢW per output channel, a one value per weight of a filter.
    private(set) var linear: [Double]
    /// Σ qᵢW² per output channel, q one value per input channel.
    private(set) var quadratic: [Double]

    /// `linear` and `quadratic` are a and q, one value per input channel of the whole convolution; `kernel` has
    /// the geometry's number of weights.
    init(_ kernel: Tensor, _ geometry: KernelGeometry, linear: [Double], quadratic: [Double]) {
        self.init(kernel, geometry, perWeight: geometry.perWeight(linear), quadratic: quadratic)
    }

    /// `perWeight` is a, one value per weight of a filter of each group; `quadratic` is q, one per input channel.
    init(_ kernel: Tensor, _ geometry: KernelGeometry, perWeight linear: [Double], quadratic: [Double]) {
        let quadratic = geometry.perWeight(quadratic)
        let zeros = [Double](repeating: 0, count: geometry.outputs)
        self.plain = zeros
        self.linear = zeros
        self.quadratic = zeros
        kernel.values.withUnsafeBufferPointer { weights in
            if geometry.outputsAreInnermost {
                accumulateRows(weights, geometry, linear, quadratic)
            } else {
                accumulateFilters(weights, geometry, linear, quadratic)
            }
        }
    }

    /// Output channels are innermost: each row adds to one sum per output channel.
    private mutating func accumulateRows(
        _ weights: UnsafeBufferPointer<Float>, _ geometry: KernelGeometry, _ a: [Double], _ q: [Double]
    ) {
        let width = geometry.outputsPerGroup
        plain.withUnsafeMutableBufferPointer { plain in
            linear.withUnsafeMutableBufferPointer { linear in
                quadratic.withUnsafeMutableBufferPointer { quadratic in
                    geometry.concurrently(over: width) { offsets in
                        geometry.forEachRun { start, output, weight in
                            let first = output + offsets.lowerBound
                            nc_add_filter_sums(
                                weights.baseAddress.map { $0 + start + offsets.lowerBound }, offsets.count,
                                a[weight], q[weight], plain.baseAddress.map { $0 + first },
                                linear.baseAddress.map { $0 + first },
                                quadratic.baseAddress.map { $0 + first })
                        }
                    }
                }
            }
        }
    }

    /// One filter after another.
    private mutating func accumulateFilters(
        _ weights: UnsafeBufferPointer<Float>, _ geometry: KernelGeometry, _ a: [Double], _ q: [Double]
    ) {
        let size = geometry.filterSize
        plain.withUnsafeMutableBufferPointer { plain in
            linear.withUnsafeMutableBufferPointer { linear in
                quadratic.withUnsafeMutableBufferPointer { quadratic in
                    for group in 0..<geometry.groups {
                        let (a, q) = (geometry.weights(a, group: group), geometry.weights(q, group: group))
                        let first = group * geometry.outputsPerGroup
                        geometry.concurrently(over: geometry.outputsPerGroup) { offsets in
                            for output in first + offsets.lowerBound..<first + offsets.upperBound {
                                nc_add_filter(
                                    weights.baseAddress.map { $0 + output * size }, size, a, q,
                                    plain.baseAddress.map { $0 + output },
                                    linear.baseAddress.map { $0 + output },
                                    quadratic.baseAddress.map { $0 + output })
                            }
                        }
                    }
                }
            }
        }
    }
}
