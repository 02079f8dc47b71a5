import CKernels
import Threads

/// Gradient descent with momentum, as PyTorch's SGD: the velocity is momentum·velocity + gradient + decay·values, and the
/// values move against it by the rate.
package struct MomentumDescent: Optimizer {
    /// The velocity of each value.
    private var velocity: [Float]
    private let momentum: Float
    private let decay: Float

    /// Starts at rest; `count` values.
    package init(count: Int, momentum: Float, decay: Float) {
        velocity = [Float](repeating: 0, count: count)
        (self.momentum, self.decay) = (momentum, decay)
    }

    /// The velocity.
    package var state: [[Float]] { [velocity] }

    /// Goes on where another one stood.
    package mutating func resume(_ state: [[Float]], steps: Int) { velocity = state[0] }

    /// Moves the values against the gradient times `scale`.
    package mutating func step(
        _ values: inout [Float], gradient: [Float], rate: Float, scale: Float = 1, workers: Int = 1
    ) {
        let (momentum, decay, count) = (momentum, decay, values.count)
        values.withUnsafeMutableBufferPointer { values in
            velocity.withUnsafeMutableBufferPointer { velocity in
                gradient.withUnsafeBufferPointer { gradient in
                    guard let values = values.baseAddress, let velocity = velocity.baseAddress,
                        let gradient = gradient.baseAddress
                    else { return }
                    let vectors = SharedVectors(written: [values, velocity], read: gradient)
                    inShares(0..<count, workers: workers) { own in
                        let start = own.lowerBound
                        nc_sgd(
                            vectors.written[0] + start, vectors.read + start, vectors.written[1] + start,
                            own.count, scale, rate, momentum, decay)
                    }
                }
            }
        }
    }
}
