import Training
import Inference
import Networks
import Tensors

/// The windows of a map that a convolution sees, as rows of a matrix: the weights of its filters come in the same
/// order, [inputs / groups, rows, columns].
struct Patches {
    private let convolution: Convolution
    private let input: Shape
    private let output: Shape
    private let margins: Margins

    /// The patches of maps of one shape. A dense layer's are its inputs.
    init(_ convolution: Convolution, input: Shape, output: Shape) {
        self.convolution = convolution
        self.input = input
        self.output = output
        margins = convolution.resolvedMargins(of: input.mapExtent)
    }

    /// Writes the patch of one output position in one group of channels, minus a pivot for each weight.
    func write(
        _ map: UnsafePointer<Float>, position: Int, group: Int, pivot: UnsafePointer<Float>,
        to row: UnsafeMutablePointer<Float>
    ) {
        let (rows, columns) = (convolution.size.height, convolution.size.width)
        let width = convolution.inputs / convolution.groups
        let top = position / output[1] * convolution.strides.height - margins.top
        let left = position % output[1] * convolution.strides.width - margins.left
        for i in 0..<rows {
            let sourceRow = top + i * convolution.dilation.height
            for j in 0..<columns {
                let sourceColumn = left + j * convolution.dilation.width
                let tap = i * columns + j
                let isInside =
                    sourceRow >= 0 && sourceRow < input[0] && sourceColumn >= 0 && sourceColumn < input[1]
                guard isInside else {
                    for channel in 0..<width {
                        let place = channel * rows * columns + tap
                        row[place] = -pivot[place]
                    }
                    continue
                }
                let source = map + (sourceRow * input[1] + sourceColumn) * input[2] + group * width
                for channel in 0..<width {
                    let place = channel * rows * columns + tap
                    row[place] = source[channel] - pivot[place]
                }
            }
        }
    }
}
