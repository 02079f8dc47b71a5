import Foundation
import Networks
import Tensors

extension Activation {
    /// The function of one element; nil for softmax, which needs them all.
    package var scalar: ((Float) -> Float)? {
        switch self {
        case .relu: { $0 < 0 ? 0 : $0 }
        case .clippedReLU(let limit): { $0 < 0 ? 0 : $0 > limit ? limit : $0 }
        case .leakyReLU(let slope): { $0 < 0 ? $0 * slope : $0 }
        // The exponential of a Double overflows above 709. The result is zero there, and no overflow must be reported.
        case .sigmoid: { Float(1 / (1 + exp(min(-Double($0), 700)))) }
        case .tanh: { Float(Foundation.tanh(Double($0))) }
        case .swish: { Float(Double($0) / (1 + exp(min(-Double($0), 700)))) }
        case .softmax: nil
        }
    }
}

/// eˣ / Σ eˣ over each run of `features` values, from the largest value down, in Double.
package func softmax(_ values: UnsafeMutableBufferPointer<Float>, features: Int) {
    for start in stride(from: 0, to: values.count, by: features) {
        let run = start..<start + features
        let largest = Double(values[run].max() ?? 0)
        let total = run.reduce(0.0) { $0 + exp(Double(values[$1]) - largest) }
        for index in run { values[index] = Float(exp(Double(values[index]) - largest) / total) }
    }
}

/// Where an element of a broadcast result comes from in one operand.
package struct BroadcastStrides {
    private var extents: [Int]
    private var strides: [Int]

    package init(_ shape: Shape, to result: Shape) {
        extents = result.extents
        strides = [Int](repeating: 0, count: result.rank)
        var stride = 1
        for dimension in 1...max(shape.rank, 1) where shape.rank > 0 {
            let extent = shape[shape.rank - dimension]
            strides[result.rank - dimension] = extent == 1 ? 0 : stride
            stride *= extent
        }
    }

    /// The operand's flat index for a flat index of the result.
    package func source(of index: Int) -> Int {
        var (rest, source) = (index, 0)
        for dimension in stride(from: extents.count - 1, through: 0, by: -1) {
            source += rest % extents[dimension] * strides[dimension]
            rest /= extents[dimension]
        }
        return source
    }
}
