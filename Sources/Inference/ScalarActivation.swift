import Foundation
import Networks

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
