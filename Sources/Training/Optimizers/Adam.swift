import CKernels
import Threads
import Inference

/// Adam (Kingma & Ba 2015), with one rate, or one of its own for each parameter of a layout; with a decay of weights it is
/// AdamW (Loshchilov & Hutter 2019).
package struct Adam: Optimizer {
    /// Averages of gradients and of their squares.
    private var first: [Float]
    private var second: [Float]
    private let beta1: Float
    private let beta2: Float
    private let decay: Float
    /// β₁ᵗ and β₂ᵗ.
    private var powers: (Double, Double) = (1, 1)

    /// Starts with no memory of earlier gradients; `count` values. `beta1` and `beta2` say how long gradients and their
    /// squares are remembered. `decay` times the rate is the part of the weights that a step takes away.
    package init(count: Int, beta1: Float = 0.9, beta2: Float = 0.999, decay: Float = 0) {
        first = [Float](repeating: 0, count: count)
        second = first
        (self.beta1, self.beta2, self.decay) = (beta1, beta2, decay)
    }

    /// The averages of gradients, and of their squares.
    package var state: [[Float]] { [first, second] }

    /// Goes on where another one stood after so many steps.
    package mutating func resume(_ state: [[Float]], steps: Int) {
        (first, second) = (state[0], state[1])
        powers = (1, 1)
        for _ in 0..<steps { advance() }
    }

    /// Moves the values against the gradient. `rate` gives each parameter's step: about how far each of its values
    /// moves while gradients keep their direction.
    package mutating func step(
        _ values: inout [Float], gradient: [Float], layout: ParameterLayout,
        rate: (ParameterLayout.Entry) -> Float
    ) {
        advance()
        for entry in layout.entries {
            move(&values, gradient, entry.range, rate(entry), scale: 1, workers: 1)
        }
    }

    /// Moves the values against the gradient times `scale`, all at one rate.
    package mutating func step(
        _ values: inout [Float], gradient: [Float], rate: Float, scale: Float = 1, workers: Int = 1
    ) {
        advance()
        move(&values, gradient, values.indices, rate, scale: scale, workers: workers)
    }

    private mutating func advance() {
        powers = (powers.0 * Double(beta1), powers.1 * Double(beta2))
    }

    private mutating func move(
        _ values: inout [Float], _ gradient: [Float], _ range: Range<Int>, _ rate: Float, scale: Float,
        workers: Int
    ) {
        let step = Float(Double(rate) / (1 - powers.0))
        let correction = Float(1 / (1 - powers.1))
        let (kept, beta1, beta2) = (1 - rate * decay, beta1, beta2)
        values.withUnsafeMutableBufferPointer { values in
            first.withUnsafeMutableBufferPointer { first in
                second.withUnsafeMutableBufferPointer { second in
                    gradient.withUnsafeBufferPointer { gradient in
                        guard let values = values.baseAddress, let first = first.baseAddress,
                            let second = second.baseAddress, let gradient = gradient.baseAddress
                        else { return }
                        let vectors = SharedVectors(written: [values, first, second], read: gradient)
                        inShares(range, workers: workers) { own in
                            let start = own.lowerBound
                            nc_adam(
                                vectors.written[0] + start, vectors.read + start, vectors.written[1] + start,
                                vectors.written[2] + start, own.count, scale, kept, step, beta1, beta2,
                                correction, 1e-8)
                        }
                    }
                }
            }
        }
    }
}
