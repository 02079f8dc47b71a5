import Tensors

extension Padding {
    /// The margins that windows see on a map of these extents: TensorFlow's rule for "same", the given ones
    /// otherwise. With "same" the odd element goes to the back, the bottom or the right.
    package func resolvedMargins(
        of map: Extent, size: Extent, strides: Extent, dilation: Extent = Extent(1)
    ) -> Margins {
        switch self {
        case .margins(let margins): return margins
        case .same:
            return Margins(
                (0..<3).map { sameMargins(map.all[$0], size.all[$0], strides.all[$0], dilation.all[$0]) })
        }
    }
}

extension Shape {
    /// Rows and columns of a map [height, width, channels], and the depth of a volume [depth, height, width, channels].
    package var mapExtent: Extent { Extent(Array(extents.dropLast())) }
}

extension Convolution {
    /// The margins around an input map of these extents.
    package func resolvedMargins(of map: Extent) -> Margins {
        padding.resolvedMargins(of: map, size: size, strides: strides, dilation: dilation)
    }

    /// The extents of the output for an input map of these; nil if no window fits.
    package func outputExtent(of map: Extent) -> Extent? {
        windowCounts(
            of: map, size: size, strides: strides, dilation: dilation, margins: resolvedMargins(of: map))
    }

    /// The stored kernel's shape under its layout; nil if it overflows.
    package var kernelShape: Shape? {
        guard groups > 0, inputs % groups == 0 else { return nil }
        let extents = kernelExtents
        return switch kernelLayout {
        case .hwio: Shape(checking: extents + [inputs / groups, outputs])
        case .oihw: Shape(checking: [outputs, inputs / groups] + extents)
        case .hwim: Shape(checking: extents + [inputs, outputs / max(inputs, 1)])
        case .flattened:
            Shape(checking: [inputs / groups] + extents).flatMap { Shape(checking: [outputs, $0.count]) }
        }
    }
}

extension Pool {
    /// The margins around an input map of these extents.
    package func resolvedMargins(of map: Extent) -> Margins {
        padding.resolvedMargins(of: map, size: size, strides: strides)
    }

    /// The extents of the output for an input map of these; nil if no window fits, where a window could lie in the margin
    /// alone and have nothing to pool, and for a window whose size overflows.
    package func outputExtent(of map: Extent) -> Extent? {
        let margins = resolvedMargins(of: map)
        guard zip(margins.sides, size.all).allSatisfy({ max($0[0], $0[1]) < $1 }),
            Shape.product(of: size.all) != nil
        else { return nil }
        return windowCounts(of: map, size: size, strides: strides, dilation: Extent(1), margins: margins)
    }
}

extension Margins {
    /// Before and behind: of the depth, the rows and the columns.
    package var sides: [[Int]] { [[front, back], [top, bottom], [left, right]] }

    /// The extents of a map and its margins; nil on overflow.
    package func around(_ map: Extent) -> [Int]? {
        let sums = zip(map.all, sides).compactMap { checkedSum([$0] + $1) }
        return sums.count == 3 ? sums : nil
    }
}

/// TensorFlow's "same" along one dimension: ⌈n / stride⌉ windows, the margin they need split in halves.
private func sameMargins(_ extent: Int, _ size: Int, _ stride: Int, _ dilation: Int) -> (Int, Int) {
    guard extent > 0, stride > 0, let span = span(size, dilation) else { return (0, 0) }
    let lastStart = (extent - 1) / stride * stride
    let total = max(span - (extent - lastStart), 0)
    return (total / 2, total - total / 2)
}

/// The rows that a dilated kernel covers, (size − 1)·dilation + 1; nil on overflow or a setting below 1.
func span(_ size: Int, _ dilation: Int) -> Int? {
    guard size > 0, dilation > 0 else { return nil }
    let (reach, overflow) = (size - 1).multipliedReportingOverflow(by: dilation)
    return overflow || reach == .max ? nil : reach + 1
}

/// ⌊(n + margins − span) / stride⌋ + 1 along every dimension.
private func windowCounts(
    of map: Extent, size: Extent, strides: Extent, dilation: Extent, margins: Margins
) -> Extent? {
    guard let padded = margins.around(map) else { return nil }
    let counts = (0..<3).compactMap { dimension -> Int? in
        let stride = strides.all[dimension]
        guard stride > 0, let span = span(size.all[dimension], dilation.all[dimension]),
            padded[dimension] >= span
        else { return nil }
        return (padded[dimension] - span) / stride + 1
    }
    return counts.count == 3 ? Extent(counts) : nil
}

/// The sum of extents; nil on overflow or where one is negative.
func checkedSum(_ extents: [Int]) -> Int? {
    var sum = 0
    for extent in extents {
        let (next, overflow) = sum.addingReportingOverflow(extent)
        if extent < 0 || overflow { return nil }
        sum = next
    }
    return sum
}
