/// The order that Keras gives the layers of a model when it builds it. Its older layouts store weights by this order.
enum KerasLayerOrder {
    /// The layers that the output needs: the longest way to the output first, then as a search from the output meets
    /// them. `operands` are each layer's, which stand before it.
    ///
    /// Source: `map_graph` in `keras/src/ops/function.py`.
    static func order(operands: [[Int]], output: Int) -> [Int] {
        var found = [Int?](repeating: nil, count: operands.count)
        var pending = [output]
        var count = 0
        while let layer = pending.popLast() {
            if found[layer] != nil { continue }
            found[layer] = count
            count += 1
            pending += operands[layer].reversed()
        }
        var depths = [Int](repeating: 0, count: operands.count)
        for layer in operands.indices.reversed() where found[layer] != nil {
            for operand in operands[layer] { depths[operand] = max(depths[operand], depths[layer] + 1) }
        }
        return operands.indices.filter { found[$0] != nil }
            .sorted { (-depths[$0], found[$0] ?? 0) < (-depths[$1], found[$1] ?? 0) }
    }
}
