import Archives
import Foundation
import TestSupport
import Tensors
import Testing

@testable import Datasets

/// Pixels by PIL and torchvision, from `images/expected.npz`.
struct ExpectedPixels {
    private static let path = TestFiles.fixture("images/expected.npz")

    /// What stands under `kind`: file names, with what follows them.
    static func names(_ kind: String) throws -> [String] {
        try ZipArchive(path: path).arrayNames.filter { $0.hasPrefix(kind + "/") }
            .map { String($0.dropFirst(kind.count + 1)) }
    }

    static func image(_ name: String) throws -> PixelImage {
        let array = try ZipArchive(path: path).array(named: name)
        let channels = array.shape.count == 3 ? array.shape[2] : 1
        return PixelImage(
            height: array.shape[0], width: array.shape[1], channels: channels, values: Array(array.storage))
    }
}

/// Element by element, without tolerance: decoders and arithmetic are the same as PIL's.
func expectEqual(
    _ found: PixelImage, _ expected: PixelImage, _ comment: Comment? = nil,
    at location: SourceLocation = #_sourceLocation
) {
    let extents = [found.height, found.width, found.channels]
    #expect(
        extents == [expected.height, expected.width, expected.channels], comment, sourceLocation: location)
    let differences = zip(found.values, expected.values).map { abs(Int($0) - Int($1)) }
    #expect(differences.max() == 0, comment, sourceLocation: location)
}

private let images = TestFiles.fixture("images") + "/"

@Suite struct ImageFileTests {
    @Test("Every kind of JPEG and PNG has PIL's pixels", arguments: try ExpectedPixels.names("decoded"))
    func decoding(name: String) throws {
        let image = try ImageFile(path: images + name).decoded(for: .torch)
        expectEqual(image, try ExpectedPixels.image("decoded/" + name))
    }

    @Test("Grey is PIL's mode L", arguments: try ExpectedPixels.names("grey"))
    func grey(name: String) throws {
        var transform = ImageTransform.torch
        transform.channels = 1
        let image = try ImageFile(path: images + name).decoded(for: transform)
        expectEqual(image, try ExpectedPixels.image("grey/" + name))
    }

    @Test(
        "Resizing and cropping are torchvision's on PIL images",
        arguments: try ExpectedPixels.names("transformed"))
    func transforming(name: String) throws {
        let parts = name.split(separator: "/")
        let words = parts[1].split(separator: " ").map(String.init)
        let sides = { (text: String) in text.split(separator: "x").compactMap { Int($0) } }
        let crop = words[1] == "-" ? nil : Extent(height: sides(words[1])[0], width: sides(words[1])[1])
        let interpolation = try #require(Interpolation(rawValue: words[2]))
        let size = sides(words[0])
        let transform =
            size.count == 1
            ? ImageTransform(
                shorterSide: size[0], crop: try #require(crop), interpolation: interpolation)
            : ImageTransform(
                size: Extent(height: size[0], width: size[1]), crop: crop, interpolation: interpolation)
        let image = try ImageFile(path: images + parts[0]).transformed(by: transform)
        expectEqual(image, try ExpectedPixels.image("transformed/" + name))
    }

    @Test("An orientation that is ignored leaves the image as it is stored")
    func ignoredOrientation() throws {
        var transform = ImageTransform.torch
        transform.followsOrientation = false
        let turned = try ImageFile(path: images + "orientation-6.jpg").decoded(for: transform)
        expectEqual(turned, try ExpectedPixels.image("decoded/orientation-1.jpg"))
    }

    @Test("EXIF data that makes no sense leaves an image upright")
    func oddOrientation() {
        let tag: [UInt8] = [0x4D, 0x4D, 0, 0x2A, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0]
        #expect(Orientation(exif: tag) == .turnedLeft)
        #expect(Orientation(exif: tag.prefix(18)) == .upright)
        #expect(Orientation(exif: tag.prefix(9)) == .upright)
        #expect(Orientation(exif: []) == .upright)
        var other = tag
        other[19] = 9
        #expect(Orientation(exif: other) == .upright)
        other = tag
        other[7] = 255
        #expect(Orientation(exif: other) == .upright)
    }

    @Test("JPEG at reduced scale is never smaller than what it is resized to, and close to the whole")
    func reducedScale() throws {
        let size = Extent(height: 20, width: 30)
        var transform = ImageTransform(size: size, interpolation: .bilinear)
        let whole = try ImageFile(path: images + "photo.jpg").transformed(by: transform)
        transform.decodesReduced = true
        let decoded = try ImageFile(path: images + "photo.jpg").decoded(for: transform)
        #expect(decoded.height == 24 && decoded.width == 31)
        let reduced = try ImageFile(path: images + "photo.jpg").transformed(by: transform)
        let differences = zip(whole.values, reduced.values).map { abs(Int($0) - Int($1)) }
        #expect(Double(differences.reduce(0, +)) / Double(differences.count) < 8)
    }

    // math.floor(256 * 500 / 375), int(round((341 - 224) / 2.0)) in Python 3: 58.5 is rounded to 58.
    @Test("Extents and middles are torchvision's")
    func extents() throws {
        let transform = ImageTransform.torch
        #expect(
            transform.resizedExtent(of: Extent(height: 375, width: 500)) == Extent(height: 256, width: 341))
        #expect(
            transform.resizedExtent(of: Extent(height: 500, width: 375)) == Extent(height: 341, width: 256))
        let window = try #require(transform.window(in: Extent(height: 256, width: 341)))
        #expect(window == ImageWindow(rows: 16..<240, columns: 58..<282))
        #expect(transform.window(in: Extent(height: 223, width: 341)) == nil)
    }
}

