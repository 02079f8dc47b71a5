/// The order of the dimensions of stored images.
public enum ImageLayout: String, Sendable, CaseIterable {
    /// [images, height, width, channels], as TensorFlow and image libraries store them.
    case nhwc
    /// [images, channels, height, width], as PyTorch stores them.
    case nchw
}

/// The size of a split's images and the order of its elements.
struct ImageFormat: Sendable, Equatable {
    let count: Int
    let height: Int
    let width: Int
    let channels: Int
    let layout: ImageLayout

    /// Elements of an image.
    var size: Int { height * width * channels }

    /// Images of known extents, with the channels last unless said otherwise.
    init(count: Int, height: Int, width: Int, channels: Int, layout: ImageLayout = .nhwc) {
        (self.count, self.height, self.width, self.channels) = (count, height, width, channels)
        self.layout = layout
    }

    /// Derives the size from a shape. Without `layout`, channels are 1 or 3 at exactly one end; without a channel
    /// dimension the images are grey.
    init(_ array: any StoredArray, layout: ImageLayout?, file: String) throws(DatasetError) {
        let shape = array.shape
        guard [3, 4].contains(shape.count), !shape.contains(0) else {
            throw .wrongImageShape(file: file, object: array.name, found: shape)
        }
        count = shape[0]
        if shape.count == 3 {
            (height, width, channels, self.layout) = (shape[1], shape[2], 1, .nhwc)
            return
        }
        let isFirst = [1, 3].contains(shape[1])
        let isLast = [1, 3].contains(shape[3])
        guard let layout = layout ?? (isFirst == isLast ? nil : isLast ? .nhwc : .nchw) else {
            throw .layoutUnclear(file: file, object: array.name, found: shape)
        }
        self.layout = layout
        switch layout {
        case .nhwc: (height, width, channels) = (shape[1], shape[2], shape[3])
        case .nchw: (channels, height, width) = (shape[1], shape[2], shape[3])
        }
    }
}
