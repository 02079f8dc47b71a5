import Networks
import Tensors

/// Parts of maps, other sizes and other orders of dimensions in the plain engine.
extension Reference {
    /// What is left of a map when its margins are cut off.
    static func crop(_ x: Tensor, _ crop: Crop, _ shape: Shape) -> Tensor {
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

    /// Each element from the two rows and two columns around its place, in Double.
    static func resize(_ x: Tensor, _ resize: Resize, _ shape: Shape) -> Tensor {
        let (rows, columns) = resize.samples(height: x.shape[0], width: x.shape[1])
        let channels = shape[2]
        var y = Tensor(shape: shape, repeating: 0)
        for (row, v) in rows.enumerated() {
            for (column, h) in columns.enumerated() {
                for channel in 0..<channels {
                    func value(_ row: Int, _ column: Int) -> Double {
                        Double(x.values[(row * x.shape[1] + column) * channels + channel])
                    }
                    let above = value(v.first, h.first) * (1 - h.weight) + value(v.first, h.second) * h.weight
                    let below =
                        value(v.second, h.first) * (1 - h.weight) + value(v.second, h.second) * h.weight
                    y.values[(row * shape[1] + column) * channels + channel] = Float(
                        above * (1 - v.weight) + below * v.weight)
                }
            }
        }
        return y
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
