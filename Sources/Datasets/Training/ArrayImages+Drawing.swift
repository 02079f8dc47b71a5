import Tensors

extension ArrayImages {
    /// The largest array that is held in memory.
    private static let mostHeldBytes = 2 << 30

    /// The size of an image, where a volume's maps lie one below the other.
    private var extent: Extent {
        Extent(height: format.extent.depth * format.extent.height, width: format.extent.width)
    }

    /// Leaves images as they are; bilinear where an augmentation resizes them.
    var transform: ImageTransform { ImageTransform(size: extent, interpolation: .bilinear) }

    /// Colours and resizing are those of images in 8 bits.
    func check(_ augmentation: Augmentation) throws(DatasetError) {
        let isFlat = format.extent.depth == 1
        var resizes = false
        switch augmentation.crop {
        case .center: break
        case .padded: try augmentation.require(isFlat, file, "volumes", "images without a random crop")
        case .random, .resized: resizes = true
        }
        guard resizes || augmentation.jitter != nil else { return }
        let what = resizes ? "random crops of resized images" : "color jitter"
        try augmentation.require(
            holdsBytes, file, "\(elementName) in '\(name)'",
            "pixels of 0…255 as uint8 for \(what); a margin and flips take others too")
        try augmentation.require(
            isFlat && [1, 3].contains(format.channels), file, "\(format.shape) in '\(name)'",
            "images of 1 or 3 channels for \(what)")
        guard case .random(_, let crop) = augmentation.crop else { return }
        let transform = augmentation.transform(from: transform)
        try augmentation.require(
            (try? transform.placement(of: extent, file: file)) != nil, file,
            "images resized to \(transform.resizedExtent(of: extent))",
            "at least the crop's \(crop) and at most \(PixelImage.mostPixels) pixels")
    }

    func inAnyOrder() throws(DatasetError) -> ArrayImages {
        var images = self
        images.reader = try reader.holding(atMost: Self.mostHeldBytes)
        return images
    }

    func draw(
        _ image: Int, _ augmentation: Augmentation, using random: inout SplitMix64,
        to target: UnsafeMutablePointer<Float>, preprocessing: Preprocessing
    ) throws(DatasetError) {
        let transform = augmentation.transform(from: transform)
        let view = try imageResult { () throws(ImageError) in
            try augmentation.view(of: extent, transform, file: file, using: &random)
        }
        let block = try reader.image(image)
        try check(block)
        switch block.pixels {
        case .floats(let values) where !holdsBytes:
            raster(values).placed(view).write(to: target, preprocessing, scale)
            try check(target, image..<image + 1, preprocessing)
        case .floats(let values):
            // All were seen to be bytes when the split was opened.
            let bytes = values.map { UInt8(max(0, min(255, $0))) }
            raster(bytes).drawn(view, transform.interpolation).write(to: target, preprocessing, scale)
        case .bytes(let values):
            raster(values).drawn(view, transform.interpolation).write(to: target, preprocessing, scale)
        }
    }

    /// An image with its channels last.
    private func raster<Value>(_ values: [Value]) -> Raster<Value> {
        var ordered = values
        if format.layout == .nchw {
            for channel in 0..<format.channels {
                for pixel in 0..<format.area {
                    ordered[pixel * format.channels + channel] = values[channel * format.area + pixel]
                }
            }
        }
        return Raster(
            height: extent.height, width: extent.width, channels: format.channels, values: ordered)
    }
}
