import Networks
import Tensors

/// A convolution for maps of one shape with its weights packed, shared by all workers.
package protocol CompiledConvolution: AnyObject, Sendable {
    /// Bytes of scratchpad that an execution needs.
    var scratchBytes: Int { get }

    /// The convolution with a worker's scratchpad, shared by `team` threads.
    func bind(scratch: UnsafeMutableRawPointer, team: Int) throws(InferenceError) -> any BoundConvolution
}

/// A convolution that a worker executes.
package protocol BoundConvolution {
    /// Convolves the first `images` maps of the source, or more.
    func run(
        _ source: UnsafeMutablePointer<Float>, to destination: UnsafeMutablePointer<Float>, images: Int,
        on stream: OneDNNStream
    ) throws(InferenceError)
}

/// A convolution's kernel in its own layout and its bias, with the norm after it, if any, folded in.
package struct FoldedKernel {
    private(set) var kernel: [Float]
    private(set) var bias: [Float]

    /// Throws `InferenceError` for a parameter, or where the folded kernel overflows.
    package init(_ step: ConvolutionStep, _ weights: Weights) throws {
        let convolution = step.convolution
        kernel = try weights.kernel(of: convolution)
        bias = try weights.read(convolution.bias, count: convolution.outputs, else: 0)
        guard let affine = step.affine else { return }
        affine.fold(into: &kernel, &bias, convolution)
        guard kernel.firstNonFinite == nil, bias.firstNonFinite == nil else {
            throw InferenceError.foldedOverflow(kernel: convolution.kernel)
        }
    }
}

extension ChannelAffine {
    /// Makes y = (conv(x) + b)·scale + shift a convolution: w·scale, b·scale + shift.
    package func fold(into kernel: inout [Float], _ bias: inout [Float], _ convolution: Convolution) {
        let outputs = convolution.outputs
        for output in 0..<outputs {
            bias[output] = Float(Double(bias[output]) * scale[output] + shift[output])
        }
        switch convolution.kernelLayout {
        case .hwio, .hwim:
            kernel.withUnsafeMutableBufferPointer { kernel in
                for start in stride(from: 0, to: kernel.count, by: outputs) {
                    for output in 0..<outputs {
                        kernel[start + output] = Float(Double(kernel[start + output]) * scale[output])
                    }
                }
            }
        case .oihw, .flattened:
            let taps = kernel.count / outputs
            kernel.withUnsafeMutableBufferPointer { kernel in
                for output in 0..<outputs {
                    for tap in output * taps..<(output + 1) * taps {
                        kernel[tap] = Float(Double(kernel[tap]) * scale[output])
                    }
                }
            }
        }
    }
}
