import CKernels
import Tensors

/// Sums over each filter of a kernel, accumulated in Double in one pass over the weights.
struct FilterSums {
    /// ΣW per output channel.
    private(set) var plain: [Double]
    /// Σ aᵢW per output channel, a one value per input channel.
    private(set) var linear: [Double]
    /// Σ qᵢW² per output channel, q one value per input channel.
    private(set) var quadratic: [Double]

    /// `linear` and `quadratic` are a and q, one value per input channel of the whole convolution; `kernel` has
    /// the geometry's number of weights.
    init(_ kernel: Tensor, _ geometry: KernelGeometry, linear: [Double], quadratic: [Double]) {
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
                        geometry.forEachRun { start, output, input in
                            let first = output + offsets.lowerBound
                            nc_add_filter_sums(
                                weights.baseAddress.map { $0 + start + offsets.lowerBound }, offsets.count,
                                a[input], q[input], plain.baseAddress.map { $0 + first },
                                linear.baseAddress.map { $0 + first },
                                quadratic.baseAddress.map { $0 + first })
                        }
                    }
                }
            }
        }
    }

    /// One filter after another: four partial sums, because Doubles added in order cannot be vectorized.
    private mutating func accumulateFilters(
        _ weights: UnsafeBufferPointer<Float>, _ geometry: KernelGeometry, _ a: [Double], _ q: [Double]
    ) {
        let size = geometry.filterSize
        plain.withUnsafeMutableBufferPointer { plain in
            linear.withUnsafeMutableBufferPointer { linear in
                quadratic.withUnsafeMutableBufferPointer { quadratic in
                    for group in 0..<geometry.groups {
                        let (a, q) = (geometry.expanded(a, group: group), geometry.expanded(q, group: group))
                        let first = group * geometry.outputsPerGroup
                        geometry.concurrently(over: geometry.outputsPerGroup) { offsets in
                            for output in first + offsets.lowerBound..<first + offsets.upperBound {
                                let filter = UnsafeBufferPointer(
                                    rebasing: weights[output * size..<(output + 1) * size])
                                (plain[output], linear[output], quadratic[output]) = filterSums(filter, a, q)
                            }
                        }
                    }
                }
            }
        }
    }
}

private func filterSums(
    _ filter: UnsafeBufferPointer<Float>, _ a: [Double], _ q: [Double]
) -> (plain: Double, linear: Double, quadratic: Double) {
    var (plain, linear, quadratic) = (SIMD4<Double>.zero, SIMD4<Double>.zero, SIMD4<Double>.zero)
    let vectorized = filter.count & ~3
    a.withUnsafeBufferPointer { a in
        q.withUnsafeBufferPointer { q in
            for index in stride(from: 0, to: vectorized, by: 4) {
                let weight = SIMD4(
                    Double(filter[index]), Double(filter[index + 1]), Double(filter[index + 2]),
                    Double(filter[index + 3]))
                plain += weight
                linear += SIMD4(a[index], a[index + 1], a[index + 2], a[index + 3]) * weight
                quadratic += SIMD4(q[index], q[index + 1], q[index + 2], q[index + 3]) * weight * weight
            }
            for index in vectorized..<filter.count {
                let weight = Double(filter[index])
                plain[0] += weight
                linear[0] += a[index] * weight
                quadratic[0] += q[index] * weight * weight
            }
        }
    }
    return (plain.sum(), linear.sum(), quadratic.sum())
}
