import Tensors

/// The order of the dimensions of stored images, steps and volumes.
public enum ImageLayout: String, Sendable, CaseIterable {
    /// [images, height, width, channels], as TensorFlow and image libraries store them; [series, steps, channels] and
    /// [volumes, depth, height, width, channels] likewise.
    case nhwc
    /// [images, channels, height, width], as PyTorch stores them; [series, channels, steps] and [volumes, channels, depth,
    /// height, width] likewise.
    case nchw
}

/// What the rows of an array are to a network.
package enum ArrayForm: Sendable, Equatable {
    /// Images, whose channels are the one dimension of 1 or 3.
    case images
    /// Steps in time of this many channels: images of one row.
    case steps(channels: Int)
    /// Volumes of this many channels.
    case volumes(channels: Int)

    /// Dimensions of a row without the channels.
    var dimensions: Int {
        switch self {
        case .steps: 1
        case .images: 2
        case .volumes: 3
        }
    }

    /// The numbers of channels that tell where they stand.
    var channels: [Int] {
        switch self {
        case .images: [1, 3]
        case .steps(let channels), .volumes(let channels): [channels]
        }
    }

    /// The shapes that such an array may have.
    var shapes: String {
        switch self {
        case .steps: "[N, steps, C], [N, C, steps] or [N, steps]"
        case .images: "[N, H, W, C], [N, C, H, W] or [N, H, W]"
        case .volumes: "[N, D, H, W, C], [N, C, D, H, W] or [N, D, H, W]"
        }
    }
}

/// The size of a split's images and the order of its elements.
struct ImageFormat: Sendable, Equatable {
    let count: Int
    /// Rows, columns and depth of an image.
    let extent: Extent
    let channels: Int
    let layout: ImageLayout
    /// Whether images are volumes, if only of depth 1.
    private let isVolume: Bool

    /// Pixels of an image.
    var area: Int { extent.all.reduce(1, *) }
    /// Elements of an image.
    var size: Int { area * channels }
    /// An image's shape as networks take it.
    var shape: Shape { Shape(extent.all.suffix(isVolume ? 3 : 2) + [channels]) }

    /// Images of known extents, with the channels last.
    init(count: Int, height: Int, width: Int, channels: Int) {
        (self.count, self.channels, layout, isVolume) = (count, channels, .nhwc, false)
        extent = Extent(height: height, width: width)
    }

    /// The same images with other channels.
    init(_ format: ImageFormat, channels: Int) {
        (count, extent, layout, isVolume) = (format.count, format.extent, format.layout, format.isVolume)
        self.channels = channels
    }

    /// Derives the size from a shape. Without `layout`, channels are those of the form at exactly one end; without a
    /// channel dimension there is one. A series of as many steps as channels has its channels last.
    init(
        _ array: any StoredArray, as form: ArrayForm = .images, layout: ImageLayout?, file: String
    ) throws(DatasetError) {
        let (shape, dimensions) = (array.shape, form.dimensions)
        guard [dimensions + 1, dimensions + 2].contains(shape.count), !shape.contains(0) else {
            throw .wrongImageShape(file: file, object: array.name, found: shape, form: form)
        }
        (count, isVolume) = (shape[0], dimensions == 3)
        if shape.count == dimensions + 1 {
            (extent, channels, self.layout) = (Extent(Array(shape.dropFirst())), 1, .nhwc)
            return
        }
        let isFirst = form.channels.contains(shape[1])
        let isLast = form.channels.contains(shape[shape.count - 1])
        // Rows of an image are steps too, as many as it has columns.
        let isSquare = isFirst && isLast && dimensions == 1
        guard let layout = layout ?? (isFirst == isLast && !isSquare ? nil : isLast ? .nhwc : .nchw) else {
            throw .layoutUnclear(file: file, object: array.name, found: shape, form: form)
        }
        self.layout = layout
        switch layout {
        case .nhwc:
            (extent, channels) = (Extent(Array(shape.dropFirst().dropLast())), shape[shape.count - 1])
        case .nchw: (extent, channels) = (Extent(Array(shape.dropFirst(2))), shape[1])
        }
    }
}
