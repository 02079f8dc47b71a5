import Foundation
import Tensors

/// Another number of rows and columns, by interpolation between the centres of elements: what `keras.ops.image.resize`
/// computes. All its backends agree but in bicubic interpolation without antialiasing, which is JAX' and TensorFlow's here.
package struct Resize: Sendable, Equatable {
    /// The size of the result.
    package enum Target: Sendable, Equatable {
        /// Rows and columns.
        case size(Extent)
        /// Factors of the operand's rows and columns.
        case factors(Extent)
    }

    /// What becomes of a map whose aspect ratio is not the result's.
    package enum AspectRatio: Sendable, Equatable {
        /// It is stretched.
        case stretched
        /// Only the largest part in the middle with the result's aspect ratio is taken.
        case cropped
        /// Rows above and below, or columns at both sides, of this value make up the difference.
        case padded(Float)
    }

    /// The size of the result.
    package var target: Target
    /// The kernel that weighs elements by their distance.
    package var interpolation: ResizeKernel
    /// What becomes of a map of another aspect ratio.
    package var aspectRatio: AspectRatio
    /// Whether the kernel grows with the step between the result's elements, where the result is smaller.
    package var isAntialiased: Bool

    /// More rows or columns are no map of a network; it keeps `samples` small.
    private static let largestExtent = 1 << 16

    /// Interpolation to a size.
    package init(
        target: Target, interpolation: ResizeKernel, aspectRatio: AspectRatio = .stretched,
        isAntialiased: Bool = false
    ) {
        self.target = target
        self.interpolation = interpolation
        self.aspectRatio = aspectRatio
        self.isAntialiased = isAntialiased
    }

    /// Rows and columns of the result for a map of these extents; nil where there are none, or more than 65,536, also of the
    /// map with what is added to it.
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
        guard height > 0, width > 0, allowed.contains(extent.height), allowed.contains(extent.width) else {
            return nil
        }
        if case .padded = aspectRatio {
            let part = partOfRatio(height: height, width: width, extent)
            guard max(part.rows, part.columns) <= Double(Self.largestExtent) else { return nil }
        }
        return extent
    }

    /// A row or column of the result: a weighted sum of successive rows or columns of the map.
    package struct Sample: Sendable, Equatable {
        /// The first of them.
        package var first: Int
        /// Their weights. They sum to 1 with the weight of what lies outside the map.
        package var weights: [Double]

        /// The weight of the map; the rest is the added value's.
        package var inside: Double { weights.reduce(0, +) }
    }

    /// The rows and columns of the result for a map of these extents; none where `outputExtent` is nil.
    package func samples(height: Int, width: Int) -> (rows: [Sample], columns: [Sample]) {
        guard let extent = outputExtent(height: height, width: width) else { return ([], []) }
        let part = part(height: height, width: width, extent)
        return (
            samples(part.rows, of: height, to: extent.height),
            samples(part.columns, of: width, to: extent.width)
        )
    }

    /// The value around the map.
    package var fill: Float {
        if case .padded(let value) = aspectRatio { value } else { 0 }
    }

    /// As many rows as go with all columns in the result's aspect ratio, and as many columns as go with all rows.
    private func partOfRatio(
        height: Int, width: Int, _ extent: Extent
    ) -> (rows: Double, columns: Double) {
        (
            Double(width) * Double(extent.height) / Double(extent.width),
            Double(height) * Double(extent.width) / Double(extent.height)
        )
    }

    /// The rows and columns that become the result; those outside the map are added. Rounded as Keras does:
    /// int(float(width · rows) / columns), half of the difference at each side.
    private func part(
        height: Int, width: Int, _ extent: Extent
    ) -> (rows: Range<Int>, columns: Range<Int>) {
        let (rows, columns) = partOfRatio(height: height, width: width, extent)
        switch aspectRatio {
        case .stretched: return (0..<height, 0..<width)
        case .cropped:
            let part = Extent(
                height: rows < Double(height) ? max(Int(rows), 1) : height,
                width: columns < Double(width) ? max(Int(columns), 1) : width)
            let (top, left) = ((height - part.height) / 2, (width - part.width) / 2)
            return (top..<top + part.height, left..<left + part.width)
        case .padded:
            // Keras adds the same at both sides: an odd row or column is left out.
            let (above, left) = (max(Int(rows) - height, 0) / 2, max(Int(columns) - width, 0) / 2)
            return (-above..<height + above, -left..<width + left)
        }
    }

    /// Along one dimension the centre of element i is (i + ½)·count/result − ½ in the part. The kernel's weights of the
    /// part's elements are divided by their sum.
    private func samples(_ part: Range<Int>, of extent: Int, to result: Int) -> [Sample] {
        let step = Double(part.count) / Double(result)
        let scale = isAntialiased ? max(step, 1) : 1
        return (0..<result).map { index in
            guard interpolation != .nearest else {
                // In integers, so that a centre between two elements takes the upper one.
                let nearest = part.lowerBound + (2 * index + 1) * part.count / (2 * result)
                return Sample(first: nearest, weights: [1]).inside(extent)
            }
            let (centre, reach) = ((Double(index) + 0.5) * step - 0.5, interpolation.radius * scale)
            let first = max(Int((centre - reach).rounded(.up)), 0)
            let last = min(Int((centre + reach).rounded(.down)), part.count - 1)
            let weights = (first...last).map { interpolation.weight(at: abs(centre - Double($0)) / scale) }
            let sum = weights.reduce(0, +)
            return Sample(first: part.lowerBound + first, weights: weights.map { $0 / sum }).inside(extent)
        }
    }
}

extension Resize.Sample {
    /// Without rows or columns outside the map, and without those of no weight at the ends.
    fileprivate func inside(_ extent: Int) -> Self {
        let kept = weights.indices.filter { (0..<extent).contains(first + $0) && weights[$0] != 0 }
        guard let start = kept.first, let end = kept.last else { return Self(first: 0, weights: []) }
        return Self(first: first + start, weights: Array(weights[start...end]))
    }
}

/// The kernel of an interpolation, by Keras' names.
package enum ResizeKernel: String, Sendable, Equatable, CaseIterable {
    /// The nearest element alone.
    case nearest
    /// 1 − |x|
    case bilinear
    /// Keys' cubic with a = −½ (Keys 1981).
    case bicubic
    /// sinc(x)·sinc(x/3)
    case lanczos3
    /// sinc(x)·sinc(x/5)
    case lanczos5

    /// The distance from which on weights are zero.
    var radius: Double {
        switch self {
        case .nearest: 0.5
        case .bilinear: 1
        case .bicubic: 2
        case .lanczos3: 3
        case .lanczos5: 5
        }
    }

    /// The weight at a distance, before all are divided by their sum.
    func weight(at x: Double) -> Double {
        switch self {
        case .nearest: x <= radius ? 1 : 0
        case .bilinear: max(1 - x, 0)
        case .bicubic:
            if x >= 2 {
                0
            } else if x >= 1 {
                ((-0.5 * x + 2.5) * x - 4) * x + 2
            } else {
                (1.5 * x - 2.5) * x * x + 1
            }
        case .lanczos3, .lanczos5:
            if x > radius {
                0
            } else if x <= 1e-3 {
                1
            } else {
                radius * sin(.pi * x) * sin(.pi * x / radius) / (.pi * .pi * x * x)
            }
        }
    }
}
