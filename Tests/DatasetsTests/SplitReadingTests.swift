import Foundation
import TestSupport
import Testing

@testable import Datasets

@Suite struct SplitReadingTests {
    // h5py: file["images"][i, 14, 10:18, 0], file["labels"][:10], file["images"][:].astype("i8").sum()
    @Test("An HDF5 split reads as h5py reads it")
    func hdf5() throws {
        let split = try Split(path: TestFiles.fixture("mnist-test.h5"))
        #expect(split.count == 1000)
        #expect(split.imageShape == [28, 28, 1])
        #expect(split.labels?.prefix(10) == [1, 3, 0, 3, 7, 0, 6, 2, 0, 8])
        #expect(split.classNames == (0..<10).map { String($0) })
        let rows: [Int: [Float]] = [
            0: [0, 0, 0, 29, 253, 253, 215, 0], 100: [0, 0, 51, 74, 56, 0, 103, 254],
            999: [0, 0, 107, 240, 253, 254, 138, 21],
        ]
        for (image, expected) in rows {
            let values = try split.read(image..<image + 1, preprocessing: .raw)
            #expect(Array(values[14 * 28 + 10..<14 * 28 + 18]) == expected)
        }
        let sum = try split.read(0..<1000, preprocessing: .raw).reduce(0.0) { $0 + Double($1) }
        #expect(sum == 26_481_463)
    }

