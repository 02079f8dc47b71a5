import Inference
import Tensors

/// An image of a store, moved by some rows and columns and perhaps mirrored; what a shift uncovers mirrors what is
/// beside it. The old network tells what a view should give as well as it does for the image itself.
struct ImageView: Sendable {
    /// The image's place in the store.
    var image: Int
    /// Rows that it moves up; less than it has.
    var rows = 0
    /// Columns that it moves to the left; less than it has.
    var columns = 0
    /// Whether its columns are in reverse then.
    var isMirrored = false

    /// Writes the view's values, [height, width, channels].
    func write(from store: ActivationStore, to target: UnsafeMutablePointer<Float>) {
        let (height, width, channels) = (store.shape[0], store.shape[1], store.shape[2])
        store.withValues(image) { source in
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
    }

    private static func reflected(_ index: Int, _ extent: Int) -> Int {
        index < 0 ? -index : index >= extent ? 2 * (extent - 1) - index : index
    }
}
