import Datasets
import HDF5
import TestSupport
import Testing

@Suite("Splits")
struct SplitTests {
    @Test("An HDF5 file and an npz file of the same images are the same split")
    func fixtures() throws {
        let hdf5 = try Split(path: TestFiles.fixture("mnist-test.h5"))
        let npz = try Split(path: TestFiles.fixture("mnist-test-100.npz"))
        #expect(hdf5.count == 1000 && npz.count == 100)
        #expect([hdf5.height, hdf5.width, hdf5.channels] == [28, 28, 1])
        #expect(hdf5.classNames?.count == 10)
        #expect(npz.classNames == nil)
        let labels = try #require(hdf5.labels)
        #expect(npz.labels == Array(labels.prefix(100)))
        #expect((0..<10).allSatisfy { digit in labels.count { $0 == digit } == 100 })
        let images = try hdf5.read(0..<100, preprocessing: .raw)
        #expect(try npz.read(0..<100, preprocessing: .raw) == images)
        #expect(try hdf5.read(37..<41, preprocessing: .raw) == Array(images[37 * 784..<41 * 784]))
        #expect(try hdf5.read(5..<5, preprocessing: .raw).isEmpty)
    }

    @Test(
        "Images and labels go by four pairs of names",
        arguments: [
            ("images", "labels"), ("x_test", "y_test"), ("X", "y"), ("data", "targets"),
        ])
    func names(images: String, labels: String) throws {
        let file = NpzFile().adding(images, "|u1", [2, 1, 1, 3], [1, 2, 3, 4, 5, 6] as [UInt8])
            .adding(labels, "<i8", [2], [7, 8] as [Int64])
            .adding("x_train", "|u1", [1], [0] as [UInt8])
        try file.withPath { path in
            let split = try Split(path: path)
            #expect(split.labels == [7, 8])
            let images = try split.read(0..<2, preprocessing: .raw)
            #expect(images == [1, 2, 3, 4, 5, 6])
        }
    }

    @Test("Channels first become channels last")
    func channelsFirst() throws {
        let file = NpzFile().adding("images", "|u1", [1, 3, 1, 2], [1, 2, 10, 20, 100, 200] as [UInt8])
        try file.withPath { path in
            let split = try Split(path: path, requiresLabels: false)
            #expect([split.height, split.width, split.channels] == [1, 2, 3])
            let images = try split.read(0..<1, preprocessing: .raw)
            #expect(images == [1, 10, 100, 2, 20, 200])
            let blue: [Float] = try split.read(0..<1, preprocessing: .caffe)
            let expected: [Float] = [-3.939, -106.779, -122.68, 96.061, -96.779, -121.68]
            #expect(zip(blue, expected).allSatisfy { abs($0 - $1) < 1e-4 })
        }
    }

    @Test("A layout that is given is taken where both ends could be channels")
    func layout() throws {
        let file = NpzFile().adding("images", "|u1", [1, 3, 1, 3], Array(0..<9) as [UInt8])
        try file.withPath { path in
            let first = try Split(path: path, layout: .nchw, requiresLabels: false)
            #expect([first.height, first.width, first.channels] == [1, 3, 3])
            #expect(try first.read(0..<1, preprocessing: .raw) == [0, 3, 6, 1, 4, 7, 2, 5, 8])
            let last = try Split(path: path, layout: .nhwc, requiresLabels: false)
            #expect([last.height, last.width, last.channels] == [3, 1, 3])
            #expect(try last.read(0..<1, preprocessing: .raw) == [0, 1, 2, 3, 4, 5, 6, 7, 8])
        }
    }

    @Test("Images without a channel dimension are grey")
    func grey() throws {
        let file = NpzFile().adding("images", "|u1", [2, 1, 2], [1, 2, 3, 4] as [UInt8])
        try file.withPath { path in
            let split = try Split(path: path, requiresLabels: false)
            #expect([split.count, split.height, split.width, split.channels] == [2, 1, 2, 1])
            #expect(split.labels == nil)
            let images = try split.read(1..<2, preprocessing: .raw)
            #expect(images == [3, 4])
        }
    }

    @Test("Labels as a column and as one-hot rows are class numbers")
    func labelForms() throws {
        let images = NpzFile().adding("images", "|u1", [2, 1, 1, 1], [0, 0] as [UInt8])
        let files: [NpzFile] = [
            images.adding("labels", "|u1", [2, 1], [2, 0] as [UInt8]),
            images.adding("labels", "<f4", [2, 3], [0, 0, 1, 1, 0, 0] as [Float]),
            images.adding("labels", "<f8", [2, 3], [0, 0, 1, 1, 0, 0] as [Double]),
            images.adding("labels", "|u1", [2, 3], [0, 0, 1, 1, 0, 0] as [UInt8]),
        ]
        for file in files {
            let labels = try file.withPath { path in try Split(path: path).labels }
            #expect(labels == [2, 0])
        }
    }

    @Test("Floats of 0…255 and of 0…1 give what the bytes give")
    func floats() throws {
        func preprocessed(_ file: NpzFile, _ scale: PixelScale = .bytes) throws -> [Float] {
            try file.withPath { path in
                let split = try Split(path: path, scale: scale, requiresLabels: false)
                return try split.read(0..<1, preprocessing: .torch)
            }
        }
        let bytes: [UInt8] = [0, 51, 255]
        let floats = bytes.map { Float($0) }
        let shape = [1, 1, 1, 3]
        let expected = try preprocessed(NpzFile().adding("images", "|u1", shape, bytes))
        let full = try preprocessed(NpzFile().adding("images", "<f4", shape, floats))
        #expect(full == expected)
        let unit = try preprocessed(
            NpzFile().adding("images", "<f4", shape, floats.map { $0 / 255 }), .unit)
        #expect(unit == expected)
    }
}
