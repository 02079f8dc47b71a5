import Tensors

/// Where an element of a broadcast result comes from in one operand.
package struct BroadcastStrides {
    private var extents: [Int]
    private var strides: [Int]

    package init(_ shape: Shape, to result: Shape) {
        extents = result.extents
        strides = [Int](repeating: 0, count: result.rank)
        var stride = 1
        for dimension in 1...max(shape.rank, 1) where shape.rank > 0 {
            let extent = shape[shape.rank - dimension]
            strides[result.rank - dimension] = extent == 1 ? 0 : stride
            stride *= extent
        }
    }

    /// The operand's flat index for a flat index of the result.
    package func source(of index: Int) -> Int {
        var (rest, source) = (index, 0)
        for dimension in stride(from: extents.count - 1, through: 0, by: -1) {
            source += rest % extents[dimension] * strides[dimension]
            rest /= extents[dimension]
        }
        return source
    }
}
