import Tensors

extension Padding {
    /// The margins that windows see on a map of these extents: TensorFlow's rule for "same", the given ones
    /// otherwise. With "same" the odd row or column goes to the bottom or right.
    package func resolvedMargins(
        height: Int, width: Int, size: Extent, strides: Extent, dilation: Extent = Extent(1)
    ) -> Margins {
        switch self {
        case .margins(let margins): return margins
        case .same:
            let (top, bottom) = sameMargins(height, size.height, strides.height, dilation.height)
            let (left, right) = sameMargins(width, size.width, strides.width, dilation.width)
            return Margins(top: top, bottom: bottom, left: left, right: right)
        }
    }
}

extension Convolution {
    /// The margins around an input map of these extents.
    package func resolvedMargins(height: Int, width: Int) -> Margins {
        padding.resolvedMargins(
            height: height, width: width, size: size, strides: strides, dilation: dilation)
    }

    /// Rows and columns of the output for an input map of these extents; nil if no window fits.
    package func outputExtent(height: Int, width: Int) -> Extent? {
        windowCounts(
            height: height, width: width, size: size, strides: strides, dilation: dilation,
            margins: resolvedMargins(height: height, width: width))
    }

    /// The stored kernel's shape under its layout; nil if it overflows.
    package var kernelShape: Shape? {
        guard groups > 0, inputs % groups == 0 else { return nil }
        let extents = spatial ?? [size.height, size.width]
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
    package func resolvedMargins(height: Int, width: Int) -> Margins {
        padding.resolvedMargins(height: height, width: width, size: size, strides: strides)
    }

    /// Rows and columns of the output for an input map of these extents; nil if no window fits, or where a
    /// window could lie in the margin alone and have nothing to pool.
    package func outputExtent(height: Int, width: Int) -> Extent? {
        let margins = resolvedMargins(height: height, width: width)
        guard max(margins.top, margins.bottom) < size.height, max(margins.left, margins.right) < size.width
        else { return nil }
        return windowCounts(
            height: height, width: width, size: size, strides: strides, dilation: Extent(1),
            margins: margins)
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

/// ⌊(n + margins − span) / stride⌋ + 1 along both dimensions.
private func windowCounts(
    height: Int, width: Int, size: Extent, strides: Extent, dilation: Extent, margins: Margins
) -> Extent? {
    func count(_ extents: [Int], _ size: Int, _ stride: Int, _ dilation: Int) -> Int? {
        guard stride > 0, let span = span(size, dilation), let padded = checkedSum(extents), padded >= span
        else { return nil }
        return (padded - span) / stride + 1
    }
    guard
        let rows = count(
            [height, margins.top, margins.bottom], size.height, strides.height, dilation.height),
        let columns = count(
            [width, margins.left, margins.right], size.width, strides.width, dilation.width)
    else { return nil }
    return Extent(height: rows, width: columns)
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
