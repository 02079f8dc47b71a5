import Tensors

extension Network {
    /// The shape of every node's value for an input image of these extents, without the batch dimension:
    /// `[height, width, channels]` for maps, `[features]` for vectors.
    ///
    /// Throws `NetworkError.shapeMismatch` naming the layer whose operands do not fit, and `unsupportedLayer` or
    /// `unsupportedSetting` naming the first layer that is not computed.
    package func shapes(height: Int, width: Int) throws(NetworkError) -> [Shape] {
        for node in nodes { if let obstacle = node.obstacle { throw obstacle } }
        return try knownShapes(height: height, width: width).compactMap(\.self)
    }

    /// The same as far as it is known: nil for a layer that is not computed and for what depends on it.
    ///
    /// Throws `NetworkError.shapeMismatch` naming the layer whose operands do not fit.
    package func knownShapes(height: Int, width: Int) throws(NetworkError) -> [Shape?] {
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
                shapes.append(try inputShape(node, height: height, width: width))
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

    private func inputShape(_ node: Node, height: Int, width: Int) throws(NetworkError) -> Shape {
        let expected =
            "\(input.height.map(String.init) ?? "any")×\(input.width.map(String.init) ?? "any")"
            + "×\(input.channels)"
        let found = "\(height)×\(width)×\(input.channels)"
        guard height > 0, width > 0, height == input.height ?? height, width == input.width ?? width,
            let shape = Shape(checking: [height, width, input.channels])
        else { throw node.mismatch(found, expected) }
        return shape
    }
}
