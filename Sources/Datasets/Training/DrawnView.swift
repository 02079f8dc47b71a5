import Tensors

/// How an image is drawn once: steps in their order, each with the numbers that were drawn for it.
struct DrawnView: Sendable, Equatable {
    /// What is cut from the decoded image.
    var cut: ImageWindow
    /// What that is resized to.
    var size: Extent
    /// What is cut from the resized image.
    var crop: ImageWindow
    /// How many rows it is moved down; negative is up.
    var down = 0
    /// How many columns it is moved to the right.
    var right = 0
    /// Whether what comes in is the image mirrored at its edge; else it is black.
    var mirrorsEdges = false
    /// Whether left and right are exchanged.
    var isFlipped = false
    /// Changes of the colours, in their order.
    var adjustments: [ColorAdjustment] = []
}

extension PixelImage {
    /// The image as it is drawn.
    func drawn(_ view: DrawnView, _ interpolation: Interpolation) -> PixelImage {
        let part = cropped(to: view.cut)
        let resized =
            part.extent == view.size
            ? part.cropped(to: view.crop) : part.resized(to: view.size, window: view.crop, interpolation)
        return view.adjustments.reduce(resized.placed(view)) { $0.adjusted(by: $1) }
    }
}

extension Raster where Value: ExpressibleByIntegerLiteral {
    /// The steps that any values can go through: moved and flipped.
    func placed(_ view: DrawnView) -> Raster {
        let moved =
            view.mirrorsEdges
            ? reflected(down: view.down, right: view.right) : shifted(down: view.down, right: view.right)
        return view.isFlipped ? moved.mirrored : moved
    }
}
