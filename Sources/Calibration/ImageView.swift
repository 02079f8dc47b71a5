import Inference
import Tensors

/// An image, moved, mirrored, scaled and recoloured; what a shift uncovers mirrors what is beside it. The old
/// network tells what a view should give as well as it does for the image itself.
struct ImageView: Sendable {
    /// The image's place among others.
    var image: Int
    /// Rows that it moves up; less than it has.
    var rows = 0
    /// Columns that it moves to the left; less than it has.
    var columns = 0
    /// Whether its columns are in reverse then.
    var isMirrored = false
    /// What is different beyond that.
    var change: Change?

    /// A change of size, contrast and brightness.
    struct Change: Sendable {
        /// How much larger things are, around the middle; between pixels it is linear.
        var zoom: Float
        /// Of each channel, what values are multiplied with, and what is added then.
        var gains: [Float]
        var offsets: [Float]
    }

    /// Writes the view's values, [height, width, channels].
    func write(from store: ActivationStore, to target: UnsafeMutablePointer<Float>) {
        store.withValues(image) { write(from: $0, store.shape, to: target) }
    }

    /// Writes the view of an image of this shape, [height, width, channels].
    func write(from source: UnsafePointer<Float>, _ shape: Shape, to target: UnsafeMutablePointer<Float>) {
        if let change { return write(change, source, shape, target) }
        let (height, width, channels) = (shape[0], shape[1], shape[2])
        for row in 0..<height {
            let sourceRow = Self.reflected(row + rows, height)
            for column in 0..<width {
                let moved = Self.reflected(column + columns, width)
                let sourceColumn = isMirrored ? width - 1 - moved : moved
                let from = source + (sourceRow * width + sourceColumn) * channels
                (target + (row * width + column) * channels).update(from: from, count: channels)
            }
        }
    }

    private func write(
        _ change: Change, _ source: UnsafePointer<Float>, _ shape: Shape,
        _ target: UnsafeMutablePointer<Float>
    ) {
        let (height, width, channels) = (shape[0], shape[1], shape[2])
        let vertical = Self.samples(height, shift: rows, zoom: change.zoom)
        var horizontal = Self.samples(width, shift: columns, zoom: change.zoom)
        if isMirrored {
            horizontal = horizontal.map { (width - 1 - $0.first, width - 1 - $0.second, $0.weight) }
        }
        for (row, v) in vertical.enumerated() {
            for (column, h) in horizontal.enumerated() {
                let place = target + (row * width + column) * channels
                for channel in 0..<channels {
                    func value(_ row: Int, _ column: Int) -> Float {
                        source[(row * width + column) * channels + channel]
                    }
                    let above = value(v.first, h.first) * (1 - h.weight) + value(v.first, h.second) * h.weight
                    let below =
                        value(v.second, h.first) * (1 - h.weight) + value(v.second, h.second) * h.weight
                    let mixed = above * (1 - v.weight) + below * v.weight
                    place[channel] = mixed * change.gains[channel] + change.offsets[channel]
                }
            }
        }
    }

    /// Where each of `extent` places comes from: two places and the weight of the second.
    private static func samples(
        _ extent: Int, shift: Int, zoom: Float
    ) -> [(first: Int, second: Int, weight: Float)] {
        let middle = Float(extent - 1) / 2
        return (0..<extent).map { place in
            let source = (Float(place + shift) - middle) / zoom + middle
            let first = source.rounded(.down)
            return (
                reflected(Int(first), extent), reflected(Int(first) + 1, extent), source - first
            )
        }
    }

    /// A place as mirrors at both ends show it, however far it is outside.
    private static func reflected(_ index: Int, _ extent: Int) -> Int {
        guard extent > 1 else { return 0 }
        let period = 2 * (extent - 1)
        let place = ((index % period) + period) % period
        return place < extent ? place : period - place
    }
}
