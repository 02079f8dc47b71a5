import CSPNG

/// Decodes one PNG file. Owns libspng's state.
final class PNGDecoder {
    private let context = spng_ctx_new(0)
    private let file: String

    /// The limit for text and colour profiles, which are not used.
    private static let mostChunkBytes = 64 << 20

    init(file: String) { self.file = file }

    deinit { spng_ctx_free(context) }

    /// Decodes to colour: grey is repeated, palettes are looked up, transparency is left out, of 16 bits the upper 8 are
    /// taken. Also gives the orientation of an EXIF chunk.
    func decode(_ bytes: [UInt8]) throws(ImageError) -> (image: PixelImage, orientation: Orientation) {
        var failure: ImageError?
        var result: (PixelImage, Orientation)?
        bytes.withUnsafeBytes { buffer in
            do throws(ImageError) {
                try check(spng_set_png_buffer(context, buffer.baseAddress, buffer.count))
                result = try decode()
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        guard let result else { throw .damaged(file: file, format: "PNG", reason: "no image") }
        return result
    }

    private func decode() throws(ImageError) -> (PixelImage, Orientation) {
        try check(spng_set_chunk_limits(context, Self.mostChunkBytes, Self.mostChunkBytes))
        var header = spng_ihdr()
        try check(spng_get_ihdr(context, &header))
        let (width, height) = (Int(header.width), Int(header.height))
        try PixelImage.check(width: width, height: height, file: file)
        var pixels = [UInt8](repeating: 0, count: height * width * 3)
        try check(spng_decode_image(context, &pixels, pixels.count, Int32(SPNG_FMT_RGB8.rawValue), 0))
        // Data after the pixels may be damaged.
        _ = spng_decode_chunks(context)
        var exif = spng_exif()
        var orientation = Orientation.upright
        if spng_get_exif(context, &exif) == 0, let data = exif.data {
            orientation = Orientation(exif: UnsafeRawBufferPointer(start: data, count: exif.length))
        }
        return (PixelImage(height: height, width: width, channels: 3, values: pixels), orientation)
    }

    /// Turns libspng's status into an error.
    private func check(_ status: Int32) throws(ImageError) {
        guard status != 0 else { return }
        if [SPNG_EOF, SPNG_IO_EOF, SPNG_EIDAT_TOO_SHORT].contains(where: { Int32($0.rawValue) == status }) {
            throw .truncated(file: file, format: "PNG", expected: "the whole image")
        }
        throw .damaged(file: file, format: "PNG", reason: String(cString: spng_strerror(status)))
    }
}
