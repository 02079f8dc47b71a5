import Archives
import Foundation
import HDF5
import TestSupport
import Testing

@testable import Datasets

@Suite struct SplitErrorTests {
    private func expectFailure(
        _ arrays: MadeArray..., layout: ImageLayout? = nil, _ expected: (String) -> DatasetError,
        at location: SourceLocation = #_sourceLocation
    ) throws {
        try MadeSplit.withFile(arrays) { path in
            #expect(throws: expected(path), sourceLocation: location) {
                try Split(path: path, layout: layout)
            }
        }
    }

    @Test("What neither zip nor HDF5 is fails as HDF5 does")
    func otherFormats() throws {
        #expect(throws: DatasetError.hdf5(.fileMissing(path: "/no/such.h5"))) {
            try Split(path: "/no/such.h5")
        }
        try TestFiles.withTemporaryFolder { folder in
            let path = folder + "/split.h5"
            try Data("plain text".utf8).write(to: URL(fileURLWithPath: path))
            #expect(throws: DatasetError.hdf5(.notHDF5(path: path, looksLike: .unknown))) {
                try Split(path: path)
            }
        }
    }

    @Test("A damaged npz fails as the archive does")
    func damagedArchive() throws {
        try expectFailure(.bytes("images", [3, 4, 4, 3]), MadeArray("labels", "<c8", [3], [])) {
            .archive(.unsupportedElementType(file: $0, member: "labels.npy", found: "'<c8'"))
        }
    }

    @Test("A file without images says what it has")
    func noImages() throws {
        try expectFailure(.bytes("pictures", [3, 4, 4, 3]), .integers("labels", [3], [0, 0, 0])) {
            .noImages(
                file: $0, found: ["'pictures' uint8 [3, 4, 4, 3]", "'labels' int64 [3]"],
                expected: ArrayName.knownImages)
        }
    }

    @Test("Images under two names are refused")
    func severalImages() throws {
        try expectFailure(.bytes("X", [3, 4, 4, 3]), .bytes("images", [3, 4, 4, 3])) {
            .severalArrays(file: $0, role: "images", found: ["X", "images"])
        }
    }

    @Test("Labels of another part do not count")
    func noLabels() throws {
        try expectFailure(.bytes("images", [3, 4, 4, 3]), .integers("y_test", [3], [0, 0, 0])) {
            .noLabels(
                file: $0, found: ["'images' uint8 [3, 4, 4, 3]", "'y_test' int64 [3]"],
                expected: ArrayName.knownLabels)
        }
    }

    @Test(
        "Shapes that are not of images are refused",
        arguments: [[], [4], [4, 4], [0, 4, 4, 3], [1, 1, 1, 1, 3]])
    func wrongImageShape(shape: [Int]) throws {
        try expectFailure(.bytes("images", shape)) {
            .wrongImageShape(file: $0, object: "images", found: shape)
        }
    }

    @Test(
        "Channels that could stand at both ends or at none need a layout",
        arguments: [[2, 3, 4, 1], [2, 4, 4, 4]])
    func layoutUnclear(shape: [Int]) throws {
        try expectFailure(.bytes("images", shape)) {
            .layoutUnclear(file: $0, object: "images", found: shape)
        }
    }

    @Test("Labels that are neither numbers nor one-hot rows are refused")
    func wrongLabels() throws {
        let images = MadeArray.bytes("images", [2, 4, 4, 3])
        try expectFailure(images, .integers("labels", [2, 2, 2], [Int](repeating: 0, count: 8))) {
            .wrongLabels(file: $0, object: "labels", found: "int64 of shape [2, 2, 2]")
        }
        try expectFailure(images, .integers("labels", [1, 2, 2], [0, 1, 1, 0])) {
            .wrongLabels(file: $0, object: "labels", found: "int64 of shape [1, 2, 2]")
        }
        try expectFailure(images, .integers("labels", [2, 0], [])) {
            .wrongLabels(file: $0, object: "labels", found: "int64 of shape [2, 0]")
        }
        try expectFailure(images, MadeArray("labels", "<u8", [2], [UInt8](repeating: 0xFF, count: 16))) {
            .wrongLabels(file: $0, object: "labels", found: "uint64 beyond 63 bits")
        }
    }

    @Test("As many labels as images", arguments: [1, 3])
    func lengthsDiffer(count: Int) throws {
        let labels = MadeArray.integers("labels", [count], [Int](repeating: 0, count: count))
        try expectFailure(.bytes("images", [2, 4, 4, 3]), labels) {
            .lengthsDiffer(file: $0, object: "labels", found: count, expected: 2)
        }
    }

    @Test("A negative label is named")
    func negativeLabel() throws {
        try expectFailure(.bytes("images", [2, 4, 4, 3]), .integers("labels", [2], [0, -1])) {
            .labelOutOfRange(file: $0, object: "labels", image: 1, found: -1, classes: nil)
        }
    }

    @Test("A label without a class name is named")
    func unnamedLabel() throws {
        let labels = NpzArray(
            file: "a.npz", name: "labels",
            array: try NumpyArray(
                MadeArray.integers("labels", [2], [0, 2]).npy, file: "a.npz", member: "labels.npy"))
        let expected = DatasetError.labelOutOfRange(
            file: "a.npz", object: "labels", image: 1, found: 2, classes: 2)
        #expect(throws: expected) {
            try readLabels(labels, file: "a.npz", images: 2, classNames: ["a", "b"])
        }
    }

    @Test(
        "Rows of other values than zeros and ones are not one-hot",
        arguments: [[0.5, 0.5], [1, .nan], [2, 0]])
    func notOneHot(row: [Float]) throws {
        try expectFailure(.bytes("images", [2, 4, 4, 3]), .floats("labels", [2, 2], [0, 1] + row)) {
            .notOneHot(file: $0, object: "labels", image: 1)
        }
    }

    @Test("A preprocessing for three colours is refused for grey images")
    func wrongChannels() throws {
        try MadeSplit.open(.bytes("images", [2, 4, 4])) { split in
            for preprocessing in [Preprocessing.torch, .caffe] {
                let expected = DatasetError.wrongChannels(
                    file: split.file, object: "images", found: 1, preprocessing: preprocessing.description,
                    expected: 3)
                #expect(throws: expected) { try split.check(preprocessing) }
                #expect(throws: expected) { try split.read(0..<1, preprocessing: preprocessing) }
            }
        }
    }

    @Test(
        "Float images of 0…1, or already normalized ones, are only taken as they are",
        arguments: [[0, 1], [-1, 2], [0, 256]])
    func wrongScale(extremes: [Float]) throws {
        let values = extremes + [0.5, 0.25]
        try MadeSplit.open(.floats("images", [1, 2, 2], values)) { split in
            let expected = DatasetError.wrongScale(
                file: split.file, object: "images", low: extremes[0], high: extremes[1],
                preprocessing: "unit",
                expected: "0…255 (or 0…1 with --scale unit)")
            #expect(throws: expected) { try split.check(.unit) }
            let images = try split.read(0..<1, preprocessing: .raw)
            #expect(images == values)
        }
    }

    @Test("A dark image at the start does not make its split one of 0…1")
    func darkFirstImage() throws {
        // 2 MiB an image, which are a block each.
        let area = 512 * 1024
        let values = [Float](repeating: 0, count: area) + [Float](repeating: 200, count: area)
        try MadeSplit.open(.floats("images", [2, 512, 1024], values)) { split in
            #expect(throws: Never.self) { try split.check(.tf) }
        }
        try MadeSplit.open(.floats("images", [2, 512, 1024], values), scale: .unit) { split in
            let expected = DatasetError.wrongScale(
                file: split.file, object: "images", low: 0, high: 200, preprocessing: "tf", expected: "0…1")
            #expect(throws: expected) { try split.check(.tf) }
        }
    }

    @Test("Images that are said to be of 0…1 have to be")
    func wrongUnitScale() throws {
        try MadeSplit.open(.floats("images", [1, 1, 2], [0, 1]), scale: .unit) { split in
            let images = try split.read(0..<1, preprocessing: .tf)
            #expect(images == [-1, 1])
        }
        // Interpolation goes a little beyond both ends.
        try MadeSplit.open(.floats("images", [1, 1, 2], [-0.25, 1.25]), scale: .unit) { split in
            let images = try split.read(0..<1, preprocessing: .tf)
            #expect(images == [-1.5, 1.5])
        }
        try MadeSplit.open(.floats("images", [1, 1, 2], [0, 2]), scale: .unit) { split in
            let expected = DatasetError.wrongScale(
                file: split.file, object: "images", low: 0, high: 2, preprocessing: "tf", expected: "0…1")
            #expect(throws: expected) { try split.check(.tf) }
        }
    }

    @Test(
        "A pixel that is not finite is named, whatever the preprocessing", arguments: [Float.nan, .infinity])
    func nonFinitePixel(value: Float) throws {
        try MadeSplit.open(.floats("images", [2, 1, 2], [0, 1, 2, value])) { split in
            let expected = DatasetError.nonFinitePixel(file: split.file, object: "images", image: 1)
            #expect(throws: expected) { try split.read(0..<2, preprocessing: .raw) }
        }
    }

    @Test("A pixel that the preprocessing makes infinite is named")
    func overflowingPixel() throws {
        // 20 MiB an image: only the values of the first are compared with what a preprocessing expects.
        let size = 5 << 20
        var elements = [UInt8](repeating: 0, count: 2 * size * 4)
        elements.replaceSubrange(0..<4, with: MadeArray.little(Int(Float(255).bitPattern), 4))
        elements.replaceSubrange(
            (size + 1) * 4..<(size + 2) * 4, with: MadeArray.little(Int(Float(3e38).bitPattern), 4))
        try MadeSplit.open(MadeArray("images", "<f4", [2, size, 1], elements)) { split in
            let expected = DatasetError.overflowingPixel(
                file: split.file, object: "images", image: 1, preprocessing: "0,0.001")
            let preprocessing = try Preprocessing(parsing: "0,0.001")
            #expect(throws: expected) { try split.read(0..<2, preprocessing: preprocessing) }
        }
    }

    @Test("Images outside the split are refused", arguments: [-1..<1, 1..<3, 3..<3])
    func rangeOutOfBounds(range: Range<Int>) throws {
        try MadeSplit.open(.bytes("images", [2, 4, 4])) { split in
            #expect(throws: DatasetError.rangeOutOfBounds(file: split.file, found: range, count: 2)) {
                try split.read(range, preprocessing: .raw)
            }
        }
    }
}
