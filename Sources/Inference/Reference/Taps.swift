import Networks
import Tensors

/// The positions of a map that windows see, and the places in the window: over depth, rows and columns.
struct Taps {
    private let map: SIMD3<Int>
    private let size: SIMD3<Int>
    private let strides: SIMD3<Int>
    private let dilation: SIMD3<Int>
    private let before: SIMD3<Int>

    init(_ convolution: Convolution, _ map: Extent) {
        self.init(
            map, convolution.size, convolution.strides, convolution.dilation,
            convolution.resolvedMargins(of: map))
    }

    init(_ pool: Pool, _ map: Extent) {
        self.init(map, pool.size, pool.strides, Extent(1), pool.resolvedMargins(of: map))
    }

    private init(_ map: Extent, _ size: Extent, _ strides: Extent, _ dilation: Extent, _ margins: Margins) {
        (self.map, self.size) = (SIMD3(map.all), SIMD3(size.all))
        (self.strides, self.dilation) = (SIMD3(strides.all), SIMD3(dilation.all))
        before = SIMD3(margins.sides.map { $0[0] })
    }

    /// What the window of an output position sees of the map, in the window's order: the flat position in the map, and the
    /// tap.
    func seen(from place: SIMD3<Int>) -> [(source: Int, tap: SIMD3<Int>)] {
        let start = place &* strides &- before
        var seen: [(source: Int, tap: SIMD3<Int>)] = []
        for depth in inside(0, start) {
            for row in inside(1, start) {
                for column in inside(2, start) {
                    let tap = SIMD3(depth, row, column)
                    let index = start &+ tap &* dilation
                    seen.append((source: (index[0] * map[1] + index[1]) * map[2] + index[2], tap: tap))
                }
            }
        }
        return seen
    }

    /// The taps along a dimension that lie in the map.
    private func inside(_ dimension: Int, _ start: SIMD3<Int>) -> Range<Int> {
        let (start, step) = (start[dimension], dilation[dimension])
        let first = start < 0 ? (step - 1 - start) / step : 0
        let end = start < map[dimension] ? (map[dimension] - 1 - start) / step + 1 : 0
        return first..<max(first, min(end, size[dimension]))
    }
}

extension Extent {
    /// Depth, row and column of a flat position.
    func place(_ position: Int) -> SIMD3<Int> {
        SIMD3(position / (height * width), position / width % height, position % width)
    }
}
