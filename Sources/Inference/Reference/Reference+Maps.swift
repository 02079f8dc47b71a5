import Networks
import Tensors

/// Parts of maps, other sizes and other orders of dimensions in the plain engine.
extension Reference {
    /// y[r, c, o] = b[o] + Σ x[p, q, k]·w[i, j, o, k] over all p·s + i·d − offset = r and q·s + j·d − offset = c.
    static func convolve(
        _ x: Tensor, transposed convolution: TransposedConvolution, _ kernel: [Float], _ bias: [Float],
        _ shape: Shape
    ) -> Tensor {
        let (inputs, outputs, offset) = (convolution.inputs, convolution.outputs, convolution.offset)
        /// The element and the tap that meet in a row or column of the result.
        func pairs(
            _ place: Int, _ count: Int, _ size: Int, _ stride: Int, _ dilation: Int
        ) -> [(element: Int, tap: Int)] {
            (0..<size).compactMap { tap in
                let start = place - tap * dilation
                return start >= 0 && start % stride == 0 && start / stride < count
                    ? (start / stride, tap) : nil
            }
        }
        var y = Tensor(shape: shape, repeating: 0)
        for row in 0..<shape[0] {
            let rows = pairs(
                row + offset.rows, x.shape[0], convolution.size.height, convolution.strides.height,
                convolution.dilation.height)
            for column in 0..<shape[1] {
                let columns = pairs(
                    column + offset.columns, x.shape[1], convolution.size.width, convolution.strides.width,
                    convolution.dilation.width)
                for output in 0..<outputs {
                    var sum = Double(bias[output])
                    for (p, i) in rows {
                        for (q, j) in columns {
                            let source = (p * x.shape[1] + q) * inputs
                            let weights = ((i * convolution.size.width + j) * outputs + output) * inputs
                            for input in 0..<inputs {
                                sum += Double(x.values[source + input]) * Double(kernel[weights + input])
                            }
                        }
                    }
                    y.values[(row * shape[1] + column) * outputs + output] = Float(sum)
                }
            }
        }
        return y
    }

    /// What is left of a map when its margins are cut off.
    static func crop(_ x: Tensor, _ crop: Crop, _ shape: Shape) -> Tensor {
        if let resize = crop.enlargement(height: x.shape[0], width: x.shape[1]) {
            return self.resize(x, resize, shape)
        }
        var y = Tensor(shape: shape, repeating: 0)
        guard let margins = crop.margins(height: x.shape[0], width: x.shape[1]) else { return y }
        let channels = shape[2]
        for row in 0..<shape[0] {
            for column in 0..<shape[1] {
                let source = ((row + margins.top) * x.shape[1] + column + margins.left) * channels
                let target = (row * shape[1] + column) * channels
                for channel in 0..<channels { y.values[target + channel] = x.values[source + channel] }
            }
        }
        return y
    }

    /// Each element from the rows and columns around its place, in Double; what lies outside the map has the value `fill`.
    static func resize(_ x: Tensor, _ resize: Resize, _ shape: Shape) -> Tensor {
        let (rows, columns) = resize.samples(height: x.shape[0], width: x.shape[1])
        let channels = shape[2]
        var y = Tensor(shape: shape, repeating: 0)
        for (row, v) in rows.enumerated() {
            for (column, h) in columns.enumerated() {
                for channel in 0..<channels {
                    var sum = Double(resize.fill) * (1 - v.inside * h.inside)
                    for (i, vertical) in v.weights.enumerated() {
                        for (j, horizontal) in h.weights.enumerated() {
                            let place = (v.first + i) * x.shape[1] + h.first + j
                            sum += vertical * horizontal * Double(x.values[place * channels + channel])
                        }
                    }
                    y.values[(row * shape[1] + column) * channels + channel] = Float(sum)
                }
            }
        }
        return y
    }

    /// The innermost dimension's elements at these places.
    static func selectChannels(_ x: Tensor, _ channels: [Int], _ shape: Shape) -> Tensor {
        let count = x.shape[-1]
        let values = (0..<x.shape.count / max(count, 1)).flatMap { position in
            channels.map { x.values[position * count + $0] }
        }
        return Tensor(shape: shape, values: values)
    }

    /// An element of each operand in turn.
    static func stack(_ operands: [Tensor], _ shape: Shape) -> Tensor {
        Tensor(
            shape: shape, values: operands[0].values.indices.flatMap { i in operands.map { $0.values[i] } })
    }

    /// Dimension i of the result is dimension `order[i]` of the operand.
    static func permute(_ x: Tensor, _ order: [Int], _ shape: Shape) -> Tensor {
        let strides = BroadcastStrides(x.shape, permutedTo: order)
        return Tensor(shape: shape, values: (0..<shape.count).map { x.values[strides.source(of: $0)] })
    }

    /// Each run of the innermost dimension at length 1.
    static func unitNorm(_ x: Tensor, epsilon: Double) -> Tensor {
        var y = x
        y.values.withUnsafeMutableBufferPointer { result in
            x.values.withUnsafeBufferPointer { source in
                guard let source = source.baseAddress else { return }
                normalizeLength(source, result, features: x.shape[-1], epsilon: epsilon)
            }
        }
        return y
    }
}
