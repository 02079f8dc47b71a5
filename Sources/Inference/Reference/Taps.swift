import Networks
import Tensors

/// The positions of a map that windows see, and the places in the window: over depth, rows and columns.
struct Taps {
    private let map: Extent
    private let size: Extent
    private let strides: Extent
    private let dilation: Extent
    private let margins: Margins

    init(_ convolution: Convolution, _ map: Extent) {
        (self.map, margins) = (map, convolution.resolvedMargins(of: map))
        (size, strides, dilation) = (convolution.size, convolution.strides, convolution.dilation)
    }

    init(_ pool: Pool, _ map: Extent) {
        (self.map, margins) = (map, pool.resolvedMargins(of: map))
        (size, strides, dilation) = (pool.size, pool.strides, Extent(1))
    }

    /// What the window of an output position [depth, row, column] sees of the map, in the window's order: the flat position
    /// in the map, and the tap.
    func seen(from place: [Int]) -> [(source: Int, tap: [Int])] {
        size.positions.compactMap { tap in
            var source = 0
            for dimension in 0..<3 {
                let index =
                    place[dimension] * strides.all[dimension] + tap[dimension] * dilation.all[dimension]
                    - margins.sides[dimension][0]
                guard (0..<map.all[dimension]).contains(index) else { return nil }
                source = source * map.all[dimension] + index
            }
            return (source, tap)
        }
    }
}

extension Extent {
    /// Depth, row and column of every position, the columns fastest.
    var positions: [[Int]] {
        (0..<depth).flatMap { d in (0..<height).flatMap { r in (0..<width).map { c in [d, r, c] } } }
    }
}
