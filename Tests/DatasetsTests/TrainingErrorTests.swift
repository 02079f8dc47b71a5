import Foundation
import TestSupport
import Tensors
import Testing

@testable import Datasets

@Suite("A training's images are refused") struct TrainingErrorTests {
    private let colour = Augmentation(crop: .center, flips: false, jitter: ColorJitter(hue: 0.1))

    /// Expects that the array is refused with what was found and expected.
    private func expectRefusal(
        _ array: MadeArray, _ augmentation: Augmentation, _ found: String, _ expected: String,
        at location: SourceLocation = #_sourceLocation
    ) throws {
        try MadeSplit.open(array) { split in
            let error = DatasetError.augmentationDoesNotFit(
                file: split.file, augmentation: augmentation.description, found: found, expected: expected)
            #expect(throws: error, sourceLocation: location) {
                try TrainingSplit(split, augmentation: augmentation, preprocessing: .raw, seed: 0)
            }
        }
    }

    @Test("where floats would be resized or coloured")
    func floats() throws {
        let array = MadeArray.floats("x", [1, 4, 4, 3], (0..<48).map { Float($0) })
        func expected(_ what: String) -> String {
            "pixels of 0…255 as uint8 for \(what); a margin and flips take others too"
        }
        try expectRefusal(array, colour, "float32 in 'x'", expected("color jitter"))
        try expectRefusal(
            array, .imageNet(Extent(2)), "float32 in 'x'", expected("random crops of resized images"))
        try expectRefusal(
            array, .bit(for: Extent(4)), "float32 in 'x'", expected("random crops of resized images"))
    }

    @Test("where an array has other channels than grey or colour")
    func channels() throws {
        try MadeSplit.withFile([.bytes("x", [1, 4, 4, 5])]) { path in
            let split = try Split(path: path, layout: .nhwc, requiresLabels: false)
            let error = DatasetError.augmentationDoesNotFit(
                file: path, augmentation: colour.description, found: "4×4×5 in 'x'",
                expected: "images of 1 or 3 channels for color jitter")
            #expect(throws: error) {
                try TrainingSplit(split, augmentation: colour, preprocessing: .raw, seed: 0)
            }
        }
    }

    @Test("where volumes would be cropped")
    func volumes() throws {
        try MadeSplit.withFile([.bytes("x", [2, 8, 8, 8, 1])]) { path in
            let split = try Split(path: path, form: .volumes(channels: 1), requiresLabels: false)
            let error = DatasetError.augmentationDoesNotFit(
                file: path, augmentation: Augmentation.cifar.description, found: "volumes",
                expected: "images without a random crop")
            #expect(throws: error) {
                try TrainingSplit(split, augmentation: .cifar, preprocessing: .raw, seed: 0)
            }
        }
    }

    @Test("where a crop is larger than the resized image")
    func crops() throws {
        let array = MadeArray.bytes("x", [1, 4, 8, 3])
        let size = Extent(height: 10, width: 21)
        try expectRefusal(
            array, Augmentation(crop: .random(resize: .shorterSide(10), size: size), flips: false),
            "images resized to 10×20", "at least the crop's 10×21 and at most 89478485 pixels")
        try expectRefusal(
            array, Augmentation(crop: .random(resize: .exact(Extent(20)), size: size), flips: false),
            "a crop of 10×21", "at most 20×20, the resized image")
        try MadeFolder.with { folder in
            try folder.images("0.png")
            let split = try Split(path: folder.path, requiresLabels: false)
            let training = try TrainingSplit(
                split,
                augmentation: Augmentation(crop: .random(resize: .shorterSide(10), size: size), flips: false),
                preprocessing: .raw, seed: 0)
            let error = ImageError.smallerThanCrop(
                file: folder.path + "/0.png", resized: "10×13", crop: "10×21")
            #expect(throws: DatasetError.image(error)) { try training.read(0, epoch: 0) }
        }
    }

    @Test("where a parameter makes no sense")
    func parameters() throws {
        let array = MadeArray.bytes("x", [1, 4, 4, 3])
        func refuse(_ crop: Augmentation.Crop, _ found: String, _ expected: String) throws {
            try expectRefusal(array, Augmentation(crop: crop, flips: false), found, expected)
        }
        try refuse(.padded(margin: 4), "images of 4×4", "a margin smaller than their sides")
        try refuse(.padded(margin: -1), "a margin of -1", "0 or more")
        try refuse(.random(resize: .shorterSide(4), size: Extent(0)), "a size of 0×0", "sides of 1…16384")
        let (size, all) = (Extent(2), 1.0...1)
        try refuse(.resized(size: Extent(0), scale: all, ratio: all), "a size of 0×0", "sides of 1…16384")
        try refuse(
            .resized(size: size, scale: 0...1, ratio: all), "scale 0.0...1.0", "more than 0, at most 1")
        try refuse(
            .resized(size: size, scale: 1...2, ratio: all), "scale 1.0...2.0", "more than 0, at most 1")
        try refuse(.resized(size: size, scale: all, ratio: 0...1), "ratio 0.0...1.0", "more than 0, finite")
        var jitter = Augmentation.none
        jitter.jitter = ColorJitter(hue: 0.6)
        try expectRefusal(array, jitter, "color jitter 0.0:0.0:0.0:0.6", "hue 0…0.5")
        jitter.jitter = ColorJitter(contrast: -1)
        try expectRefusal(array, jitter, "color jitter 0.0:-1.0:0.0:0.0", "strengths of 0 or more, finite")
        jitter.jitter = ColorJitter(brightness: 1e39)
        try expectRefusal(array, jitter, "color jitter 1e+39:0.0:0.0:0.0", "strengths of 0 or more, finite")
    }

    @Test("where the preprocessing is for other channels, or there is no such image")
    func others() throws {
        try MadeSplit.open(.bytes("x", [2, 4, 4, 1])) { split in
            #expect(
                throws: DatasetError.wrongChannels(
                    file: split.file, object: "x", found: 1, preprocessing: "torch", expected: 3)
            ) { try TrainingSplit(split, augmentation: .none, preprocessing: .torch, seed: 0) }
            let training = try TrainingSplit(split, augmentation: .none, preprocessing: .raw, seed: 0)
            #expect(throws: DatasetError.rangeOutOfBounds(file: split.file, found: 2..<3, count: 2)) {
                try training.read(2, epoch: 0)
            }
        }
    }

    @Test("where a float is not finite")
    func notFinite() throws {
        try MadeSplit.open(.floats("x", [2, 1, 1], [0, .nan])) { split in
            let training = try TrainingSplit(split, augmentation: .none, preprocessing: .raw, seed: 0)
            #expect(try training.read(0, epoch: 0) == [0])
            #expect(throws: DatasetError.nonFinitePixel(file: split.file, object: "x", image: 1)) {
                try training.read(1, epoch: 0)
            }
        }
    }

    @Test("with the file's name where an image is broken")
    func broken() throws {
        try MadeFolder.with { folder in
            try folder.images("0.png")
            try folder.write("1.png", "text")
            let split = try Split(path: folder.path, requiresLabels: false)
            let training = try TrainingSplit(
                split, augmentation: .imageNet(Extent(8)), preprocessing: .torch, seed: 0)
            let error = ImageError.wrongFormat(
                file: folder.path + "/1.png", found: "not a known image format")
            #expect(throws: DatasetError.image(error)) { try training.read(1, epoch: 0) }
        }
    }

    @Test("in one line with the file, what was found and what was expected")
    func message() {
        let error = DatasetError.augmentationDoesNotFit(
            file: "x.npz", augmentation: "flips, color jitter 0.4:0.0:0.0:0.0", found: "float32 in 'x'",
            expected: "uint8")
        #expect(
            error.description
                == "x.npz: augmentation 'flips, color jitter 0.4:0.0:0.0:0.0': found float32 in 'x', expected uint8"
        )
    }
}
