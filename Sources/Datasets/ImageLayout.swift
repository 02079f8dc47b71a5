import Tensors

/// The order of the dimensions of stored images.
public enum ImageLayout: String, Sendable, CaseIterable {
    /// [images, height, width, channels], or [images, height, width] for grey ones.
    case nhwc
    /// [images, channels, height, width]
    case nchw
}

/// Where the pixels of one image stand.
struct ImageGeometry: Sendable {
    let height: Int
    let width: Int
    let channels: Int
    let layout: ImageLayout

    /// Reads the stored shape; without a layout, 1 or 3 channels at one end tell it.
    init(shape: [Int], layout: ImageLayout?, path: String, name: String) throws(DatasetError) {
        guard let first = shape.first, [3, 4].contains(shape.count) else {
            throw .wrongImageShape(path: path, name: name, found: shape)
        }
        guard first > 0 else { throw .empty(path: path, name: name) }
        guard shape.allSatisfy({ $0 > 0 }), Shape(checking: shape) != nil else {
            throw .wrongImageShape(path: path, name: name, found: shape)
        }
        if shape.count == 3 {
            (height, width, channels, self.layout) = (shape[1], shape[2], 1, .nhwc)
            return
        }
        let plausible = [1, 3]
        let inferred: ImageLayout? =
            plausible.contains(shape[3]) ? .nhwc : plausible.contains(shape[1]) ? .nchw : nil
        guard let layout = layout ?? inferred else {
            throw .unclearLayout(path: path, name: name, found: shape)
        }
        self.layout = layout
        (height, width, channels) =
            layout == .nhwc ? (shape[1], shape[2], shape[3]) : (shape[2], shape[3], shape[1])
    }

    var pixels: Int { height * width }
    var count: Int { pixels * channels }

    /// Element distances from one pixel to the next and from one channel to the next.
    var strides: (pixel: Int, channel: Int) { layout == .nhwc ? (channels, 1) : (1, pixels) }
}
