import Foundation
import TestSupport
import Tensors
import Testing
import Threads

@testable import Datasets

@Suite("Training images") struct TrainingSplitTests {
    private let jittered = Augmentation(
        crop: .resized(size: Extent(height: 12, width: 10), scale: 0.3...1, ratio: 0.75...1.5), flips: true,
        jitter: ColorJitter(brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1))

    private func folder(_ count: Int, _ body: (Split) throws -> Void) throws {
        try MadeFolder.with { folder in
            for index in 0..<count { try folder.images("a/\(index).jpg", of: "photo.jpg") }
            try body(Split(path: folder.path))
        }
    }

    @Test("are the same whatever was read before, and on any number of threads", arguments: [1, 2, 5])
    func threads(count: Int) throws {
        try folder(12) { split in
            let training = try TrainingSplit(split, augmentation: jittered, preprocessing: .torch, seed: 3)
            let forward = try (0..<12).map { try training.read($0, epoch: 1) }
            _ = try training.read(5, epoch: 9)
            #expect(try training.read(11, epoch: 1) == forward[11])
            try inParallel(12, threads: count, worker: { _ in }) { _, index in
                let values = try training.read(11 - index, epoch: 1)
                #expect(values == forward[11 - index])
            }
        }
    }

    @Test("differ by seed, epoch and image, and without augmentation are those of an evaluation")
    func differences() throws {
        try folder(2) { split in
            let training = try TrainingSplit(split, augmentation: jittered, preprocessing: .unit, seed: 3)
            let other = try TrainingSplit(split, augmentation: jittered, preprocessing: .unit, seed: 4)
            // Both files have the same pixels.
            let drawn = try [
                training.read(0, epoch: 0), training.read(1, epoch: 0), training.read(0, epoch: 1),
                training.read(1, epoch: 1), other.read(0, epoch: 0),
            ]
            #expect(Set(drawn).count == 5)
            let plain = try TrainingSplit(split, augmentation: .none, preprocessing: .unit, seed: 3)
            #expect(plain.shape == split.shape && plain.count == 2 && plain.labels == [0, 0])
            #expect(try plain.read(1, epoch: 7) == split.read(1..<2, preprocessing: .unit))
        }
    }

    @Test("of an array are drawn as those of a file, in either layout, as bytes and as integers")
    func arrays() throws {
        let image = try ImageFile(path: TestFiles.fixture("images/rgb.png")).decoded(for: .torch)
        let (height, width) = (image.height, image.width)
        let planes = (0..<3).flatMap { channel in
            (0..<height * width).map { image.values[$0 * 3 + channel] }
        }
        let arrays = [
            MadeArray("images", "|u1", [1, height, width, 3], image.values),
            MadeArray("images", "|u1", [1, 3, height, width], planes),
            .integers("images", [1, height, width, 3], image.values.map(Int.init)),
        ]
        try MadeFolder.with { folder in
            try folder.images("0.png")
            let file = try TrainingSplit(
                Split(path: folder.path, requiresLabels: false), augmentation: jittered,
                preprocessing: .torch,
                seed: 1)
            let expected = try (0..<10).map { try file.read(0, epoch: $0) }
            #expect(Set(expected).count == 10)
            for array in arrays {
                try MadeSplit.open(array) { split in
                    let training = try TrainingSplit(
                        split, augmentation: jittered, preprocessing: .torch, seed: 1)
                    #expect(training.shape == [12, 10, 3])
                    #expect(try (0..<10).map { try training.read(0, epoch: $0) } == expected)
                }
            }
        }
    }

