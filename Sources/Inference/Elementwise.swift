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
        default: function.map { function in { Float(function(Double($0))) } }
        }
    }
}

/// How the elements of several operands become one, from left to right.
package enum Combination: Sendable {
    case sum, product
    case merge(Merge)

    /// One step from left to right.
    package func callAsFunction<Value: BinaryFloatingPoint>(_ left: Value, _ right: Value) -> Value {
        switch self {
        case .sum, .merge(.average): left + right
        case .product: left * right
        case .merge(.subtract): left - right
        // A NaN of either stays.
        case .merge(.maximum): left > right || left.isNaN ? left : right
        case .merge(.minimum): left < right || left.isNaN ? left : right
        }
    }

    /// What the combination of `operands` values is divided by.
    package func divisor(operands: Int) -> Int {
        if case .merge(.average) = self { operands } else { 1 }
    }

    /// The combination of a merging operation; nil for another one.
    package init?(_ operation: Networks.Operation) {
        switch operation {
        case .add: self = .sum
        case .multiply: self = .product
        case .merge(let merge): self = .merge(merge)
        default: return nil
        }
    }
}

/// x / ‖x‖ over each run of `features` values, the norm being at least ε; sums in Double.
package func normalizeLength(
    _ x: UnsafePointer<Float>, _ y: UnsafeMutableBufferPointer<Float>, features: Int, epsilon: Double
) {
    for start in stride(from: 0, to: y.count, by: features) {
        let run = start..<start + features
        let squares = run.reduce(0.0) { $0 + Double(x[$1]) * Double(x[$1]) }
        let scale = 1 / max(squares.squareRoot(), epsilon)
        for index in run { y[index] = Float(Double(x[index]) * scale) }
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

    /// Where an element comes from whose dimension i is the operand's dimension `order[i]`.
    package init(_ shape: Shape, permutedTo order: [Int]) {
        var own = [Int](repeating: 1, count: shape.rank)
        for dimension in (0..<max(shape.rank - 1, 0)).reversed() {
            own[dimension] = own[dimension + 1] * shape[dimension + 1]
        }
        extents = order.map { shape[$0] }
        strides = order.map { own[$0] }
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
