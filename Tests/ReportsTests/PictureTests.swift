import CZlib
import Foundation
import TestSupport
import Testing

@testable import Reports

@Suite("pictures")
struct PictureTests {
    @Test(
        "a PNG has the signature, its chunks with their checksums, and the rows under zlib",
        arguments: [1, 3])
    func png(channels: Int) throws {
        let bytes = (0..<5 * 3 * channels).map { UInt8($0 * 7 % 256) }
        let picture = try #require(Picture(width: 5, height: 3, channels: channels, bytes: bytes))
        let png = picture.png
        #expect(png.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]))
        #expect(Array(png[12..<16]) == Array("IHDR".utf8))
        #expect(Array(png[16..<29]) == [0, 0, 0, 5, 0, 0, 0, 3, 8, channels == 1 ? 0 : 2, 0, 0, 0])
        // One IDAT chunk: its data inflate to a filter type and the pixels of each row.
        let integer = { (place: Int) in png[place..<place + 4].reduce(UInt(0)) { ($0 << 8) + UInt($1) } }
        let size = Int(integer(33))
        #expect(Array(png[37..<41]) == Array("IDAT".utf8))
        var rows = [UInt8](repeating: 9, count: 100)
        var count = uLong(rows.count)
        #expect(uncompress(&rows, &count, Array(png[41..<41 + size]), uLong(size)) == Z_OK)
        let width = 5 * channels
        let expected: [UInt8] = (0..<3).flatMap { row -> [UInt8] in
            [0] + Array(bytes[row * width..<(row + 1) * width])
        }
        #expect(Array(rows.prefix(Int(count))) == expected)
        let crc = integer(41 + size)
        #expect(crc32(0, Array(png[37..<41 + size]), UInt32(size + 4)) == crc)
        // PNG 5.8: the IEND chunk is always these bytes.
        #expect(png.suffix(12) == [0, 0, 0, 0, 0x49, 0x45, 0x4E, 0x44, 0xAE, 0x42, 0x60, 0x82])
    }

    @Test("only grey and colour pictures with all their bytes exist")
    func invalid() {
        #expect(Picture(width: 2, height: 2, channels: 2, bytes: [UInt8](repeating: 0, count: 8)) == nil)
        #expect(Picture(width: 2, height: 2, channels: 1, bytes: [0]) == nil)
        #expect(Picture(width: 0, height: 2, channels: 1, bytes: []) == nil)
    }

    @Test("a large picture becomes means of whole pixels, a small one stays")
    func reduced() throws {
        let picture = try #require(
            Picture(width: 5, height: 2, channels: 1, bytes: [0, 10, 100, 110, 7, 20, 30, 120, 130, 9]))
        #expect(picture.reduced(to: 5) == picture)
        let half = picture.reduced(to: 3)
        #expect(half.width == 3 && half.height == 1)
        #expect(half.bytes == [15, 115, 8])
    }
}
