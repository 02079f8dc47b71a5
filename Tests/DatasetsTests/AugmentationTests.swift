import Archives
import TestSupport
import Tensors
import Testing

@testable import Datasets

/// What torchvision draws, from `images/augmented.npz`.
enum Drawn {
    private static let path = TestFiles.fixture("images/augmented.npz")

    /// What stands under `kind`: names, with their parts.
    static func names(_ kind: String) throws -> [[String]] {
        try ZipArchive(path: path).arrayNames.map { $0.split(separator: "/").map(String.init) }
            .filter { $0[0] == kind }
    }

    static func array(_ name: [String]) throws -> NumpyArray {
        try ZipArchive(path: path).array(named: name.joined(separator: "/"))
    }

    static func image(_ name: [String]) throws -> PixelImage {
        let array = try array(name)
        let channels = array.shape.count == 3 ? array.shape[2] : 1
        return PixelImage(
            height: array.shape[0], width: array.shape[1], channels: channels, values: Array(array.storage))
    }

    /// The pipelines of `make_augmentation_fixtures.py`.
    static let augmentations: [String: Augmentation] = [
        "resized": .imageNet(Extent(height: 24, width: 20)),
        "random": Augmentation(
            crop: .random(
                resize: .exact(Extent(height: 40, width: 36)), size: Extent(height: 24, width: 20)),
            flips: true),
        "shorter": Augmentation(
            crop: .random(resize: .shorterSide(30), size: Extent(height: 24, width: 20)), flips: false),
        "padded": .cifar,
        "jittered": Augmentation(
            crop: .resized(size: Extent(height: 12, width: 10), scale: 0.3...0.9, ratio: 0.9...1.7),
            flips: true,
            jitter: ColorJitter(brightness: 0.4, contrast: 0.6, saturation: 1.5, hue: 0.3)),
        "bright": Augmentation(
            crop: .center, flips: false, jitter: ColorJitter(brightness: 0.8, hue: 0.5)),
    ]
}

@Suite("Augmentation") struct AugmentationTests {
    @Test(
        "draws what torchvision's pipelines draw from the same numbers", arguments: try Drawn.names("drawn"))
    func pipelines(name: [String]) throws {
        let augmentation = try #require(Drawn.augmentations[name[2]])
        let number = try #require(Int(name[3]))
        let expected = try Drawn.image(name)
        try MadeFolder.with { folder in
            try folder.write("list.txt", String(repeating: "\(name[1]) 0\n", count: 4))
            var sources = SplitSources()
            sources.imageRoot = TestFiles.fixture("images")
            let split = try Split(
                path: folder.path + "/list.txt", sources: sources,
                transform: ImageTransform(size: expected.extent, interpolation: .bilinear))
            let training = try TrainingSplit(split, augmentation: augmentation, preprocessing: .raw, seed: 5)
            #expect(training.shape == [expected.height, expected.width, 3])
            #expect(try training.read(number, epoch: 2) == expected.values.map(Float.init))
        }
    }

    @Test("changes colours as torchvision does on PIL images", arguments: try Drawn.names("adjusted"))
    func adjustments(name: [String]) throws {
        var transform = ImageTransform.torch
        transform.channels = name[1] == "grey" ? 1 : 3
        let image = try ImageFile(path: TestFiles.fixture("images/rgb.png")).decoded(for: transform)
        let factor = try #require(Double(name[3]))
        let changes: [String: ColorAdjustment] = [
            "brightness": .brightness(factor), "contrast": .contrast(factor),
            "saturation": .saturation(factor), "hue": .hue(factor),
        ]
        let change = try #require(changes[name[2]])
        expectEqual(image.adjusted(by: change), try Drawn.image(name))
    }

