import Tensors

extension Network {
    /// The shape of every node's value for an input image of these extents, without the batch dimension:
    /// `[height, width, channels]` for maps, `[depth, height, width, channels]` for volumes, `[features]` for vectors.
    ///
    /// Throws `NetworkError.shapeMismatch` naming the layer whose operands do not fit, and `unsupportedLayer` or
    /// `unsupportedSetting` naming the first layer that is not computed.
    package func shapes(of image: Extent) throws(NetworkError) -> [Shape] {
        for node in nodes { if let obstacle = node.obstacle { throw obstacle } }
        return try knownShapes(of: image).compactMap(\.self)
    }

    /// The same for an image that is no volume.
    package func shapes(height: Int, width: Int) throws(NetworkError) -> [Shape] {
        try shapes(of: Extent(height: height, width: width))
    }

    /// The same for an image of height × width × channels or a volume. Throws `NetworkError.shapeMismatch` also where it has
    /// other channels or other dimensions than the network takes.
    package func shapes(forImage shape: Shape) throws(NetworkError) -> [Shape] {
        guard shape.rank == input.rank, shape[-1] == input.channels else {
            throw .shapeMismatch(
                layer: nodes.first?.layer ?? name, found: "\(shape)", expected: input.description)
        }
        return try shapes(of: shape.mapExtent)
    }

    /// The same as far as it is known: nil for a layer that is not computed and for what depends on it.
    ///
    /// Throws `NetworkError.shapeMismatch` naming the layer whose operands do not fit.
    package func knownShapes(of image: Extent) throws(NetworkError) -> [Shape?] {
        var shapes: [Shape?] = []
        shapes.reserveCapacity(nodes.count)
        for (index, node) in nodes.enumerated() {
            var operands: [Shape] = []
            for input in node.inputs {
                guard shapes.indices.contains(input) else {
                    throw node.mismatch("node \(input)", "a node before \(index)")
                }
                if let shape = shapes[input] { operands.append(shape) }
            }
            if case .input = node.operation, node.inputs.isEmpty {
                shapes.append(try inputShape(node, image))
            } else if node.hasUnknownShape {
                shapes.append(nil)
            } else {
                shapes.append(operands.count == node.inputs.count ? try node.shape(of: operands) : nil)
            }
        }
        guard shapes.indices.contains(output) else {
            throw .malformedConfiguration(
                at: "output node \(output)", expected: "one of \(nodes.count) nodes")
        }
        return shapes
    }

    private func inputShape(_ node: Node, _ image: Extent) throws(NetworkError) -> Shape {
        let extents = Array(image.all.suffix(input.rank - 1))
        let fixed = [input.depth, input.height, input.width]
        guard image.all.allSatisfy({ $0 > 0 }), zip(image.all, fixed).allSatisfy({ $0 == $1 ?? $0 }),
            let shape = Shape(checking: extents + [input.channels])
        else {
            let found = (extents + [input.channels]).map(String.init).joined(separator: "×")
            throw node.mismatch(found, input.description)
        }
        return shape
    }
}

extension Network.Input: CustomStringConvertible {
    /// Dimensions of an image with its channels; steps are an image of one row.
    package var rank: Int { max(dimensions, 2) + 1 }

    /// `224×224×3`; `any` for an extent that is not fixed.
    package var description: String {
        ([depth, height, width].suffix(rank - 1) + [channels])
            .map { $0.map(String.init) ?? "any" }.joined(separator: "×")
    }

    /// Rows, columns and depth, if the file fixes them all.
    package var extent: Extent? {
        let all = [depth, height, width].compactMap(\.self)
        return all.count == 3 ? Extent(all) : nil
    }
}
