import CKernels
import Threads
import Inference

/// Adam (Kingma & Ba 2015), with one rate, or one of its own for each parameter of a layout.
package struct Adam {
    private var first: [Float]
    private var second: [Float]
    private var steps = 0
    private let beta1: Float
    private let beta2: Float

    /// Starts with no memory of earlier gradients; `count` values. `beta1` and `beta2` say how long gradients and their
    /// squares are remembered.
    package init(count: Int, beta1: Float = 0.9, beta2: Float = 0.999) {
        first = [Float](repeating: 0, count: count)
        second = first
        (self.beta1, self.beta2) = (beta1, beta2)
    }

    /// Moves the values against the gradient. `rate` gives each parameter's step: about how far each of its values
    /// moves while gradients keep their direction.
    package mutating func step(
        _ values: inout [Float], gradient: [Float], layout: ParameterLayout,
        rate: (ParameterLayout.Entry) -> Float
    ) {
        steps += 1
        withoutSignals {
            for entry in layout.entries { move(&values, gradient, entry.range, rate(entry)) }
        }
    }

    /// Moves the values against the gradient, all at one rate.
    package mutating func step(_ values: inout [Float], gradient: [Float], rate: Float) {
        steps += 1
        withoutSignals { move(&values, gradient, values.indices, rate) }
    }

    private mutating func move(
        _ values: inout [Float], _ gradient: [Float], _ range: Range<Int>, _ rate: Float
    ) {
        let step = rate / (1 - power(beta1, steps))
        let correction = 1 / (1 - power(beta2, steps))
        let start = range.lowerBound
        values.withUnsafeMutableBufferPointer { values in
            first.withUnsafeMutableBufferPointer { first in
                second.withUnsafeMutableBufferPointer { second in
                    gradient.withUnsafeBufferPointer { gradient in
                        nc_adam(
                            values.baseAddress.map { $0 + start }, gradient.baseAddress.map { $0 + start },
                            first.baseAddress.map { $0 + start }, second.baseAddress.map { $0 + start },
                            range.count, 1, step, beta1, beta2, correction, 1e-8)
                    }
                }
            }
        }
    }

    private func power(_ base: Float, _ exponent: Int) -> Float {
        var result: Float = 1
        for _ in 0..<exponent { result *= base }
        return result
    }
}