    @Test("converts to HSV and back as PIL does")
    func hsv() throws {
        let levels = (0..<16).map { UInt8($0 * 17) }
        let every = levels.flatMap { first in
            levels.flatMap { second in levels.map { (first, second, $0) } }
        }
        let to = every.map { HSV(red: $0.0, green: $0.1, blue: $0.2) }
            .flatMap { [$0.hue, $0.saturation, $0.value] }
        #expect(try to == Drawn.image(["hsv", "to"]).values)
        let from = every.map { HSV(hue: $0.0, saturation: $0.1, value: $0.2).rgb }
            .flatMap { [$0.0, $0.1, $0.2] }
        #expect(try from == Drawn.image(["hsv", "from"]).values)
    }

    @Test(
        "crops where torchvision's RandomResizedCrop does, after ten vain tries too",
        arguments: try Drawn.names("crops"))
    func crops(name: [String]) throws {
        let pairs = name.dropFirst().map { $0.split(separator: " ").compactMap { Double($0) } }
        let augmentation = Augmentation(
            crop: .resized(
                size: Extent(8), scale: pairs[1][0]...pairs[1][1], ratio: pairs[2][0]...pairs[2][1]),
            flips: false)
        let size = Extent(height: Int(pairs[0][0]), width: Int(pairs[0][1]))
        let transform = augmentation.transform(from: .torch)
        let windows = try (0..<50).flatMap { epoch in
            var random = SplitMix64(seed: 7, epoch: epoch, image: 0)
            let cut = try augmentation.view(of: size, transform, file: "image", using: &random).cut
            return [cut.rows.lowerBound, cut.columns.lowerBound, cut.rows.count, cut.columns.count]
        }
        #expect(windows == (try Drawn.array(name).integers()))
    }

    @Test("says what it does")
    func descriptions() {
        let texts: [(Augmentation, String)] = [
            (.none, "none"),
            (.cifar, "random crop with a margin of 4, flips"),
            (.imageNet(Extent(224)), "random resized crop 224×224, scale 0.08…1, ratio 0.75…1.3333, flips"),
            (.bit(for: Extent(32)), "resized to 160×160, random crop 128×128, flips"),
            (.bit(for: Extent(height: 95, width: 97)), "resized to 160×160, random crop 128×128, flips"),
            (.bit(for: Extent(96)), "resized to 512×512, random crop 480×480, flips"),
            (
                Augmentation(
                    crop: .random(resize: .shorterSide(256), size: Extent(224)), flips: false,
                    jitter: ColorJitter(brightness: 0.4, hue: 0.1)),
                "shorter side 256, random crop 224×224, color jitter 0.4:0.0:0.0:0.1"
            ),
        ]
        for (augmentation, text) in texts { #expect(augmentation.description == text) }
    }

    @Test("of colours is read from one strength, or from torchvision's four")
    func parsing() {
        let one = ColorJitter(brightness: 0.4, contrast: 0.4, saturation: 0.4)
        #expect(ColorJitter(parsing: "0.4") == one)
        let four = ColorJitter(brightness: 0.4, contrast: 0.3, saturation: 2, hue: 0.1)
        #expect(ColorJitter(parsing: "0.4:0.3:2:0.1") == four)
        for text in ["", "x", "0.4:0.4", "1:2:3:4:5", "1:2:3:"] { #expect(ColorJitter(parsing: text) == nil) }
    }

    @Test("decodes a JPEG at reduced scale no smaller than the smallest crop needs")
    func reducedScale() throws {
        var evaluation = ImageTransform.torch
        evaluation.decodesReduced = true
        evaluation.followsOrientation = false
        let augmentation = Augmentation(
            crop: .resized(size: Extent(20), scale: 0.25...1, ratio: 1...1), flips: false)
        let transform = augmentation.transform(from: evaluation)
        // Half of each side is left of the smallest crop.
        #expect(transform.resizedExtent(of: Extent(height: 93, width: 121)).height == 40)
        #expect(!transform.followsOrientation)
        let image = try ImageFile(path: TestFiles.fixture("images/photo.jpg")).decoded(for: transform)
        #expect(image.extent == Extent(height: 47, width: 61))
    }
}
