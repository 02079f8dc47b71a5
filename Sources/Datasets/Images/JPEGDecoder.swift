import CTurboJPEG
import Tensors

/// One decompressor of TurboJPEG.
final class JPEGDecoder {
    private let handle: tjhandle?

    init() { handle = tjInitDecompress() }

    deinit { if let handle { tjDestroy(handle) } }

    /// Decodes to colour as PIL does: the accurate transform, smooth upsampling of chroma; grey is repeated, CMYK and
    /// YCCK are taken for Adobe's, who stores them inverted.
    ///
    /// With `least` (height and width of the upright image) the image may come at a half, a quarter or an eighth of its
    /// size, as long as it is not smaller.
    func decode(
        _ bytes: [UInt8], header: JPEGHeader, atLeast least: Extent? = nil, file: String
    ) throws(ImageError) -> PixelImage {
        guard [1, 3, 4].contains(header.components) else {
            throw .wrongComponents(file: file, found: header.components)
        }
        let divisor = Self.divisor(header, least)
        let height = (header.height + divisor - 1) / divisor
        let width = (header.width + divisor - 1) / divisor
        let isCMYK = header.components == 4
        let channels = isCMYK ? 4 : 3
        var pixels = [UInt8](repeating: 0, count: height * width * channels)
        let format = isCMYK ? TJPF_CMYK : TJPF_RGB
        // Hundreds of scans take minutes: their number is limited too.
        let status = tjDecompress2(
            handle, bytes, UInt(bytes.count), &pixels, Int32(width), Int32(width * channels), Int32(height),
            Int32(format.rawValue), TJFLAG_ACCURATEDCT | TJFLAG_LIMITSCANS)
        // A warning comes with an image: bytes between markers, bits missing at a scan's end. PIL shows these too.
        guard status == 0 || tjGetErrorCode(handle) == TJERR_WARNING.rawValue else {
            throw .damaged(file: file, format: "JPEG", reason: String(cString: tjGetErrorStr2(handle)))
        }
        return PixelImage(
            height: height, width: width, channels: 3, values: isCMYK ? Self.colours(ofCMYK: pixels) : pixels)
    }

    private static func divisor(_ header: JPEGHeader, _ least: Extent?) -> Int {
        guard let least else { return 1 }
        let (height, width) =
            header.orientation.isTurned ? (least.width, least.height) : (least.height, least.width)
        return [8, 4, 2].first { header.height >= height * $0 && header.width >= width * $0 } ?? 1
    }

    /// Red, green and blue of inverted CMYK: products of what ink leaves, rounded as PIL rounds them.
    private static func colours(ofCMYK inks: [UInt8]) -> [UInt8] {
        var colours: [UInt8] = []
        colours.reserveCapacity(inks.count / 4 * 3)
        for pixel in stride(from: 0, to: inks.count, by: 4) {
            let light = UInt32(inks[pixel + 3])
            for ink in inks[pixel..<pixel + 3] {
                let product = (255 - UInt32(ink)) * light + 128
                colours.append(UInt8(truncatingIfNeeded: light - (product >> 8 + product) >> 8))
            }
        }
        return colours
    }
}
