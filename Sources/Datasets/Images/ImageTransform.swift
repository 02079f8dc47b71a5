import Tensors

/// A part of an image.
struct ImageWindow: Equatable {
    let rows: Range<Int>
    let columns: Range<Int>
}

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
    package let resize: Resize
    /// The size of the center crop.
    package let crop: Extent
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

/// A decoded image: 8 bits a value, [height, width, channels].
struct PixelImage: Sendable, Equatable {
    let height: Int
    let width: Int
    let channels: Int
    var values: [UInt8]

    /// Pixels that an image may have: from there on PIL warns of a decompression bomb.
    static let mostPixels = 89_478_485

    /// Throws where an image would have more than `mostPixels`.
    static func check(width: Int, height: Int, file: String) throws(ImageError) {
        let (pixels, overflow) = width.multipliedReportingOverflow(by: height)
        guard !overflow, pixels <= mostPixels else {
            throw .tooLarge(file: file, width: width, height: height, limit: mostPixels)
        }
    }

    /// Brightness of a colour image as PIL's mode L: ITU-R 601-2's luma in 16-bit fixed point, rounded.
    var grey: PixelImage {
        guard channels == 3 else { return self }
        let luma = (0..<height * width).map { pixel in
            Self.luma(values[pixel * 3], values[pixel * 3 + 1], values[pixel * 3 + 2])
        }
        return PixelImage(height: height, width: width, channels: 1, values: luma)
    }

    /// The brightness of a colour.
    static func luma(_ red: UInt8, _ green: UInt8, _ blue: UInt8) -> UInt8 {
        let sum = UInt32(red) * 19595 + UInt32(green) * 38470 + UInt32(blue) * 7471
        return UInt8(truncatingIfNeeded: (sum + 0x8000) >> 16)
    }
}
