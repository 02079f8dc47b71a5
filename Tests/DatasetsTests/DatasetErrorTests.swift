import Archives
import Datasets
import Foundation
import HDF5
import TestSupport
import Testing

@Suite("Files that are no split are refused")
struct DatasetErrorTests {
    private static let pixel: [UInt8] = [0, 0, 0]

    /// Two black pixels of three colours.
    private var images: NpzFile {
        NpzFile().adding("images", "|u1", [2, 1, 1, 3], Self.pixel + Self.pixel)
    }

    private func expect(
        _ file: NpzFile, requiresLabels: Bool = true, sourceLocation: SourceLocation = #_sourceLocation,
        _ error: (String) -> DatasetError
    ) throws {
        try file.withPath { path in
            #expect(throws: error(path), sourceLocation: sourceLocation) {
                try Split(path: path, requiresLabels: requiresLabels)
            }
        }
    }

    @Test("A file that is not there, or of another format")
    func otherFiles() throws {
        #expect(throws: DatasetError.hdf5(.fileMissing(path: "/nowhere/x.h5"))) {
            try Split(path: "/nowhere/x.h5")
        }
        #expect(throws: DatasetError.self) { try Split(path: TestFiles.fixture("README.md")) }
    }

    @Test("A damaged archive")
    func damaged() throws {
        var bytes = images.archive
        bytes.removeLast(10)
        try TestFiles.withTemporaryFolder { folder in
            let path = folder + "/split.npz"
            try bytes.write(to: URL(fileURLWithPath: path))
            let error = #expect(throws: DatasetError.self) { try Split(path: path) }
            guard case .archive = error else {
                Issue.record("\(String(describing: error))")
                return
            }
        }
    }

    @Test("No images, or images under two names")
    func names() throws {
        try expect(NpzFile().adding("pictures", "|u1", [1], [0] as [UInt8])) {
            .noImages(file: $0, found: ["pictures"], expected: ["images", "x_test", "X", "data"])
        }
        try expect(images.adding("X", "|u1", [1, 1, 1, 3], Self.pixel)) {
            .severalImages(file: $0, found: ["images", "X"])
        }
    }

    @Test("No labels where they are needed")
    func noLabels() throws {
        try expect(images) { .noLabels(file: $0, expected: "labels") }
    }

    @Test("Images of integers other than bytes")
    func imageType() throws {
        try expect(NpzFile().adding("images", "<i2", [1, 1, 1, 1], [0] as [Int16])) {
            .wrongImageType(file: $0, object: "images", found: "int16")
        }
    }

    @Test("Images of too few or too many dimensions, or none at all")
    func imageShape() throws {
        for (shape, values) in [([2, 3], 6), ([1, 1, 1, 1, 3], 3), ([0, 1, 1, 3], 0)] {
            let pixels = [UInt8](repeating: 0, count: values)
            try expect(NpzFile().adding("images", "|u1", shape, pixels)) {
                .wrongImageShape(file: $0, object: "images", found: shape)
            }
        }
    }

    @Test("Channels at neither end, or at both", arguments: [[1, 2, 2, 2], [1, 3, 2, 3]])
    func layout(shape: [Int]) throws {
        let pixels = [UInt8](repeating: 0, count: shape.reduce(1, *))
        try expect(NpzFile().adding("images", "|u1", shape, pixels)) {
            .layoutUnclear(file: $0, object: "images", found: shape)
        }
    }

    @Test("Labels that are floats or of three dimensions")
    func labelForm() throws {
        try expect(images.adding("labels", "<f4", [2], [0, 1] as [Float])) {
            .wrongLabels(file: $0, object: "labels", found: "float32 of shape [2]")
        }
        try expect(images.adding("labels", "<i8", [2, 1, 1], [0, 1] as [Int64])) {
            .wrongLabels(file: $0, object: "labels", found: "int64 of shape [2, 1, 1]")
        }
    }

    @Test("More labels than images")
    func labelCount() throws {
        try expect(images.adding("labels", "<i8", [3], [0, 1, 2] as [Int64])) {
            .lengthsDiffer(file: $0, object: "labels", found: 3, expected: 2)
        }
    }

    @Test("A negative label, also where labels are not needed")
    func negativeLabel() throws {
        try expect(images.adding("labels", "<i4", [2], [3, -1] as [Int32]), requiresLabels: false) {
            .labelOutOfRange(file: $0, object: "labels", image: 1, found: -1, classes: nil)
        }
    }

    @Test("A label beyond the class names")
    func labelBeyondNames() throws {
        let source = try HDF5File(reading: TestFiles.fixture("mnist-test.h5"))
        let labels = try #require(Split(path: source.path).labels)
        let first = try #require(labels.firstIndex { $0 > 2 })
        try TestFiles.withTemporaryFolder { folder in
            let path = folder + "/three.h5"
            let output = try HDF5Output(creating: path, like: source)
            for name in ["images", "labels"] { try output.copy(source.root.dataset(name), to: name) }
            try output.write(
                ["a", "b", "c"], toAttribute: "class_names", of: "/",
                form: .fixedASCII)
            try output.close()
            let error = DatasetError.labelOutOfRange(
                file: path, object: "labels", image: first, found: labels[first], classes: 3)
            #expect(throws: error) { try Split(path: path) }
        }
    }

    @Test(
        "Rows that are not one-hot",
        arguments: [[1, 1, 0], [0, 0, 0], [0, 0.5, 0.5], [0, 2, 0]] as [[Float]])
    func oneHot(row: [Float]) throws {
        try expect(images.adding("labels", "<f4", [2, 3], [0, 1, 0] + row)) {
            .notOneHot(file: $0, object: "labels", image: 1)
        }
    }

    @Test("A preprocessing for another number of channels")
    func channels() throws {
        let grey = NpzFile().adding("images", "|u1", [1, 1, 1], [0] as [UInt8])
        try grey.withPath { path in
            let split = try Split(path: path, requiresLabels: false)
            let error = DatasetError.wrongChannels(
                file: path, object: "images", found: 1, preprocessing: "torch", expected: 3)
            #expect(throws: error) { try split.read(0..<1, preprocessing: .torch) }
        }
    }

    @Test("Floats on another scale than the preprocessing's, unless they are taken as they are")
    func scale() throws {
        for (values, scale, expected) in [
            ([0, 0.5, 1], PixelScale.bytes, "0…255 (or say that they are 0…1)"),
            ([-1, 0, 100], .bytes, "0…255 (or say that they are 0…1)"), ([0, 1, 2], .unit, "0…1"),
        ] as [([Float], PixelScale, String)] {
            try NpzFile().adding("images", "<f4", [1, 1, 1, 3], values).withPath { path in
                let split = try Split(path: path, scale: scale, requiresLabels: false)
                let error = DatasetError.wrongScale(
                    file: path, object: "images", low: values[0], high: values[2], preprocessing: "unit",
                    expected: expected)
                #expect(throws: error) { try split.check(.unit) }
                #expect(try split.read(0..<1, preprocessing: .raw) == values)
            }
        }
    }

    @Test("Images that the split does not have")
    func range() throws {
        try images.withPath { path in
            let split = try Split(path: path, requiresLabels: false)
            let error = DatasetError.rangeOutOfBounds(file: path, found: 1..<3, count: 2)
            #expect(throws: error) { try split.read(1..<3, preprocessing: .raw) }
        }
    }
}
