import Tensors

extension Node {
    /// Whether the shape of the value does not follow from those of the operands.
    var hasUnknownShape: Bool {
        if case .opaque = operation { true } else { false }
    }

    func mismatch(_ found: String, _ expected: String) -> NetworkError {
        .shapeMismatch(layer: layer, found: found, expected: expected)
    }

    /// The value's shape for operands of these shapes.
    func shape(of operands: [Shape]) throws(NetworkError) -> Shape {
        if let shape = try joinedShape(operands) { return shape }
        guard operands.count == 1 else { throw mismatch("\(operands.count) inputs", "one input") }
        let operand = operands[0]
        switch operation {
        case .input: throw mismatch("an input", "no input")
        case .convolution, .transposedConvolution, .pool, .globalPool, .zeroPad, .padChannels, .crop, .resize:
            return try mapShape(operand)
        case .dense(let dense):
            try requireInnermost(operand, dense.inputs)
            return try checked(operand.extents.dropLast() + [dense.outputs], operand)
        case .batchNorm(let norm):
            if norm.axis == nil { try requireInnermost(operand, norm.channels) }
        case .layerNorm(let norm): try requireInnermost(operand, norm.channels)
        case .groupNorm(let norm):
            if norm.axis == nil { try requireInnermost(operand, norm.channels) }
            guard norm.groups > 0, norm.channels % norm.groups == 0 else {
                throw mismatch("\(norm.channels) channels", "a multiple of \(norm.groups) groups")
            }
        case .activation, .unitNorm, .standardizeInput, .opaque:
            guard operand.rank > 0 else { throw mismatch("\(operand)", "a map or a vector") }
        case .prelu(let prelu): try requireSlopes(prelu.shape, operand)
        case .scaleShift(let scale, let offset):
            for values in [scale, offset] where values.count != 1 {
                try requireInnermost(operand, values.count)
            }
        case .flatten: return [operand.count]
        case .reshape(let target): return try reshaped(operand, target)
        case .selectChannels(let channels, let keepsDimension):
            guard operand.rank > 0, !channels.isEmpty, channels.allSatisfy((0..<operand[-1]).contains),
                keepsDimension || channels.count == 1 && operand.rank > 1
            else { throw mismatch("\(operand)", "the channels \(channels)") }
            return try checked(operand.extents.dropLast() + (keepsDimension ? [channels.count] : []), operand)
        case .permute(let order):
            guard order.sorted() == Array(0..<operand.rank) else {
                throw mismatch("\(operand)", "\(order.count) dimensions")
            }
            return try checked(order.map { operand[$0] }, operand)
        case .add, .multiply, .merge, .concatenate, .stack: break
        }
        return operand
    }

    /// Operations that join several operands; nil for another.
    private func joinedShape(_ operands: [Shape]) throws(NetworkError) -> Shape? {
        switch operation {
        case .merge(.subtract) where operands.count > 2:
            throw mismatch("\(operands.count) inputs", "two inputs")
        case .add, .multiply, .merge: return try broadcast(operands)
        case .concatenate: return try concatenation(operands)
        case .stack:
            guard let first = operands.first, operands.allSatisfy({ $0 == first }) else {
                throw mismatch(operands.map(\.description).joined(separator: " and "), "equal shapes")
            }
            return try checked(first.extents + [operands.count], first)
        default: return nil
        }
    }

    /// Operations that take a map or a volume and change its extents.
    private func mapShape(_ operand: Shape) throws(NetworkError) -> Shape {
        guard operation.ranks.contains(operand.rank) else {
            throw mismatch(
                "\(operand)",
                operation.ranks.contains(3) ? "height×width×channels" : "depth×height×width×channels")
        }
        let (map, channels) = (operand.mapExtent, operand[-1])
        switch operation {
        case .convolution(let convolution):
            try requireInnermost(operand, convolution.inputs)
            guard convolution.kernelShape != nil, convolution.outputs % convolution.groups == 0 else {
                throw mismatch(
                    "\(convolution.inputs) to \(convolution.outputs) channels",
                    "multiples of \(convolution.groups) groups")
            }
            guard let extent = convolution.outputExtent(of: map) else {
                throw mismatch("\(operand)", "at least one window of \(convolution.size)")
            }
            return try shape(operand, extent.all, convolution.outputs)
        case .transposedConvolution(let convolution):
            try requireInnermost(operand, convolution.inputs)
            let extent = convolution.outputExtent(height: map.height, width: map.width)
            return try shape(operand, extent?.all, convolution.outputs)
        case .pool(let pool):
            guard let extent = pool.outputExtent(of: map) else {
                throw mismatch("\(operand)", "at least one window of \(pool.size)")
            }
            return try shape(operand, extent.all, channels)
        case .globalPool(_, let keepsDimensions):
            guard map.all.allSatisfy({ $0 > 0 }) else {
                throw mismatch("\(operand)", "at least one position")
            }
            return keepsDimensions ? try shape(operand, [1, 1, 1], channels) : [channels]
        default: return try resizedShape(operand)
        }
    }

