import Archives
import Foundation
import TestSupport
import Testing

@testable import Datasets

/// CIFAR's and MNIST's files, made byte by byte from what their pages say.
@Suite struct BinaryArrayTests {
    private func pixel(_ index: Int) -> UInt8 { UInt8(truncatingIfNeeded: index * 7 + index / 256) }

    private func cifar(_ labels: [[UInt8]]) -> Data {
        Data(
            labels.enumerated().flatMap { image, label in
                label + (0..<3072).map { pixel($0 + image * 3072) }
            })
    }

    private func idx(_ shape: [Int], _ elements: [UInt8]) -> Data {
        let extents = shape.flatMap { extent in (0..<4).map { UInt8(extent >> (24 - 8 * $0) & 255) } }
        return Data([0, 0, 8, UInt8(shape.count)] + extents + elements)
    }

    /// gzip of stored blocks (RFC 1952, RFC 1951 3.2.4).
    private func gzip(_ data: Data) -> Data {
        var file: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255]
        file += [1] + MadeArray.little(data.count, 2) + MadeArray.little(~data.count, 2) + data
        var crc: UInt32 = .max
        for byte in data {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 0 ? crc >> 1 : crc >> 1 ^ 0xEDB8_8320 }
        }
        return Data(file + MadeArray.little(Int(~crc), 4) + MadeArray.little(data.count, 4))
    }

    @Test("CIFAR-10: the folder means its test file; planes of colour become pixels")
    func cifar10() throws {
        try MadeFolder.with { folder in
            try folder.write("data_batch_1.bin", cifar([[1]]))
            try folder.write("test_batch.bin", cifar([[3], [9]]))
            try folder.write("batches.meta.txt", (0..<10).map { "name\($0)\n" }.joined() + "\n")
            let split = try Split(path: folder.path)
            #expect(split.extents == [2, 32, 32, 3])
            #expect(split.labels == [3, 9])
            #expect(split.classNames == (0..<10).map { "name\($0)" })
            let expected = (0..<2).flatMap { image in
                (0..<1024).flatMap { place in
                    (0..<3).map { Float(pixel(image * 3072 + $0 * 1024 + place)) }
                }
            }
            #expect(try split.read(0..<2, preprocessing: .raw) == expected)
            #expect(try Split(path: folder.path + "/data_batch_1.bin").labels == [1])
        }
    }

    @Test("CIFAR-100: the fine label counts")
    func cifar100() throws {
        try MadeFolder.with { folder in
            try folder.write("test.bin", cifar([[3, 99], [19, 0], [0, 7]]))
            let split = try Split(path: folder.path)
            #expect(split.labels == [99, 0, 7])
            #expect(split.classNames?.count == 100)
            #expect(try split.read(2..<3, preprocessing: .raw)[0] == Float(pixel(2 * 3072)))
        }
    }

    @Test("A label that CIFAR does not have, and a size that is no number of records")
    func damagedCIFAR() throws {
        try MadeFolder.with { folder in
            let path = folder.path + "/test_batch.bin"
            try folder.write("test_batch.bin", cifar([[3], [10]]))
            let label = DatasetError.labelOutOfRange(
                file: path, object: "labels", image: 1, found: 10, classes: 10)
            #expect(throws: label) { try Split(path: path) }
            try folder.write("test_batch.bin", cifar([[3]]).dropLast())
            let size = DatasetError.malformedFile(
                file: path, format: "CIFAR", found: "3072 bytes",
                expected: "a multiple of 3073 (CIFAR-10) or 3074 (CIFAR-100)")
            #expect(throws: size) { try Split(path: path) }
        }
    }

    @Test("MNIST: plain, gzipped and mixed, a file or its folder", arguments: ["", ".gz"], ["", ".gz"])
    func mnist(images: String, labels: String) throws {
        try MadeFolder.with { folder in
            let pixels = (0..<2 * 28 * 28).map(pixel)
            let (image, label) = (idx([2, 28, 28], pixels), idx([2], [4, 7]))
            try folder.write("t10k-images-idx3-ubyte" + images, images.isEmpty ? image : gzip(image))
            try folder.write("t10k-labels-idx1-ubyte" + labels, labels.isEmpty ? label : gzip(label))
            for path in [folder.path, folder.path + "/t10k-images-idx3-ubyte" + images] {
                let split = try Split(path: path)
                #expect(split.extents == [2, 28, 28, 1])
                #expect(split.labels == [4, 7])
                #expect(try split.read(0..<2, preprocessing: .raw) == pixels.map(Float.init))
            }
        }
    }

    @Test("MNIST without its labels names the file that is missing")
    func missingLabels() throws {
        try MadeFolder.with { folder in
            let path = folder.path + "/t10k-images-idx3-ubyte"
            try folder.write("t10k-images-idx3-ubyte", idx([1, 2, 2], [1, 2, 3, 4]))
            let expected = DatasetError.noLabels(
                file: path, found: [],
                expected: "'t10k-labels-idx1-ubyte' in the same folder; give another file with --labels FILE")
            #expect(throws: expected) { try Split(path: path) }
            try folder.write("truth", idx([1], [7]))
            var sources = SplitSources()
            sources.labelsFile = folder.path + "/truth"
            #expect(try Split(path: path, sources: sources).labels == [7])
            #expect(try Split(path: path, requiresLabels: false).count == 1)
        }
    }

    @Test("IDX of another length than its extents say, of too many dimensions, of overflowing extents")
    func damagedIDX() throws {
        try MadeFolder.with { folder in
            let path = folder.path + "/images"
            try folder.write("images", idx([2, 2, 2], [1, 2, 3, 4]))
            let short = DatasetError.malformedFile(
                file: path, format: "IDX", found: "20 bytes", expected: "24 for extents [2, 2, 2]")
            #expect(throws: short) { try Split(path: path, requiresLabels: false) }
            try folder.write("images", idx([1, 1, 1, 1, 1], [1]))
            let deep = DatasetError.malformedFile(
                file: path, format: "IDX", found: "a header of [0, 0, 8, 5]",
                expected: "[0, 0, 8, dimensions 1 to 4] and the extents")
            #expect(throws: deep) { try Split(path: path, requiresLabels: false) }
            let huge = [4_294_967_295, 4_294_967_295, 4_294_967_295]
            // Without an image the others are not multiplied either.
            for huge in [huge, [0] + huge] {
                try folder.write("images", idx(huge, huge.contains(0) ? [] : [1]))
                let overflow = DatasetError.malformedFile(
                    file: path, format: "IDX", found: "extents \(huge)", expected: "less than 1 TiB")
                #expect(throws: overflow) { try Split(path: path, requiresLabels: false) }
            }
        }
    }

    @Test("gzip that is cut, damaged, longer than announced, or cannot hold what it announces")
    func damagedGzip() throws {
        try MadeFolder.with { folder in
            let path = folder.path + "/images.gz"
            let sound = gzip(idx([1, 2, 2], [1, 2, 3, 4]))
            try folder.write("images.gz", sound)
            #expect(try Split(path: path, requiresLabels: false).count == 1)

            try folder.write("images.gz", sound.dropLast(12))
            #expect(throws: DatasetError.self) { try Split(path: path, requiresLabels: false) }
            var wrong = sound
            wrong[wrong.count - 6] ^= 1
            try folder.write("images.gz", wrong)
            let damaged = ArchiveError.damagedStream(file: path, member: "gzip")
            #expect(throws: DatasetError.archive(damaged)) { try Split(path: path, requiresLabels: false) }
            try folder.write("images.gz", gzip(idx([1, 2, 2], [1, 2, 3, 4, 5])))
            let long = ArchiveError.wrongSize(file: path, member: "gzip", found: 21, expected: 20)
            #expect(throws: DatasetError.archive(long)) { try Split(path: path, requiresLabels: false) }
            let bomb = gzip(idx([30000, 30000, 3], [1]))
            try folder.write("images.gz", bomb)
            let bytes = 16 + 30000 * 30000 * 3
            let expands = ArchiveError.expandsTooMuch(
                file: path, member: "gzip", found: bytes,
                limit: bomb.count * ZipArchive.Limits.expansion + ZipArchive.Limits.allowance)
            #expect(throws: DatasetError.archive(expands)) { try Split(path: path, requiresLabels: false) }
        }
    }
}
