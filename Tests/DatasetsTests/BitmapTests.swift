import Archives
import Foundation
import TestSupport
import Testing

@testable import Datasets

/// BMP, PGM and PPM files, and their pixels by Pillow, from `images/bitmaps.npz`.
private enum Bitmaps {
    static let archive = Result { try ZipArchive(path: TestFiles.fixture("images/bitmaps.npz")) }

    static func names() throws -> [String] {
        try archive.get().arrayNames.filter { $0.hasPrefix("file/") }.map { String($0.dropFirst(5)) }
    }

    static func file(_ name: String) throws -> [UInt8] {
        Array(try archive.get().array(named: "file/" + name).storage)
    }

    static func pixels(_ name: String) throws -> PixelImage {
        let array = try archive.get().array(named: "pixels/" + name)
        return PixelImage(
            height: array.shape[0], width: array.shape[1], channels: array.shape[2],
            values: Array(array.storage))
    }

    /// Decodes bytes as an image file.
    static func decode(_ bytes: [UInt8]) throws -> PixelImage {
        try TestFiles.withTemporaryFolder { folder in
            try Data(bytes).write(to: URL(fileURLWithPath: folder + "/image"))
            return try ImageFile(path: folder + "/image").decoded(for: .torch)
        }
    }
}

@Suite("BMP, PGM and PPM files")
struct BitmapTests {
    @Test("Every kind has Pillow's pixels", arguments: try Bitmaps.names())
    func decoding(name: String) throws {
        expectEqual(try Bitmaps.decode(Bitmaps.file(name)), try Bitmaps.pixels(name))
    }

    @Test("The bytes that fill up the last row may be missing")
    func unfilledRow() throws {
        // 7 pixels of 3 bytes, and 3 bytes to fill up.
        let whole = try Bitmaps.file("24.bmp")
        expectEqual(try Bitmaps.decode(whole.dropLast(3)), try Bitmaps.pixels("24.bmp"))
        #expect(throws: ImageError.self) { try Bitmaps.decode(whole.dropLast(4)) }
    }

    @Test(
        "A file cut short anywhere is an error, never a crash",
        arguments: ["4.bmp", "8-os2.bmp", "24.bmp", "32-v5.bmp", "p5-100.pnm", "p6-255.pnm"])
    func truncated(name: String) throws {
        let bytes = try Bitmaps.file(name)
        // Rows of 4 bits are filled up.
        for end in 0..<bytes.count - 3 {
            #expect(throws: ImageError.self, "\(end)") { try Bitmaps.decode(Array(bytes.prefix(end))) }
        }
    }

    @Test(
        "Any byte may be wrong without a crash",
        arguments: ["8.bmp", "32-rgba.bmp", "p3-15.pnm", "p6-100.pnm"])
    func damaged(name: String) throws {
        let bytes = try Bitmaps.file(name)
        for place in 0..<min(bytes.count, 80) {
            for value in [0, 1, 0x7F, 0xFF] as [UInt8] {
                var changed = bytes
                changed[place] = value
                _ = try? Bitmaps.decode(changed)
            }
        }
    }
}

