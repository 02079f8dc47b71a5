import Tensors

/// How image files become a network's input: decoded, turned upright, resized and cropped at the center.
package struct ImageTransform: Sendable, Equatable, CustomStringConvertible {
    /// The size that an image is brought to.
    package enum Resize: Sendable, Equatable {
        /// The length of the shorter side; the longer one keeps the proportion (rounded down).
        case shorterSide(Int)
        /// Both sides, without keeping the proportion.
        case exact(Extent)
    }

    /// The size that an image is brought to.
    package private(set) var resize: Resize
    /// The size of the center crop.
    package private(set) var crop: Extent
    /// The interpolation.
    package let interpolation: Interpolation
    /// 3 for colour; 1 for grey, as PIL's mode L.
    package var channels = 3
    /// Whether the EXIF orientation is applied. torchvision's and Keras' loaders ignore it.
    package var followsOrientation = true
    /// Whether JPEG files may be decoded at 1/2, 1/4 or 1/8 of their size, if that is not smaller than the resized image.
    /// Faster for large photographs; pixel values differ slightly.
    package var decodesReduced = false

    /// Resizes the shorter side and crops at the center. `crop` may be no larger than the shorter side.
    package init(shorterSide: Int, crop: Extent, interpolation: Interpolation) {
        (resize, self.crop, self.interpolation) = (.shorterSide(shorterSide), crop, interpolation)
    }

    /// Resizes both sides and, if `crop` is given, crops at the center.
    package init(size: Extent, crop: Extent? = nil, interpolation: Interpolation) {
        (resize, self.crop, self.interpolation) = (.exact(size), crop ?? size, interpolation)
    }

    /// The same with another resize and crop.
    func replacing(_ resize: Resize, crop: Extent) -> ImageTransform {
        var transform = self
        (transform.resize, transform.crop) = (resize, crop)
        return transform
    }

    /// torchvision's evaluation on ImageNet: shorter side 256, bilinear, center crop 224×224.
    package static let torch = ImageTransform(
        shorterSide: 256, crop: Extent(224), interpolation: .bilinear)

    /// As text: `shorter side 256, crop 224×224, bilinear`.
    package var description: String {
        var parts: [String] = []
        switch resize {
        case .shorterSide(let side): parts = ["shorter side \(side)", "crop \(crop)"]
        case .exact(let size): parts = ["resized to \(size)"] + (size == crop ? [] : ["crop \(crop)"])
        }
        parts.append(interpolation.rawValue)
        if !followsOrientation { parts.append("orientation ignored") }
        if decodesReduced { parts.append("JPEG at reduced scale") }
        return parts.joined(separator: ", ")
    }

    /// The size to which an image of a size is resized.
    func resizedExtent(of size: Extent) -> Extent {
        switch resize {
        case .exact(let size): return size
        case .shorterSide(let side):
            // torchvision's int(side * long / short).
            func longer(_ long: Int, _ short: Int) -> Int { Int(Double(side * long) / Double(short)) }
            return size.height <= size.width
                ? Extent(height: side, width: longer(size.width, size.height))
                : Extent(height: longer(size.height, size.width), width: side)
        }
    }

    /// The size to which a file's image is resized, and the position of the center crop in it. Throws where the crop
    /// does not fit, and where nothing would be left or too much come of it.
    func placement(of size: Extent, file: String) throws(ImageError) -> (size: Extent, crop: ImageWindow) {
        let resized = resizedExtent(of: size)
        guard resized.height > 0, resized.width > 0 else {
            throw .vanishes(file: file, width: size.width, height: size.height, resized: "\(resized)")
        }
        try PixelImage.check(width: resized.width, height: resized.height, file: file)
        guard let window = window(in: resized) else {
            throw .smallerThanCrop(file: file, resized: "\(resized)", crop: "\(crop)")
        }
        return (resized, window)
    }

    /// The position of the center crop; halves are rounded to even, as Python's `round` in torchvision does.
    func window(in size: Extent) -> ImageWindow? {
        guard size.height >= crop.height, size.width >= crop.width else { return nil }
        func middle(_ whole: Int, _ part: Int) -> Range<Int> {
            let start = Int((Double(whole - part) / 2).rounded(.toNearestOrEven))
            return start..<start + part
        }
        return ImageWindow(
            rows: middle(size.height, crop.height), columns: middle(size.width, crop.width))
    }
}
