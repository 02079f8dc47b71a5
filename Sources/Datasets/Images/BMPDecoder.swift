/// Decodes BMP files: 1, 4 or 8 bits a pixel with a palette, 24 or 32 bits of colour, uncompressed.
struct BMPDecoder {
    private let file: String
    private let header: BMPHeader
    private let bytes: [UInt8]

    /// Reads the headers of a file.
    init(_ bytes: [UInt8], file: String) throws(ImageError) {
        header = try BMPHeader(bytes, file: file)
        (self.bytes, self.file) = (bytes, file)
    }

    /// The image in colour. Transparency is left out.
    func decoded() throws(ImageError) -> PixelImage {
        var values = [UInt8](repeating: 0, count: header.height * header.width * 3)
        if header.bits > 8 {
            copyColours(to: &values)
        } else {
            try lookUpColours(to: &values)
        }
        return PixelImage(height: header.height, width: header.width, channels: 3, values: values)
    }

    /// Where a row of the image begins in the file.
    private func start(ofRow row: Int) -> Int {
        header.pixels + (header.isTopDown ? row : header.height - 1 - row) * header.stride
    }

    private func copyColours(to values: inout [UInt8]) {
        let pixelBytes = header.bits / 8
        var target = 0
        for row in 0..<header.height {
            var pixel = start(ofRow: row)
            for _ in 0..<header.width {
                for channel in 0..<3 { values[target + channel] = bytes[pixel + header.channels[channel]] }
                target += 3
                pixel += pixelBytes
            }
        }
    }

    private func lookUpColours(to values: inout [UInt8]) throws(ImageError) {
        let (bits, perByte) = (header.bits, 8 / header.bits)
        let mask = UInt8(truncatingIfNeeded: 1 << bits - 1)
        var target = 0
        for row in 0..<header.height {
            let start = start(ofRow: row)
            for column in 0..<header.width {
                // The leftmost pixel is in the highest bits.
                let shift = 8 - bits * (column % perByte + 1)
                let index = Int(bytes[start + column / perByte] >> shift & mask)
                guard index < header.colours else {
                    throw .damaged(
                        file: file, format: "BMP",
                        reason: "colour \(index) of a palette of \(header.colours) colours")
                }
                let colour = header.palette + index * header.colourBytes
                for channel in 0..<3 { values[target + channel] = bytes[colour + 2 - channel] }
                target += 3
            }
        }
    }
}
