import Archives
import Foundation
import Tensors

/// Reads an image file, whose format is recognized by content, for a transform.
struct ImageFile {
    let path: String

    /// The largest image file, in bytes.
    static let mostBytes = 256 << 20

    /// The image, upright where the transform wants it; at least as large as `transform` resizes it to where it is.
    func decoded(for transform: ImageTransform) throws(ImageError) -> PixelImage {
        let bytes = try read()
        let (image, orientation) =
            switch Format(bytes) {
            case .jpeg: try decodeJPEG(bytes, transform)
            case .png: try PNGDecoder(file: path).decode(bytes)
            case .bmp: (try BMPDecoder(bytes, file: path).decoded(), .upright)
            case .pnm: (try PNMDecoder.decode(bytes, file: path), .upright)
            case .other(let found): throw .wrongFormat(file: path, found: found)
            }
        let upright = transform.followsOrientation ? image.upright(orientation) : image
        return transform.channels == 1 ? upright.grey : upright
    }

    /// The image as the network takes it, before preprocessing.
    func transformed(by transform: ImageTransform) throws(ImageError) -> PixelImage {
        let image = try decoded(for: transform)
        let (size, window) = try transform.placement(of: image.extent, file: path)
        return image.resized(to: size, window: window, transform.interpolation)
    }

    private func read() throws(ImageError) -> [UInt8] {
        let file = try naming { () throws(ArchiveError) in try RandomAccessFile(path: path) }
        guard file.size <= Self.mostBytes else {
            throw .tooManyBytes(file: path, found: file.size, limit: Self.mostBytes)
        }
        return try naming { () throws(ArchiveError) in try file.read(at: 0, count: file.size) }
    }

    private func naming<Result>(_ body: () throws(ArchiveError) -> Result) throws(ImageError) -> Result {
        do throws(ArchiveError) {
            return try body()
        } catch .unreadable(_, let reason) {
            throw .unreadable(file: path, reason: reason)
        } catch {
            throw .unreadable(file: path, reason: "the file became shorter during reading")
        }
    }

    private func decodeJPEG(
        _ bytes: [UInt8], _ transform: ImageTransform
    ) throws(ImageError) -> (PixelImage, Orientation) {
        let header = try JPEGHeader(bytes, file: path)
        try PixelImage.check(width: header.width, height: header.height, file: path)
        let orientation = transform.followsOrientation ? header.orientation : .upright
        let size = Extent(height: header.height, width: header.width)
        let upright = orientation.isTurned ? Extent(height: size.width, width: size.height) : size
        let least = transform.decodesReduced ? transform.resizedExtent(of: upright) : nil
        let image = try JPEGDecoder().decode(bytes, header: header, atLeast: least, file: path)
        return (image, orientation)
    }

    /// The format by the first bytes of a file.
    private enum Format {
        case jpeg, png, bmp, pnm
        case other(String)

        init(_ bytes: [UInt8]) {
            let text = String(decoding: bytes.prefix(12).map { $0 < 128 ? $0 : 0 }, as: UTF8.self)
            self =
                if bytes.starts(with: [0xFF, 0xD8, 0xFF]) {
                    .jpeg
                } else if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) {
                    .png
                } else if text.hasPrefix("BM") {
                    .bmp
                } else if PNMDecoder.recognizes(bytes) {
                    .pnm
                } else if bytes.isEmpty {
                    .other("an empty file")
                } else if text.hasPrefix("RIFF"), text.hasSuffix("WEBP") {
                    .other("a WebP image")
                } else if text.hasPrefix("GIF8") {
                    .other("a GIF image")
                } else if text.hasPrefix("II*\0") || text.hasPrefix("MM\0*") {
                    .other("a TIFF image")
                } else {
                    .other("not a known image format")
                }
        }
    }
}
