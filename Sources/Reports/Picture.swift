import CZlib

/// An image of 8 bits a colour, grey or red, green and blue.
package struct Picture: Sendable, Equatable {
    /// Columns.
    package let width: Int
    /// Rows.
    package let height: Int
    /// 1 or 3.
    package let channels: Int
    /// [rows, columns, channels]
    package let bytes: [UInt8]

    /// An image of these bytes, [rows, columns, channels]; nil for other numbers of channels than 1 and 3, which have no
    /// colours to show, and for images without pixels.
    package init?(width: Int, height: Int, channels: Int, bytes: [UInt8]) {
        guard [1, 3].contains(channels), width > 0, height > 0, bytes.count == width * height * channels
        else {
            return nil
        }
        self.width = width
        self.height = height
        self.channels = channels
        self.bytes = bytes
    }

    /// The image at a size of at most `limit` rows and columns: each pixel is the mean of the whole pixels that it
    /// stands for.
    package func reduced(to limit: Int) -> Picture {
        let factor = (max(width, height) + limit - 1) / max(limit, 1)
        guard factor > 1 else { return self }
        let (columns, rows) = ((width + factor - 1) / factor, (height + factor - 1) / factor)
        var reduced = [UInt8]()
        reduced.reserveCapacity(columns * rows * channels)
        for row in 0..<rows {
            let ys = row * factor..<min((row + 1) * factor, height)
            for column in 0..<columns {
                let xs = column * factor..<min((column + 1) * factor, width)
                for channel in 0..<channels {
                    var sum = 0
                    for y in ys { for x in xs { sum += Int(bytes[(y * width + x) * channels + channel]) } }
                    let count = ys.count * xs.count
                    reduced.append(UInt8((sum + count / 2) / count))
                }
            }
        }
        return Picture(width: columns, height: rows, channels: channels, bytes: reduced) ?? self
    }

    /// The image as a PNG file (ISO/IEC 15948): 8 bits, grey or RGB, no filter, one IDAT chunk.
    package var png: [UInt8] {
        var rows: [UInt8] = []
        rows.reserveCapacity(bytes.count + height)
        for row in 0..<height {
            rows.append(0)  // filter type None
            rows += bytes[row * width * channels..<(row + 1) * width * channels]
        }
        let size = [UInt32(width), UInt32(height)].flatMap(Self.bigEndian)
        // Bit depth, colour type, compression, filter method, interlace.
        let header = size + [8, channels == 1 ? 0 : 2, 0, 0, 0]
        return [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A] + Self.chunk("IHDR", header)
            + Self.chunk("IDAT", Self.deflated(rows)) + Self.chunk("IEND", [])
    }

    private static func bigEndian(_ value: UInt32) -> [UInt8] {
        withUnsafeBytes(of: value.bigEndian, Array.init)
    }

    private static func chunk(_ type: String, _ data: [UInt8]) -> [UInt8] {
        let body = Array(type.utf8) + data
        let crc = body.withUnsafeBufferPointer { crc32_z(0, $0.baseAddress, $0.count) }
        return bigEndian(UInt32(data.count)) + body + bigEndian(UInt32(crc))
    }

    /// A zlib stream. `compressBound` is always enough, so that `compress2` cannot fail but for lack of memory.
    private static func deflated(_ bytes: [UInt8]) -> [UInt8] {
        var size = compressBound(uLong(bytes.count))
        return [UInt8](unsafeUninitializedCapacity: Int(size)) { buffer, count in
            let status = compress2(buffer.baseAddress, &size, bytes, uLong(bytes.count), Z_BEST_COMPRESSION)
            precondition(status == Z_OK, "zlib: status \(status)")
            count = Int(size)
        }
    }
}