    @Test(
        "of CIFAR take every position in a margin, black or mirrored, flipped or not, as bytes and as floats",
        arguments: [true, false], [true, false])
    func padded(isByte: Bool, isMirrored: Bool) throws {
        let pixels: [Float] = [10, 20, 30, 40, 50, 60]
        let array =
            isByte
            ? MadeArray("images", "|u1", [1, 2, 3, 1], pixels.map { UInt8($0) })
            : .floats("images", [1, 2, 3, 1], pixels)
        // The image with its margin, written by hand; black is −1 after preprocessing `tf`.
        let black: [[Float]] = [[0, 0, 0, 0, 0], [0, 10, 20, 30, 0], [0, 40, 50, 60, 0], [0, 0, 0, 0, 0]]
        // numpy.pad(image, 1, mode="reflect")
        let mirrored: [[Float]] = [
            [50, 40, 50, 60, 50], [20, 10, 20, 30, 20], [50, 40, 50, 60, 50], [20, 10, 20, 30, 20],
        ]
        let wide = isMirrored ? mirrored : black
        var expected: Set<[Float]> = []
        for top in 0...2 {
            for left in 0...2 {
                let rows = (top..<top + 2).map { Array(wide[$0][left..<left + 3]) }
                expected.insert(rows.flatMap { $0 }.map { $0 / 127.5 - 1 })
                expected.insert(rows.flatMap { $0.reversed() }.map { $0 / 127.5 - 1 })
            }
        }
        #expect(expected.count == (isMirrored ? 8 : 18))
        try MadeSplit.open(array) { split in
            let training = try TrainingSplit(
                split,
                augmentation: Augmentation(crop: .padded(margin: 1, isMirrored: isMirrored), flips: true),
                preprocessing: .tf, seed: 0)
            #expect(training.shape == [2, 3, 1])
            #expect(try Set((0..<400).map { try training.read(0, epoch: $0) }) == expected)
        }
    }

    @Test("are flipped with probability 1/2: 900 to 1,100 of 2,000, within 4.5 standard deviations")
    func flips() throws {
        try MadeSplit.open(.bytes("images", [2000, 1, 2])) { split in
            let training = try TrainingSplit(
                split, augmentation: Augmentation(crop: .center, flips: true), preprocessing: .raw, seed: 0)
            let flipped = try (0..<2000).filter { image in
                let pair = try training.read(image, epoch: 0)
                return pair[0] == Float((2 * image + 1) % 256)
            }
            #expect(900...1100 ~= flipped.count)
        }
    }

    @Test("come in an order that is a permutation, another one in each epoch and for each seed")
    func order() throws {
        try MadeSplit.open(.bytes("images", [100, 1, 1])) { split in
            func order(_ seed: UInt64, _ epoch: Int) throws -> [Int] {
                try TrainingSplit(split, augmentation: .none, preprocessing: .raw, seed: seed).order(
                    epoch: epoch)
            }
            let orders = try [order(0, 0), order(0, 1), order(1, 0), order(1, 1)]
            #expect(Set(orders).count == 4)
            for order in orders { #expect(order.sorted() == Array(0..<100) && order != Array(0..<100)) }
            #expect(try order(0, 1) == orders[1])
        }
    }

    @Test("have the size of the first, upright and before it is resized")
    func originalSize() throws {
        try MadeFolder.with { folder in
            try folder.images("0.jpg", of: "orientation-6.jpg")
            var transform = ImageTransform(size: Extent(2), interpolation: .bilinear)
            transform.decodesReduced = true
            let files = try Split(path: folder.path, requiresLabels: false, transform: transform)
            #expect(try files.originalSize() == Extent(height: 23, width: 17))
        }
        try MadeSplit.open(.bytes("images", [1, 5, 7])) { split in
            let size = try split.originalSize()
            #expect(size == Extent(height: 5, width: 7))
        }
    }

    @Test("of compressed HDF5 files are those of the split")
    func compressed() throws {
        let split = try Split(path: TestFiles.fixture("mnist-test.h5"))
        let training = try TrainingSplit(split, augmentation: .none, preprocessing: .unit, seed: 0)
        for image in [0, 499, 999] {
            #expect(
                try training.read(image, epoch: 0) == split.read(image..<image + 1, preprocessing: .unit))
        }
    }

    @Test("may be volumes where nothing is cut from them")
    func volumes() throws {
        try MadeSplit.withFile([.bytes("images", [2, 2, 3, 4, 1])]) { path in
            let split = try Split(path: path, form: .volumes(channels: 1), requiresLabels: false)
            let training = try TrainingSplit(
                split, augmentation: Augmentation(crop: .center, flips: true), preprocessing: .raw, seed: 0)
            #expect(training.shape == [2, 3, 4, 1])
            let plain = (24..<48).map { Float($0) }
            let flipped = stride(from: 24, to: 48, by: 4).flatMap { row in
                (0..<4).map { Float(row + 3 - $0) }
            }
            #expect(try Set((0..<20).map { try training.read(1, epoch: $0) }) == [plain, flipped])
        }
    }
}
