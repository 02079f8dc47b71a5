/// The extents of a tensor, outermost first. A scalar has no extents and one element.
package struct Shape: Hashable, Sendable {
    /// Extents, outermost first; none is negative.
    package let extents: [Int]
    /// The number of elements, the product of the extents.
    package let count: Int

    /// Returns nil where an extent is negative or the product does not fit an `Int`.
    package init?(checking extents: [Int]) {
        var count = 1
        for extent in extents {
            let (product, overflow) = count.multipliedReportingOverflow(by: extent)
            if extent < 0 || overflow { return nil }
            count = product
        }
        self.extents = extents
        self.count = count
    }

    /// The product of extents and a factor; nil where an extent is negative or a product of some of them does not fit an
    /// `Int`, even if another extent is 0.
    package static func product(of extents: [Int], times factor: Int = 1) -> Int? {
        var product = factor
        for extent in extents {
            let (next, overflow) = product.multipliedReportingOverflow(by: max(extent, 1))
            if extent < 0 || overflow { return nil }
            product = next
        }
        return extents.contains(0) ? 0 : product
    }

    /// A shape of extents that the program itself chose; traps on a negative or overflowing one.
    package init(_ extents: [Int]) {
        precondition(extents.allSatisfy { $0 >= 0 }, "negative extent in \(extents)")
        self.extents = extents
        self.count = extents.reduce(1, *)
    }

    /// The number of dimensions.
    package var rank: Int { extents.count }

    /// The extent of one dimension; negative indices count from the innermost, as in Python.
    package subscript(_ dimension: Int) -> Int {
        extents[dimension < 0 ? extents.count + dimension : dimension]
    }
}

extension Shape: ExpressibleByArrayLiteral {
    /// `[3, 3, 16, 32]`
    package init(arrayLiteral extents: Int...) { self.init(extents) }
}

extension Shape: CustomStringConvertible {
    /// `3×3×16×32`, or `scalar`.
    package var description: String {
        extents.isEmpty ? "scalar" : extents.map(String.init).joined(separator: "×")
    }
}

/// Rows and columns of a map, an image or a window; steps along both where it is a stride or a dilation.
///
/// A volume has a depth besides, which is 1 for a map.
public struct Extent: Sendable, Equatable, CustomStringConvertible {
    /// Maps of a volume.
    package var depth = 1
    /// Rows.
    public var height: Int
    /// Columns.
    public var width: Int

    /// An extent of `height` rows and `width` columns.
    public init(height: Int, width: Int) { (self.height, self.width) = (height, width) }

    /// The extents of 1 to 3 dimensions, outermost first: a single one is columns. Missing ones are 1.
    package init(_ extents: [Int]) {
        let all = Array(repeating: 1, count: max(3 - extents.count, 0)) + extents
        self.init(height: all[all.count - 2], width: all[all.count - 1])
        depth = all[all.count - 3]
    }

    /// Depth, rows and columns.
    package var all: [Int] { [depth, height, width] }

    /// As many rows as columns.
    public init(_ side: Int) { self.init(height: side, width: side) }

    /// `height×width`, or `depth×height×width`.
    public var description: String { (depth == 1 ? "" : "\(depth)×") + "\(height)×\(width)" }
}
