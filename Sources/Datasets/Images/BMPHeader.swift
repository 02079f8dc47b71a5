/// What the headers of a BMP file say.
///
/// The format: https://learn.microsoft.com/windows/win32/gdi/bitmap-storage.
struct BMPHeader {
    private(set) var width = 0
    private(set) var height = 0
    /// Whether the first row of the file is the top one.
    private(set) var isTopDown = false
    /// Bits of a pixel.
    private(set) var bits = 0
    /// The number of colours in the palette.
    private(set) var colours = 0
    /// Bytes of a colour in the palette: blue, green, red and, in all but the oldest files, a fourth.
    private(set) var colourBytes = 4
    /// Where the palette begins.
    private(set) var palette = 0
    /// Where the pixels begin.
    private(set) var pixels = 0
    /// The places of red, green and blue in a pixel of 24 or 32 bits.
    private(set) var channels = [2, 1, 0]

    /// Bytes of a row's pixels.
    var rowBytes: Int { (width * bits + 7) / 8 }
    /// From the start of a row to the next, a multiple of four.
    var stride: Int { (rowBytes + 3) / 4 * 4 }

    /// Reads the headers. Throws for kinds that are not decoded, and where the file does not hold what they declare.
    init(_ bytes: [UInt8], file: String) throws(ImageError) {
        guard let size = bytes.little(4, at: 14), size >= 12, bytes.count >= 14 + size else {
            throw .truncated(file: file, format: "BMP", expected: "the header")
        }
        switch size {
        case 12: readCore(bytes)
        case 40, 52, 56, 64, 108, 124: try readInfo(bytes, size: size, file: file)
        default:
            throw .unsupported(
                file: file, format: "BMP", found: "a header of \(size) bytes",
                expected: "12, 40, 52, 56, 64, 108 or 124 bytes")
        }
        guard width > 0, height > 0 else {
            throw .damaged(
                file: file, format: "BMP", reason: "\(width)×\(height) pixels, expected at least 1×1")
        }
        guard [1, 4, 8, 24, 32].contains(bits) else {
            throw .unsupported(
                file: file, format: "BMP", found: "\(bits) bits for each pixel",
                expected: "1, 4, 8, 24 or 32")
        }
        try PixelImage.check(width: width, height: height, file: file)
        try findPixels(bytes, file: file)
    }

    /// OS/2's header: extents of 16 bits, palettes of three bytes a colour.
    private mutating func readCore(_ bytes: [UInt8]) {
        (width, height) = (bytes.little(2, at: 18) ?? 0, bytes.little(2, at: 20) ?? 0)
        (bits, palette, colourBytes) = (bytes.little(2, at: 24) ?? 0, 26, 3)
    }

    /// Windows' headers, which begin alike. A negative height means that the top row comes first.
    private mutating func readInfo(_ bytes: [UInt8], size: Int, file: String) throws(ImageError) {
        let signed = { (offset: Int) in Int(Int32(truncatingIfNeeded: bytes.little(4, at: offset) ?? 0)) }
        (width, height, isTopDown) = (signed(18), abs(signed(22)), signed(22) < 0)
        (bits, palette, colours) = (bytes.little(2, at: 28) ?? 0, 14 + size, bytes.little(4, at: 46) ?? 0)
        switch bytes.little(4, at: 30) {
        case 0: break
        case 3 where bits == 24 || bits == 32:
            // The masks of red, green and blue come after a header of 40 bytes, and are a part of longer ones.
            let masks = [54, 58, 62].map { bytes.little(4, at: $0) ?? 0 }
            if size == 40 { palette += 12 }
            guard masks != [0, 0, 0] else { break }
            let places = masks.compactMap { mask in (0..<bits / 8).first { mask == 0xFF << (8 * $0) } }
            guard Set(places).count == 3 else {
                throw .unsupported(
                    file: file, format: "BMP", found: "colours that are not whole bytes",
                    expected: "8 bits for each colour")
            }
            channels = places
        case let compression:
            throw .unsupported(
                file: file, format: "BMP", found: "compression \(compression ?? 0)", expected: "0 (none)")
        }
    }

    /// Pixels begin where the file says. Zero means after the palette; some programs leave the palette out of the count.
    private mutating func findPixels(_ bytes: [UInt8], file: String) throws(ImageError) {
        let isIndexed = bits <= 8
        if isIndexed, colours == 0 { colours = 1 << bits }
        pixels = bytes.little(4, at: 10) ?? 0
        guard colours <= 65536 else {
            throw .damaged(file: file, format: "BMP", reason: "a palette of \(colours) colours")
        }
        let end = palette + (isIndexed ? colours * colourBytes : 0)
        if pixels == 0 || (isIndexed && pixels == palette) { pixels = end }
        guard !isIndexed || end <= bytes.count else {
            throw .truncated(file: file, format: "BMP", expected: "a palette of \(colours) colours")
        }
        // The bytes that fill up the last row may be missing.
        guard pixels <= bytes.count, bytes.count - pixels >= stride * (height - 1) + rowBytes else {
            throw .truncated(file: file, format: "BMP", expected: "\(height) rows of pixels")
        }
    }
}

extension [UInt8] {
    /// The little-endian number of `count` bytes at an offset; nil beyond the end.
    func little(_ count: Int, at offset: Int) -> Int? {
        guard offset >= 0, offset <= self.count - count else { return nil }
        return self[offset..<offset + count].reversed().reduce(0) { $0 << 8 | Int($1) }
    }
}