@Suite("Errors of BMP, PGM and PPM files")
struct BitmapErrorTests {
    private func expectFailure(
        _ bytes: [UInt8], at location: SourceLocation = #_sourceLocation, _ expected: (String) -> ImageError
    ) throws {
        try TestFiles.withTemporaryFolder { folder in
            let path = folder + "/image"
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            #expect(throws: expected(path), sourceLocation: location) {
                try ImageFile(path: path).decoded(for: .torch)
            }
        }
    }

    /// The file with little-endian numbers of four bytes at some places.
    private func bmp(_ name: String, _ changes: [Int: Int]) throws -> [UInt8] {
        var bytes = try Bitmaps.file(name)
        for (place, value) in changes {
            bytes.replaceSubrange(place..<place + 4, with: MadeArray.little(value, 4))
        }
        return bytes
    }

    @Test("BMP that is not decoded is named, with what is")
    func unsupportedBMP() throws {
        try expectFailure(try bmp("24.bmp", [14: 16])) {
            .unsupported(
                file: $0, format: "BMP", found: "a header of 16 bytes",
                expected: "12, 40, 52, 56, 64, 108 or 124 bytes")
        }
        try expectFailure(try bmp("24.bmp", [26: 1 | 16 << 16])) {
            .unsupported(
                file: $0, format: "BMP", found: "16 bits for each pixel", expected: "1, 4, 8, 24 or 32")
        }
        try expectFailure(try bmp("8.bmp", [30: 1])) {
            .unsupported(file: $0, format: "BMP", found: "compression 1", expected: "0 (none)")
        }
        for mask in [0x3FF, 0xFF00] {
            try expectFailure(try bmp("32-bgrx.bmp", [54: mask])) {
                .unsupported(
                    file: $0, format: "BMP", found: "colours that are not whole bytes",
                    expected: "8 bits for each colour")
            }
        }
    }

    @Test("BMP without pixels, with too many, and colours beyond the palette")
    func damagedBMP() throws {
        try expectFailure(try bmp("24.bmp", [18: 0])) {
            .damaged(file: $0, format: "BMP", reason: "0×5 pixels, expected at least 1×1")
        }
        try expectFailure(try bmp("24.bmp", [18: 0x7FFF_FFFF, 22: 0x7FFF_FFFF])) {
            .tooLarge(file: $0, width: 0x7FFF_FFFF, height: 0x7FFF_FFFF, limit: PixelImage.mostPixels)
        }
        try expectFailure(try bmp("8.bmp", [46: 65537])) {
            .damaged(file: $0, format: "BMP", reason: "a palette of 65537 colours")
        }
        var bytes = try Bitmaps.file("8-few-colours.bmp")
        bytes[bytes.count - 8] = 200
        try expectFailure(bytes) {
            .damaged(file: $0, format: "BMP", reason: "colour 200 of a palette of 5 colours")
        }
    }

    @Test("BMP that ends early")
    func truncatedBMP() throws {
        let bytes = try Bitmaps.file("8.bmp")
        try expectFailure(Array(bytes.prefix(30))) {
            .truncated(file: $0, format: "BMP", expected: "the header")
        }
        try expectFailure(Array(bytes.prefix(100))) {
            .truncated(file: $0, format: "BMP", expected: "a palette of 256 colours")
        }
        try expectFailure(bytes.dropLast(9)) {
            .truncated(file: $0, format: "BMP", expected: "5 rows of pixels")
        }
        try expectFailure(try bmp("24.bmp", [10: 0x7FFF_FFFF])) {
            .truncated(file: $0, format: "BMP", expected: "5 rows of pixels")
        }
    }

    @Test("PGM and PPM of 16 bits are refused with the line that converts them")
    func sixteenBits() throws {
        for (kind, format) in [("P5", "PGM"), ("P2", "PGM"), ("P6", "PPM"), ("P3", "PPM")] {
            try expectFailure(Array("\(kind) 1 1 65535\n".utf8)) {
                .unsupported(
                    file: $0, format: format, found: "values of 16 bits (up to 65535)",
                    expected: "values up to 255")
            }
        }
        let grey = ImageError.unsupported(file: "d e/a.pgm", format: "PGM", found: "x", expected: "y")
        #expect(
            grey.description
                == "d e/a.pgm: PGM with x, expected y; convert these files, and remove them: python3 -c 'import sys; from PIL "
                + "import Image; [Image.open(f).point(lambda v: v * (1/256)).convert(\"RGB\").save(f + \".png\") for f in "
                + "sys.argv[1:]]' 'd e/'*.pgm")
    }

    @Test(
        "PGM and PPM with a header or values that make no sense",
        arguments: [
            ("P5 0 4 255\n", "PGM", "0×4 pixels, expected at least 1×1"),
            ("P6 4 4 0\n", "PPM", "a largest value of 0, expected 1…65535"),
            ("P6 4 4 65536\n", "PPM", "a largest value of 65536, expected 1…65535"),
            ("P6 4x 4 255\n", "PPM", "no number for a width"),
            ("P5 4 -4 255\n", "PGM", "no number for a height"),
            ("P5 4 99999999999 255\n", "PGM", "no number for a height"),
            ("P2 1 1 15\n16\n", "PGM", "a value of 16, expected 0…15"),
            ("P2 1 1 15\nx \n", "PGM", "no number for 1 rows of pixels"),
        ])
    func damagedPNM(text: String, format: String, reason: String) throws {
        try expectFailure(Array(text.utf8)) { .damaged(file: $0, format: format, reason: reason) }
    }

    @Test("PGM and PPM that end early, and of too many pixels")
    func truncatedPNM() throws {
        try expectFailure(Array("P5 2 2 255\nabc".utf8)) {
            .truncated(file: $0, format: "PGM", expected: "2 rows of pixels")
        }
        try expectFailure(Array("P2 2 2 255\n1 2 3 ".utf8)) {
            .truncated(file: $0, format: "PGM", expected: "2 rows of pixels")
        }
        try expectFailure(Array("P3 4 # 4".utf8)) {
            .truncated(file: $0, format: "PPM", expected: "a height")
        }
        try expectFailure(Array("P5 99999 99999 255\n".utf8)) {
            .tooLarge(file: $0, width: 99999, height: 99999, limit: PixelImage.mostPixels)
        }
    }
}
