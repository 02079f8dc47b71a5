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

    /// Brightness of a colour image as PIL's mode L: ITU-R 601-2's luma in 16-bit fixed point.
    var grey: PixelImage {
        guard channels == 3 else { return self }
        let luma = (0..<height * width).map { pixel in
            let (red, green, blue) = (values[pixel * 3], values[pixel * 3 + 1], values[pixel * 3 + 2])
            let sum = UInt32(red) * 19595 + UInt32(green) * 38470 + UInt32(blue) * 7471
            return UInt8(truncatingIfNeeded: (sum + 0x8000) >> 16)
        }
        return PixelImage(height: height, width: width, channels: 1, values: luma)
    }
}
