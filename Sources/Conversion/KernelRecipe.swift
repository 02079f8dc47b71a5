import CKernels
import Tensors

/// How a kernel is standardized, as vectors: W'[o, i, k] = (W[o, i, k] − shiftₒ·directionᵢ)·scaleₒ. Holding this
/// instead of the new weights keeps a plan small; the writer reads each kernel again and applies it.
struct KernelRecipe: Sendable, Equatable {
    /// Where the weights are.
    let geometry: KernelGeometry
    /// How far each filter moves, one value per output channel.
    let shift: [Double]
    /// Along what it moves, one value per input channel.
    let direction: [Double]
    /// What each filter is multiplied with then, one value per output channel.
    let scale: [Double]

    /// The new weights, in the layout of the old ones; `kernel` has the geometry's number of weights.
    func apply(to kernel: Tensor) -> Tensor {
        let values = [Float](unsafeUninitializedCapacity: kernel.values.count) { result, count in
            kernel.values.withUnsafeBufferPointer { weights in
                if geometry.outputsAreInnermost {
                    applyToRows(weights, result)
                } else {
                    applyToFilters(weights, result)
                }
            }
            count = kernel.values.count
        }
        return Tensor(shape: kernel.shape, values: values)
    }

    private func applyToRows(
        _ weights: UnsafeBufferPointer<Float>, _ result: UnsafeMutableBufferPointer<Float>
    ) {
        let width = geometry.outputsPerGroup
        shift.withUnsafeBufferPointer { shift in
            scale.withUnsafeBufferPointer { scale in
                geometry.concurrently(over: width) { offsets in
                    geometry.forEachRun { start, output, input in
                        let (place, first) = (start + offsets.lowerBound, output + offsets.lowerBound)
                        nc_standardize(
                            weights.baseAddress.map { $0 + place }, result.baseAddress.map { $0 + place },
                            offsets.count, direction[input], shift.baseAddress.map { $0 + first },
                            scale.baseAddress.map { $0 + first })
                    }
                }
            }
        }
    }

    private func applyToFilters(
        _ weights: UnsafeBufferPointer<Float>, _ result: UnsafeMutableBufferPointer<Float>
    ) {
        let size = geometry.filterSize
        for group in 0..<geometry.groups {
            geometry.expanded(direction, group: group).withUnsafeBufferPointer { direction in
                let first = group * geometry.outputsPerGroup
                geometry.concurrently(over: geometry.outputsPerGroup) { offsets in
                    for output in first + offsets.lowerBound..<first + offsets.upperBound {
                        let (shift, scale, start) = (shift[output], scale[output], output * size)
                        for index in 0..<size {
                            let moved = Double(weights[start + index]) - shift * direction[index]
                            result[start + index] = Float(moved * scale)
                        }
                    }
                }
            }
        }
    }
}
