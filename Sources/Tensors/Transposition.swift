extension Shape {
    /// The extents in another order: dimension `i` of the result is dimension `order[i]` of this shape.
    package func permuted(_ order: [Int]) -> Shape { Shape(order.map { extents[$0] }) }
}

extension Parameter {
    /// The parameter with its dimensions in another order: dimension `i` of the result is dimension `order[i]` of this
    /// one. Elements keep their bits.
    package func permuted(_ order: [Int]) -> Parameter {
        if order == Array(order.indices) { return self }
        let (old, new) = (shape, shape.permuted(order))
        let size = elementType.size
        let bytes = { @Sendable () throws -> [UInt8]? in
            try readBytes().map { permute($0, elementSize: size, old, order) }
        }
        return Parameter(name: name, shape: new, elementType: elementType, bytes: bytes) {
            let values = try read().values
            let permuted = values.withUnsafeBytes { permute(Array($0), elementSize: 4, old, order) }
            return Tensor(
                shape: new,
                values: permuted.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) })
        }
    }

    /// The same elements under another shape of the same count.
    package func reshaped(_ shape: Shape) -> Parameter {
        precondition(shape.count == self.shape.count, "\(shape) for \(self.shape)")
        return Parameter(name: name, shape: shape, elementType: elementType, bytes: readBytes) {
            try read().reshaped(shape)
        }
    }
}

/// Elements of a row-major array in the order of its permuted dimensions.
private func permute(_ bytes: [UInt8], elementSize: Int, _ shape: Shape, _ order: [Int]) -> [UInt8] {
    var strides = [Int](repeating: elementSize, count: shape.rank)
    for dimension in strides.indices.dropLast().reversed() {
        strides[dimension] = strides[dimension + 1] * shape[dimension + 1]
    }
    let (extents, steps) = (order.map { shape[$0] }, order.map { strides[$0] })
    return [UInt8](unsafeUninitializedCapacity: bytes.count) { target, count in
        bytes.withUnsafeBytes { source in
            guard let from = source.baseAddress, let to = target.baseAddress, shape.count > 0 else { return }
            var position = [Int](repeating: 0, count: extents.count)
            var offset = 0
            for index in 0..<shape.count {
                UnsafeMutableRawPointer(to + index * elementSize)
                    .copyMemory(from: from + offset, byteCount: elementSize)
                var dimension = extents.count - 1
                while dimension >= 0 {
                    position[dimension] += 1
                    offset += steps[dimension]
                    if position[dimension] < extents[dimension] { break }
                    offset -= steps[dimension] * extents[dimension]
                    position[dimension] = 0
                    dimension -= 1
                }
            }
        }
        count = bytes.count
    }
}
