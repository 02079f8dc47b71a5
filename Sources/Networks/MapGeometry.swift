import Tensors

/// How several values of one shape, or of shapes that broadcast, become one.
package enum Merge: String, Sendable, Equatable {
    /// The first minus the second.
    case subtract
    /// The mean of all.
    case average
    /// The largest.
    case maximum
    /// The smallest.
    case minimum
}

/// The part of a map that stays.
package enum Crop: Sendable, Equatable {
    /// All but these margins.
    case margins(Margins)
    /// This many rows and columns in the middle, the odd one left out at the bottom and right.
    case centre(Extent)

    /// What is cut from a map of these extents; nil where nothing would be left, or where the part is larger than the map.
    package func margins(height: Int, width: Int) -> Margins? {
        switch self {
        case .margins(let margins):
            guard checkedSum([margins.top, margins.bottom]).map({ $0 < height }) ?? false,
                checkedSum([margins.left, margins.right]).map({ $0 < width }) ?? false
            else { return nil }
            return margins
        case .centre(let size): return Self.around(size, height: height, width: width)
        }
    }

    fileprivate static func around(_ size: Extent, height: Int, width: Int) -> Margins? {
        let (rows, columns) = (height - size.height, width - size.width)
        guard rows >= 0, columns >= 0 else { return nil }
        return Margins(
            top: rows / 2, bottom: rows - rows / 2, left: columns / 2, right: columns - columns / 2)
    }
}

/// Another number of rows and columns, by interpolation between the centres of elements and without antialiasing: what
/// `keras.ops.image.resize` computes with every backend.
package struct Resize: Sendable, Equatable {
    /// The size of the result.
    package enum Target: Sendable, Equatable {
        /// Rows and columns.
        case size(Extent)
        /// Factors of the operand's rows and columns.
        case factors(Extent)
    }

    /// The size of the result.
    package var target: Target
    /// Whether values are interpolated between two rows and two columns, or taken from the nearest.
    package var isBilinear: Bool
    /// Whether only the largest part in the middle with the result's aspect ratio is taken.
    package var cropsToAspectRatio: Bool

    /// More rows or columns are no map of a network; it keeps `samples` small.
    private static let largestExtent = 1 << 16

    /// Interpolation to a size.
    package init(target: Target, isBilinear: Bool, cropsToAspectRatio: Bool = false) {
        self.target = target
        self.isBilinear = isBilinear
        self.cropsToAspectRatio = cropsToAspectRatio
    }

    /// Rows and columns of the result for a map of these extents; nil where there are none, or more than 65,536.
    package func outputExtent(height: Int, width: Int) -> Extent? {
        let extent: Extent
        switch target {
        case .size(let size): extent = size
        case .factors(let factors):
            let rows = height.multipliedReportingOverflow(by: factors.height)
            let columns = width.multipliedReportingOverflow(by: factors.width)
            guard !rows.overflow, !columns.overflow else { return nil }
            extent = Extent(height: rows.partialValue, width: columns.partialValue)
        }
        let allowed = 1...Self.largestExtent
        return height > 0 && width > 0 && allowed.contains(extent.height) && allowed.contains(extent.width)
            ? extent : nil
    }

    /// A row or column of the result: (1 − weight)·first + weight·second.
    package struct Sample: Sendable, Equatable {
        package var first: Int
        package var second: Int
        package var weight: Double
    }

    /// The rows and columns of the result for a map of these extents; none where `outputExtent` is nil.
    package func samples(height: Int, width: Int) -> (rows: [Sample], columns: [Sample]) {
        guard let extent = outputExtent(height: height, width: width) else { return ([], []) }
        let margins = margins(height: height, width: width, extent)
        return (
            samples(margins.top, height - margins.top - margins.bottom, to: extent.height),
            samples(margins.left, width - margins.left - margins.right, to: extent.width)
        )
    }

    /// What is left out at the borders, rounded as Keras does: int(float(width · rows) / columns).
    private func margins(height: Int, width: Int, _ extent: Extent) -> Margins {
        guard cropsToAspectRatio else { return Margins(0) }
        let rows = Double(width) * Double(extent.height) / Double(extent.width)
        let columns = Double(height) * Double(extent.width) / Double(extent.height)
        let part = Extent(
            height: rows < Double(height) ? max(Int(rows), 1) : height,
            width: columns < Double(width) ? max(Int(columns), 1) : width)
        return Crop.around(part, height: height, width: width) ?? Margins(0)
    }

    /// Along one dimension the centre of element i is (i + ½)·count/result − ½ in the operand's part, kept inside it.
    private func samples(_ start: Int, _ count: Int, to result: Int) -> [Sample] {
        (0..<result).map { index in
            let place = (Double(index) + 0.5) * Double(count) / Double(result)
            guard isBilinear else {
                let nearest = start + min(Int(place), count - 1)
                return Sample(first: nearest, second: nearest, weight: 0)
            }
            let centre = min(max(place - 0.5, 0), Double(count - 1))
            let first = Int(centre)
            return Sample(
                first: start + first, second: start + min(first + 1, count - 1),
                weight: centre - Double(first))
        }
    }
}
