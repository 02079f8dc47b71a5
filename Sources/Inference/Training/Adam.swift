import CKernels

/// Adam (Kingma & Ba 2015), with a rate of its own for each parameter of a layout.
public struct Adam {
    private var first: [Float]
    private var second: [Float]
    private var steps = 0
    private let beta1: Float = 0.9
    private let beta2: Float = 0.999

    /// Starts with no memory of earlier gradients; `count` values.
    public init(count: Int) {
        first = [Float](repeating: 0, count: count)
        second = first
    }

    /// Moves the values against the gradient. `rate` gives each parameter's step: about how far each of its values
    /// moves while gradients keep their direction.
    public mutating func step(
        _ values: inout [Float], gradient: [Float], layout: ParameterLayout,
        rate: (ParameterLayout.Entry) -> Float
    ) {
        steps += 1
        let firstCorrection = 1 / (1 - power(beta1, steps))
        let secondCorrection = 1 / (1 - power(beta2, steps))
        for entry in layout.entries {
            let (start, count) = (entry.range.lowerBound, entry.range.count)
            let step = rate(entry) * firstCorrection
            values.withUnsafeMutableBufferPointer { values in
                first.withUnsafeMutableBufferPointer { first in
                    second.withUnsafeMutableBufferPointer { second in
                        gradient.withUnsafeBufferPointer { gradient in
                            nc_adam(
                                values.baseAddress.map { $0 + start },
                                gradient.baseAddress.map { $0 + start },
                                first.baseAddress.map { $0 + start }, second.baseAddress.map { $0 + start },
                                count, 1, step, beta1, beta2, secondCorrection, 1e-8)
                        }
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