    /// Operations that take a part of a map, put something around it or change its size.
    private func resizedShape(_ operand: Shape) throws(NetworkError) -> Shape {
        let (map, channels) = (operand.mapExtent, operand[-1])
        switch operation {
        case .crop(let crop):
            if let resize = crop.enlargement(height: map.height, width: map.width) {
                return try resized(operand, resize)
            }
            guard let margins = crop.margins(height: map.height, width: map.width) else {
                throw mismatch("\(operand)", "a map that is larger than what is cut off")
            }
            return try shape(
                operand,
                [
                    1, map.height - margins.top - margins.bottom, map.width - margins.left - margins.right,
                ], channels)
        case .resize(let resize): return try resized(operand, resize)
        case .zeroPad(let margins): return try shape(operand, margins.around(map), channels)
        case .padChannels(let before, let after):
            return try shape(operand, map.all, checkedSum([channels, before, after]))
        default: return operand
        }
    }

    private func resized(_ operand: Shape, _ resize: Resize) throws(NetworkError) -> Shape {
        let map = operand.mapExtent
        guard let extent = resize.outputExtent(height: map.height, width: map.width) else {
            throw mismatch("\(operand)", "a map that becomes one of at most 65536 rows and columns")
        }
        return try shape(operand, extent.all, operand[-1])
    }

    /// The shape of a map like the operand, of other extents: depth, height and width, of which it has as many as the operand.
    private func shape(
        _ operand: Shape, _ extents: [Int]?, _ channels: Int?
    ) throws(NetworkError) -> Shape {
        try checked((extents.map { $0.suffix(operand.rank - 1) } ?? [nil]) + [channels], operand)
    }

    private func requireInnermost(_ operand: Shape, _ expected: Int) throws(NetworkError) {
        guard operand.rank > 0, operand[-1] == expected else {
            throw mismatch("\(operand)", "\(expected) in the innermost dimension")
        }
    }

    private func checked(_ extents: [Int?], _ operand: Shape) throws(NetworkError) -> Shape {
        let known = extents.compactMap(\.self)
        guard known.count == extents.count, let shape = Shape(checking: known) else {
            throw mismatch("\(operand)", "a value that fits in memory")
        }
        return shape
    }

    /// One slope for each element, or for all along a dimension; those of steps have no dimension for the one row.
    private func requireSlopes(_ slopes: [Int], _ operand: Shape) throws(NetworkError) {
        guard slopes.count == operand.rank || slopes.count == 2 && operand.rank == 3 && operand[0] == 1,
            zip(slopes, operand.extents.suffix(slopes.count)).allSatisfy({ $0 == $1 || $0 == 1 })
        else {
            throw mismatch(
                "\(operand)", "extents of the slopes, \(slopes.map(String.init).joined(separator: "×"))")
        }
    }

    /// Right-aligned, extents of 1 stretched, as NumPy and Keras' merging layers do.
    private func broadcast(_ operands: [Shape]) throws(NetworkError) -> Shape {
        guard operands.count >= 2 else { throw mismatch("\(operands.count) inputs", "two or more inputs") }
        var result = operands[0].extents
        for operand in operands.dropFirst() {
            let rank = max(result.count, operand.rank)
            let left = Array(repeating: 1, count: rank - result.count) + result
            let right = Array(repeating: 1, count: rank - operand.rank) + operand.extents
            guard zip(left, right).allSatisfy({ $0 == $1 || $0 == 1 || $1 == 1 }) else {
                throw mismatch(
                    operands.map(\.description).joined(separator: " and "), "shapes that broadcast")
            }
            result = zip(left, right).map { $0 == 1 ? $1 : $0 }
        }
        return try checked(result, operands[0])
    }

    /// All but the innermost dimension agree, the innermost ones add up.
    private func concatenation(_ operands: [Shape]) throws(NetworkError) -> Shape {
        let leading = operands.first?.extents.dropLast() ?? []
        guard !operands.isEmpty,
            operands.allSatisfy({ $0.rank > 0 && $0.extents.dropLast() == leading })
        else {
            throw mismatch(
                operands.map(\.description).joined(separator: " and "),
                "the same extents but for the innermost")
        }
        return try checked(leading + [checkedSum(operands.map { $0[-1] })], operands[0])
    }

    /// The target shape, with its −1 resolved.
    private func reshaped(_ operand: Shape, _ target: [Int]) throws(NetworkError) -> Shape {
        let error = mismatch("\(operand)", "as many elements as \(target)")
        guard target.count(where: { $0 == -1 }) <= 1,
            let known = Shape(checking: target.filter { $0 != -1 })
        else { throw error }
        let rest = known.count > 0 ? operand.count / known.count : 0
        guard let shape = Shape(checking: target.map { $0 == -1 ? rest : $0 }),
            shape.count == operand.count, shape.rank > 0
        else { throw error }
        return shape
    }
}

extension Operation {
    /// Dimensions that an operand may have: 3 for maps, 4 for volumes.
    fileprivate var ranks: Set<Int> {
        switch self {
        case .convolution(let convolution): [convolution.dimensions == 3 ? 4 : 3]
        case .pool, .globalPool, .zeroPad, .padChannels: [3, 4]
        default: [3]
        }
    }
}