@Suite struct ImageErrorTests {
    private func expectFailure(
        _ bytes: [UInt8], transform: ImageTransform = .torch, _ expected: (String) -> ImageError,
        at location: SourceLocation = #_sourceLocation
    ) throws {
        try TestFiles.withTemporaryFolder { folder in
            let path = folder + "/image"
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            #expect(throws: expected(path), sourceLocation: location) {
                try ImageFile(path: path).transformed(by: transform)
            }
        }
    }

    private func fixture(_ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: URL(fileURLWithPath: images + name)))
    }

    @Test("A file that is not there, or no file")
    func unreadable() throws {
        #expect(throws: ImageError.unreadable(file: "/no/image.jpg", reason: "No such file or directory")) {
            try ImageFile(path: "/no/image.jpg").transformed(by: .torch)
        }
        #expect(throws: ImageError.unreadable(file: "/dev/null", reason: "not a regular file")) {
            try ImageFile(path: "/dev/null").transformed(by: .torch)
        }
    }

    @Test("Other formats are named")
    func otherFormats() throws {
        let cases: [([UInt8], String)] = [
            ([], "an empty file"), (Array("GIF89a".utf8), "a GIF image"),
            (Array("RIFF\0\0\0\0WEBPVP8 ".utf8), "a WebP image"),
            (Array("II*\0".utf8), "a TIFF image"), (Array("text".utf8), "not a known image format"),
        ]
        for (bytes, found) in cases { try expectFailure(bytes) { .wrongFormat(file: $0, found: found) } }
        // Images of other formats come with the line that converts them.
        let convert =
            "; convert these files, and remove them: python3 -c 'import sys; from PIL import Image; "
            + "[Image.open(f).convert(\"RGB\").save(f + \".png\") for f in sys.argv[1:]]' a/*.webp"
        #expect(
            ImageError.wrongFormat(file: "a/b.webp", found: "a WebP image").description
                == "a/b.webp: a WebP image, expected JPEG, PNG, BMP, PPM or PGM" + convert)
        #expect(
            ImageError.wrongFormat(file: "a/b.jpg", found: "an empty file").description
                == "a/b.jpg: an empty file, expected JPEG, PNG, BMP, PPM or PGM")
    }

    @Test("JPEG and PNG of 65,535² pixels are refused by their header")
    func tooLarge() throws {
        var jpeg = try fixture("photo.jpg")
        let frame = try #require((2..<jpeg.count).first { jpeg[$0] == 0xFF && jpeg[$0 + 1] == 0xC0 })
        jpeg.replaceSubrange(frame + 5..<frame + 9, with: [0xFF, 0xFF, 0xFF, 0xFF])
        try expectFailure(jpeg) {
            .tooLarge(file: $0, width: 65535, height: 65535, limit: PixelImage.mostPixels)
        }
        // Width and height at 16, the checksum of type and header at 29.
        var png = try fixture("rgb.png")
        png.replaceSubrange(16..<24, with: [0, 0, 0xFF, 0xFF, 0, 0, 0xFF, 0xFF])
        png.replaceSubrange(29..<33, with: bigEndianCRC32(png[12..<29]))
        try expectFailure(png) {
            .tooLarge(file: $0, width: 65535, height: 65535, limit: PixelImage.mostPixels)
        }
    }

    @Test("A thin image that would be resized to more than an image may have is refused")
    func tooLargeResized() throws {
        let transform = ImageTransform(shorterSide: 16384, crop: Extent(16384), interpolation: .nearest)
        try expectFailure(try fixture("photo.jpg"), transform: transform) {
            .tooLarge(file: $0, width: 21316, height: 16384, limit: PixelImage.mostPixels)
        }
    }

    @Test("A file with more bytes than an image may have is refused before it is read")
    func tooManyBytes() throws {
        try TestFiles.withTemporaryFolder { folder in
            let path = folder + "/image.jpg"
            try Data().write(to: URL(fileURLWithPath: path))
            // A hole: no disk is used.
            #expect(truncate(path, off_t(ImageFile.mostBytes + 1)) == 0)
            let expected = ImageError.tooManyBytes(
                file: path, found: ImageFile.mostBytes + 1, limit: ImageFile.mostBytes)
            #expect(throws: expected) { try ImageFile(path: path).transformed(by: .torch) }
        }
    }

    @Test(
        "A file cut short anywhere is an error, never a crash",
        arguments: ["photo.jpg", "rgb16.png", "ycck.jpg"])
    func truncated(name: String) throws {
        let bytes = try fixture(name)
        try TestFiles.withTemporaryFolder { folder in
            let path = folder + "/image"
            // Decoders may do without the last marker or chunk, which is no more than 12 bytes.
            let ends = Array(0..<min(600, bytes.count - 12)) + stride(from: 600, to: bytes.count - 12, by: 97)
            for end in ends {
                try Data(bytes.prefix(end)).write(to: URL(fileURLWithPath: path))
                #expect(throws: ImageError.self, "\(end)") {
                    try ImageFile(path: path).transformed(by: .torch)
                }
            }
        }
    }

    @Test("JPEG without an end, or without a scan, ends early")
    func truncatedJPEG() throws {
        let bytes = try fixture("photo.jpg")
        try expectFailure(bytes.dropLast(2)) {
            .truncated(file: $0, format: "JPEG", expected: "an end-of-image marker")
        }
        try expectFailure(Array(bytes.prefix(100))) {
            .truncated(file: $0, format: "JPEG", expected: "a scan")
        }
    }

    @Test("JPEG whose tables are missing is damaged, in the decoder's words")
    func damagedJPEG() throws {
        var bytes = try fixture("photo.jpg")
        // Quantization tables under another marker: a comment.
        for place in 2..<bytes.count - 1 where bytes[place] == 0xFF && bytes[place + 1] == 0xDB {
            bytes[place + 1] = 0xFE
        }
        try expectFailure(bytes) {
            .damaged(file: $0, format: "JPEG", reason: "Quantization table 0x00 was not defined")
        }
    }

    @Test("PNG with a wrong checksum is damaged")
    func damagedPNG() throws {
        var bytes = try fixture("rgb.png")
        bytes[bytes.count - 40] ^= 1
        try TestFiles.withTemporaryFolder { folder in
            let path = folder + "/image.png"
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            #expect {
                try ImageFile(path: path).transformed(by: .torch)
            } throws: { error in
                guard case .damaged(path, "PNG", _) = error as? ImageError else { return false }
                return true
            }
        }
    }

    @Test("JPEG of two components is refused")
    func wrongComponents() throws {
        var bytes = try fixture("photo.jpg")
        let frame = try #require((2..<bytes.count).first { bytes[$0] == 0xFF && bytes[$0 + 1] == 0xC0 })
        bytes[frame + 9] = 2
        try expectFailure(bytes) { .wrongComponents(file: $0, found: 2) }
    }

    @Test("A crop larger than a resized image is refused")
    func smallerThanCrop() throws {
        let transform = ImageTransform(shorterSide: 30, crop: Extent(31), interpolation: .bilinear)
        try expectFailure(try fixture("photo.jpg"), transform: transform) {
            .smallerThanCrop(file: $0, resized: "30×39", crop: "31×31")
        }
    }

    private func bigEndianCRC32(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        var crc: UInt32 = .max
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 0 ? crc >> 1 : crc >> 1 ^ 0xEDB8_8320 }
        }
        return (0..<4).map { UInt8(truncatingIfNeeded: ~crc >> (24 - 8 * $0)) }
    }
}
