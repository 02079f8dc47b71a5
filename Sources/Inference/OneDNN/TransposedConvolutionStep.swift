import CKernels
import Networks
import Tensors

/// A transposed convolution of maps of one size, with its weights.
package struct TransposedConvolutionStep {
    package let input: Shape
    private let output: Shape
    package let convolution: TransposedConvolution
    /// [rows, columns, inputs, outputs]
    private let weights: [Float]
    private let bias: [Float]

    package init(
        _ convolution: TransposedConvolution, input: Shape, output: Shape, kernel: [Float], bias: [Float]
    ) {
        let (inputs, outputs) = (convolution.inputs, convolution.outputs)
        var weights = [Float](repeating: 0, count: kernel.count)
        for tap in 0..<convolution.size.height * convolution.size.width {
            let start = tap * inputs * outputs
            for source in 0..<inputs {
                for result in 0..<outputs {
                    weights[start + source * outputs + result] = kernel[start + result * inputs + source]
                }
            }
        }
        self.input = input
        self.output = output
        self.convolution = convolution
        self.weights = weights
        self.bias = bias
    }

    /// Adds the weighted kernel of every element to its window of the result, in the order of the elements.
    package func run(_ x: MapOperations.Source, _ y: MapOperations.Result) {
        let outputs = convolution.outputs
        guard let target = y.baseAddress else { return }
        for start in stride(from: 0, to: y.count, by: outputs) {
            (target + start).update(from: bias, count: outputs)
        }
        forEachTap { source, result, weights in
            for channel in 0..<convolution.inputs {
                nc_add_scaled(weights + channel * outputs, target + result, outputs, x[source + channel])
            }
        }
    }

    /// Adds the gradient with respect to the input.
    package func runBack(_ dy: MapOperations.Source, _ dx: MapOperations.Result) {
        let outputs = convolution.outputs
        forEachTap { source, result, weights in
            for channel in 0..<convolution.inputs {
                var sum: Float = 0
                for place in 0..<outputs { sum += dy[result + place] * weights[channel * outputs + place] }
                dx[source + channel] += sum
            }
        }
    }

    /// Calls the body with where an element's channels are, where those of a window's element are, and with the weights
    /// between them, [inputs, outputs].
    private func forEachTap(_ body: (_ source: Int, _ result: Int, _ weights: UnsafePointer<Float>) -> Void) {
        let (inputs, outputs) = (convolution.inputs, convolution.outputs)
        let offset = convolution.offset
        weights.withUnsafeBufferPointer { weights in
            guard let weights = weights.baseAddress else { return }
            for row in 0..<input[0] {
                for column in 0..<input[1] {
                    for i in 0..<convolution.size.height {
                        let line =
                            row * convolution.strides.height + i * convolution.dilation.height - offset.rows
                        guard (0..<output[0]).contains(line) else { continue }
                        for j in 0..<convolution.size.width {
                            let place =
                                column * convolution.strides.width + j * convolution.dilation.width
                                - offset.columns
                            guard (0..<output[1]).contains(place) else { continue }
                            body(
                                (row * input[1] + column) * inputs, (line * output[1] + place) * outputs,
                                weights + (i * convolution.size.width + j) * inputs * outputs)
                        }
                    }
                }
            }
        }
    }
}

extension Weights {
    /// The step of a transposed convolution with its weights.
    package func step(
        of convolution: TransposedConvolution, input: Shape, output: Shape
    ) throws -> TransposedConvolutionStep {
        TransposedConvolutionStep(
            convolution, input: input, output: output,
            kernel: try read(convolution.kernel, count: convolution.kernelShape?.count ?? 0),
            bias: try read(convolution.bias, count: convolution.outputs, else: 0))
    }
}
