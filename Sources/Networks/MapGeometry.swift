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

    /// What is cut from a map of these extents; nil where nothing would be left, or where the part is larger than the map:
    /// see `enlargement`.
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

    /// What takes the crop's place where the part in the middle has more rows or columns than the map: Keras' CenterCrop then
    /// resizes the largest part of the map with that aspect ratio.
    package func enlargement(height: Int, width: Int) -> Resize? {
        guard case .centre(let size) = self, margins(height: height, width: width) == nil else { return nil }
        return Resize(target: .size(size), interpolation: .bilinear, aspectRatio: .cropped)
    }

    static func around(_ size: Extent, height: Int, width: Int) -> Margins? {
        let (rows, columns) = (height - size.height, width - size.width)
        guard rows >= 0, columns >= 0 else { return nil }
        return Margins(
            top: rows / 2, bottom: rows - rows / 2, left: columns / 2, right: columns - columns / 2)
    }
}
