import CKernels
import Tensors

/// How a kernel is standardized, as vectors: W'[o, i, k] = (W[o, i, k] − shiftₒ·directionᵢ)·scaleₒ. Holding this
/// instead of the new weights keeps a plan small; the writer reads each kernel again and applies it.
struct KernelRecipe: Sendable, Equatable {
    /// Where the weights are.
    let geometry: KernelGeometry
    /// How far each filter moves, one value per output channel.
    let shift: [Double]
    /// Along what it moves, one value per weight of a filter of each group.
    let direction: [Double]
    /// What each filter is multiplied with then, one value per output channel.
    let scale: [Double]

    /// The new weights, in the layout of the old ones and in their memory if it is not shared; `kernel` has the
    /// geometry's number of weights.
    func apply(to kernel: consuming Tensor) -> Tensor {
        kernel.values.withUnsafeMutableBufferPointer { weights in
            guard let weights = weights.baseAddress else { return }
            if geometry.outputsAreInnermost {
                applyToRows(weights)
            } else {
                applyToFilters(weights)
            }
        }
        return kernel
    }

    private func applyToRows(_ weights: UnsafeMutablePointer<Float>) {
        shift.withUnsafeBufferPointer { shift in
            scale.withUnsafeBufferPointer { scale in
                geometry.concurrently(over: geometry.outputsPerGroup) { offsets in
                    geometry.forEachRun { start, output, weight in
                        let first = output + offsets.lowerBound
                        nc_standardize_row(
                            weights + start + offsets.lowerBound, offsets.count, direction[weight],
                            shift.baseAddress.map { $0 + first }, scale.baseAddress.map { $0 + first })
                    }
                }
            }
        }
    }

    private func applyToFilters(_ weights: UnsafeMutablePointer<Float>) {
        let size = geometry.filterSize
        for group in 0..<geometry.groups {
            geometry.weights(direction, group: group).withUnsafeBufferPointer { direction in
                let first = group * geometry.outputsPerGroup
                geometry.concurrently(over: geometry.outputsPerGroup) { offsets in
                    for output in first + offsets.lowerBound..<first + offsets.upperBound {
                        nc_standardize_filter(
                            weights + output * size, size, direction.baseAddress, shift[output], scale[output]
                        )
                    }
                }
            }
        }
    }
}