    // h5py: file["images"][i, y, x], file["labels"][:10], file["images"][:].astype("i8").sum()
    @Test("The CIFAR-10 test split reads as h5py reads it", .enabled(if: TestFiles.pretrained != nil))
    func cifar() throws {
        let split = try Split(path: try #require(TestFiles.pretrained) + "/cifar10-test.h5")
        #expect(split.count == 2000)
        #expect(split.imageShape == [32, 32, 3])
        #expect(split.labels?.prefix(10) == [5, 7, 3, 8, 7, 5, 5, 0, 8, 8])
        #expect(split.labels?.reduce(0, +) == 9057)
        #expect(split.classNames?.prefix(3) == ["airplane", "automobile", "bird"])
        let first = try split.read(0..<1, preprocessing: .raw)
        #expect(first.prefix(6) == [164, 154, 145, 161, 151, 142])
        // The end of one compressed chunk and the start of the next.
        let pair = try split.read(63..<65, preprocessing: .raw)
        #expect(pair[3069..<3075] == [82, 84, 71, 27, 24, 17])
        let last = try split.read(1999..<2000, preprocessing: .raw)
        #expect(last.suffix(3) == [90, 125, 121])
        let sum = try split.read(0..<2000, preprocessing: .raw).reduce(0.0) { $0 + Double($1) }
        #expect(sum == 744_105_004)
    }

    // numpy.arange(48).reshape(2, 3, 2, 4).transpose(0, 2, 3, 1)
    @Test("Images with channels first are transposed, inferred or said", arguments: [nil, ImageLayout.nchw])
    func channelsFirst(layout: ImageLayout?) throws {
        let expected: [Float] = [
            0, 8, 16, 1, 9, 17, 2, 10, 18, 3, 11, 19, 4, 12, 20, 5, 13, 21, 6, 14, 22, 7, 15, 23,
            24, 32, 40, 25, 33, 41, 26, 34, 42, 27, 35, 43, 28, 36, 44, 29, 37, 45, 30, 38, 46, 31, 39, 47,
        ]
        try MadeSplit.open(.bytes("images", [2, 3, 2, 4]), layout: layout) { split in
            #expect(split.imageShape == [2, 4, 3])
            let both = try split.read(0..<2, preprocessing: .raw)
            #expect(both == expected)
            let second = try split.read(1..<2, preprocessing: .raw)
            #expect(second == Array(expected[24...]))
        }
    }

    @Test("A layout that is said settles what both ends allow, and any number of channels")
    func saidLayout() throws {
        try MadeSplit.open(.bytes("images", [2, 3, 4, 3]), layout: .nhwc) { split in
            #expect(split.imageShape == [3, 4, 3])
        }
        try MadeSplit.open(.bytes("images", [2, 4, 5, 6]), layout: .nchw) { split in
            #expect(split.imageShape == [5, 6, 4])
        }
    }

    @Test("Images without a channel dimension are grey")
    func grey() throws {
        try MadeSplit.open(.bytes("images", [2, 3, 4])) { split in
            #expect(split.imageShape == [3, 4, 1])
            let second = try split.read(1..<2, preprocessing: .raw)
            #expect(second == (12..<24).map { Float($0) })
        }
    }

    @Test("Float images of 0…255 are preprocessed as uint8 ones are")
    func floats() throws {
        let bytes = MadeArray.bytes("images", [2, 2, 2, 3])
        let floats = MadeArray.floats("images", bytes.shape, bytes.elements.map { Float($0) })
        try MadeSplit.open(bytes) { byteSplit in
            let expected = try byteSplit.read(0..<2, preprocessing: .torch)
            try MadeSplit.open(floats) { floatSplit in
                let found = try floatSplit.read(0..<2, preprocessing: .torch)
                #expect(found == expected)
            }
        }
    }

    @Test("Labels of every form are class numbers")
    func labelForms() throws {
        let forms = [
            MadeArray.integers("labels", [3], [2, 0, 1]), .integers("labels", [3, 1], [2, 0, 1]),
            MadeArray("labels", "|u1", [3], [2, 0, 1]), MadeArray("labels", ">i2", [3], [0, 2, 0, 0, 0, 1]),
            .integers("labels", [3, 3], [0, 0, 1, 1, 0, 0, 0, 1, 0]),
            .floats("labels", [3, 3], [0, 0, 1, 1, 0, 0, 0, 1, 0]),
            MadeArray("labels", "|b1", [3, 3], [0, 0, 1, 1, 0, 0, 0, 1, 0]),
        ]
        for labels in forms {
            try MadeSplit.open(.bytes("images", [3, 4, 4, 3]), labels, requiresLabels: true) { split in
                #expect(split.labels == [2, 0, 1])
            }
        }
    }

    @Test("Labels may be missing where they are not needed")
    func noLabels() throws {
        try MadeSplit.open(.bytes("images", [3, 4, 4, 3])) { #expect($0.labels == nil) }
    }

    @Test("Blocks are of 2 to 32 MiB and of whole chunks")
    func blockSizes() {
        let mebibyte = 1 << 20
        // Bytes of an image, images of a chunk, images of a block.
        let cases: [(rowBytes: Int, rowsPerChunk: Int, expected: Int)] = [
            (mebibyte, 1, 2), (mebibyte, 16, 16), (mebibyte, 3, 3), (mebibyte, 33, 32), (mebibyte, .max, 32),
            (3072, 1, 683), (3072, 64, 704), (mebibyte / 2 * 3, 1, 2),
            // Images that are larger than a block.
            (40 * mebibyte, 1, 1), (40 * mebibyte, 8, 1), (24 * mebibyte, 1, 1),
        ]
        for (rowBytes, rowsPerChunk, expected) in cases {
            let found = BlockReader.rowsPerBlock(rowBytes: rowBytes, rowsPerChunk: rowsPerChunk)
            #expect(found == expected, "\(rowsPerChunk) images of \(rowBytes) bytes a chunk")
        }
    }

    @Test("A split of several blocks reads the same in any order, from any thread")
    func blocks() throws {
        // 1 MiB an image: blocks of 2 images, which ranges of four cross.
        let (count, area) = (70, 1 << 20)
        let elements = (0..<count).flatMap { [UInt8](repeating: UInt8($0), count: area) }
        try MadeSplit.open(MadeArray("images", "|u1", [count, 1024, 1024], elements)) { split in
            DispatchQueue.concurrentPerform(iterations: 12) { worker in
                let first = worker * 31 % (count - 3)
                let images = (try? split.read(first..<first + 4, preprocessing: .raw)) ?? []
                #expect(images.count == 4 * area)
                for (index, image) in (first..<first + 4).enumerated() where images.count == 4 * area {
                    let pixels = images[index * area..<(index + 1) * area]
                    #expect(pixels.allSatisfy { $0 == Float(image) })
                }
            }
        }
    }
}

extension Split {
    /// Height, width and channels.
    fileprivate var imageShape: [Int] { [height, width, channels] }
}
