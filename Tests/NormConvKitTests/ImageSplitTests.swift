import Archives
import Foundation
import HDF5
import NormConvKit
import TestSupport
import Testing

@Suite("splits of image files")
struct ImageSplitTests {
    /// A folder of links to fixture images, a folder for each class.
    private func withFolder(_ classes: [String: [String]], _ body: (String) throws -> Void) throws {
        try TestFiles.withTemporaryFolder { folder in
            for (name, files) in classes {
                try FileManager.default.createDirectory(
                    atPath: "\(folder)/\(name)", withIntermediateDirectories: true)
                for file in files {
                    try FileManager.default.createSymbolicLink(
                        atPath: "\(folder)/\(name)/\(file)",
                        withDestinationPath: TestFiles.fixture("images/\(file)"))
                }
            }
            try body(folder)
        }
    }

    private let bottleneck = TestFiles.fixture("torchvision-bottleneck.safetensors")

    @Test(
        "Logits from files are those of torchvision's pipeline and PyTorch",
        arguments: [EngineKind.fast, .reference])
    func torchvision(engine: EngineKind) throws {
        let archive = try ZipArchive(path: TestFiles.fixture("images/expected.npz"))
        let array = try archive.array(named: "logits")
        var values = [Float](repeating: 0, count: array.count)
        values.withUnsafeMutableBufferPointer { buffer in
            if let start = buffer.baseAddress { array.copyFloats(0..<array.count, to: start) }
        }
        let model = try Model(path: bottleneck)
        var options = SplitOptions()
        options.resize = .shorterSide(36)
        options.crop = Extent(32)
        options.requiresLabels = false
        let names = ["photo.jpg", "grey.jpg", "cmyk.jpg", "palette.png"]
        try TestFiles.withTemporaryFolder { folder in
            let list = folder + "/list.txt"
            let lines = names.map { TestFiles.fixture("images/\($0)") + "\n" }.joined()
            try Data(lines.utf8).write(to: URL(fileURLWithPath: list))
            let split = try model.split(path: list, options: options)
            let outputs = try model.run(on: split, engine: engine)
            expectClose(outputs.logits, Tensor(shape: Shape(array.shape), values: values))
        }
    }

    @Test("Sizes are the network's: torchvision's, CIFAR's, Keras', and what is said instead")
    func transforms() throws {
        try withFolder(["a": ["rgb.png"]]) { folder in
            func transform(_ file: String, _ change: (inout SplitOptions) -> Void = { _ in }) throws
                -> String?
            {
                var options = SplitOptions()
                options.requiresLabels = false
                change(&options)
                return try Model(path: file).split(path: folder, options: options).transform?.description
            }
            let mnist = TestFiles.fixture("mnist-resnet.keras3.h5")
            let cifar = TestFiles.fixture("mnist-resnet.torch.h5")
            let cases: [(file: String, change: (inout SplitOptions) -> Void, expected: String)] = [
                (bottleneck, { _ in }, "shorter side 256, crop 224×224, bilinear"),
                (cifar, { _ in }, "resized to 32×32, bilinear"),
                (mnist, { _ in }, "resized to 28×28, nearest"),
                (bottleneck, { $0.crop = Extent(112) }, "shorter side 128, crop 112×112, bilinear"),
                (
                    bottleneck, { ($0.resize, $0.interpolation) = (.shorterSide(232), .bicubic) },
                    "shorter side 232, crop 224×224, bicubic"
                ),
                (
                    bottleneck, { $0.resize = .exact(Extent(height: 40, width: 50)) },
                    "resized to 40×50, bilinear"
                ),
                (
                    mnist,
                    {
                        ($0.resize, $0.followsOrientation, $0.decodesReduced) = (
                            .shorterSide(32), false, true
                        )
                    },
                    "shorter side 32, crop 28×28, nearest, orientation ignored, JPEG at reduced scale"
                ),
            ]
            for (file, change, expected) in cases {
                let found = try transform(file, change)
                #expect(found == expected)
            }
            #expect(throws: SplitFailure.self) { try transform(bottleneck) { $0.resize = .shorterSide(200) } }
            let tooLarge = SplitFailure.cropTooLarge(crop: "41×40", resize: "40×50")
            #expect(throws: tooLarge) {
                try transform(bottleneck) {
                    $0.resize = .exact(Extent(height: 40, width: 50))
                    $0.crop = Extent(height: 41, width: 40)
                }
            }
        }
    }

    @Test("A network of one channel gets grey images")
    func grey() throws {
        try withFolder(["a": ["photo.jpg"]]) { folder in
            var options = SplitOptions()
            options.requiresLabels = false
            let model = try Model(path: TestFiles.fixture("mnist-resnet.keras3.h5"))
            let split = try model.split(path: folder, options: options)
            #expect([split.height, split.width, split.channels].elementsEqual([28, 28, 1]))
        }
    }

    @Test("Fewer folders than outputs are refused until something says which is which")
    func classes() throws {
        try withFolder(["church": ["rgb.png"], "tench": ["grey.png", "photo.jpg"]]) { folder in
            let model = try Model(path: bottleneck)
            let unclear = SplitFailure.classesUnclear(
                split: folder, classes: 2, model: bottleneck, outputs: 10)
            #expect(throws: unclear) { try model.split(path: folder) }
            var options = SplitOptions()
            options.classes = try ClassIndices(
                names: ["tench", "dog", "cat", "church"], source: "classes.txt")
            let split = try model.split(path: folder, options: options)
            #expect(split.labels.map { $0.elementsEqual([3, 0, 0]) } == true)
        }
    }

    @Test("Names of classes that a model's file has are matched by name")
    func namedOutputs() throws {
        let names = (0..<10).map { "c\(9 - $0)" }
        let list = "[" + names.map { "\\\"\($0)\\\"" }.joined(separator: ",") + "]"
        try withNames(list) { path, folder in
            let split = try Model(path: path).split(path: folder)
            #expect(split.labels.map { $0.elementsEqual([7, 1]) } == true)
            #expect(split.classNames.map { $0.elementsEqual(names) } == true)
        }
    }

    @Test(
        "Networks that read images in different ways, or whose outputs are other classes, do not share a split"
    )
    func severalNetworks() throws {
        let mnist = TestFiles.fixture("mnist-resnet.keras3.h5")
        try withFolder(["a": ["rgb.png"]]) { folder in
            var options = SplitOptions()
            options.requiresLabels = false
            let differ = SplitFailure.imagesDiffer(
                split: folder, models: [bottleneck, mnist],
                transforms: [
                    "shorter side 256, crop 224×224, bilinear, colour", "resized to 28×28, nearest, grey",
                ])
            let models = try [bottleneck, mnist].map { try Model(path: $0) }
            #expect(throws: differ) { try models.split(path: folder, options: options) }
        }
        func list(_ names: [String]) -> String {
            "[" + names.map { "\\\"\($0)\\\"" }.joined(separator: ",") + "]"
        }
        let names = (0..<10).map { "c\($0)" }
        try withNames(list(names)) { first, folder in
            try withNames(list(names.reversed())) { second, _ in
                try withNames(list(names.map { $0 == "c0" ? "other" : $0 })) { third, _ in
                    let models = try [first, second, third].map { try Model(path: $0) }
                    let differ = SplitFailure.classesDiffer(split: folder, models: [first, second])
                    #expect(throws: differ) { try Array(models.prefix(2)).split(path: folder) }
                    // A file without names goes by those of the others.
                    let nameless = try Model(path: bottleneck)
                    for pair in [[nameless, models[1]], [models[1], nameless]] {
                        #expect(try pair.split(path: folder).labels.map { $0.elementsEqual([7, 1]) } == true)
                    }
                    // Only the classes that are there count.
                    let split = try [models[0], models[2]].split(path: folder)
                    #expect(split.labels.map { $0.elementsEqual([2, 8]) } == true)
                    var options = SplitOptions()
                    options.classes = try ClassIndices(names: names, source: "classes.txt")
                    let named = try models.split(path: folder, options: options)
                    #expect(named.labels.map { $0.elementsEqual([2, 8]) } == true)
                }
            }
        }
    }

    @Test("Names that repeat among a network's do not keep arrays and other classes from being read")
    func repeatedNames() throws {
        let list = (0..<10).map { $0 < 2 ? "crane" : "c\($0)" }.map { "\\\"\($0)\\\"" }
        try withNames("[" + list.joined(separator: ",") + "]") { path, folder in
            let split = try Model(path: path).split(path: folder)
            #expect(split.labels.map { $0.elementsEqual([2, 8]) } == true)
        }
    }

    @Test("Float images that are read as they are have pictures and a checksum, whatever their scale")
    func anyScale() throws {
        try TestFiles.withTemporaryFolder { folder in
            let path = folder + "/standardized.h5"
            let output = try HDF5Output(creating: path)
            let values: [Float] = [-1, 0, 1, 3, 3, -1, -1, -1]
            try output.write(
                values.withUnsafeBytes { Array($0) }, of: .float32, shape: [2, 2, 2, 1], to: "images")
            try output.write([0, 1], of: .uint8, shape: [2], to: "labels")
            try output.close()
            let split = try Split(path: path)
            #expect(throws: DatasetError.self) { try split.check(.unit) }
            #expect(try split.picture(0)?.bytes == [0, 64, 128, 255])
            #expect(try split.picture(1)?.bytes == [255, 0, 0, 0])
            #expect(try Split(path: TestFiles.fixture("mnist-test.h5")).blackToWhite == 0...255)
        }
    }

    @Test("Where no labels are needed, classes may be others than those that the model's file names")
    func otherNames() throws {
        try withNames("[\\\"cat\\\",\\\"dog\\\"]") { path, folder in
            let model = try Model(path: path)
            #expect(throws: DatasetError.self) { try model.split(path: folder) }
            var options = SplitOptions()
            options.requiresLabels = false
            #expect(try model.split(path: folder, options: options).count == 2)
        }
    }

    @Test("Names among which one is no text are not taken for the others: places would be shifted")
    func damagedNames() throws {
        try withNames("[7,\\\"c2\\\",\\\"c8\\\"]") { path, folder in
            let unclear = SplitFailure.classesUnclear(split: folder, classes: 2, model: path, outputs: 10)
            #expect(throws: unclear) { try Model(path: path).split(path: folder) }
        }
    }

    /// The safetensors fixture with names of classes in its metadata, and a folder of two classes.
    private func withNames(_ list: String, _ body: (_ model: String, _ folder: String) throws -> Void) throws
    {
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: bottleneck)))
        let length = bytes.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        let header = String(decoding: bytes[8..<8 + length], as: UTF8.self)
        let metadata = "{\"__metadata__\":{\"class_names\":\"\(list)\"},"
        let changed = Array((metadata + header.dropFirst()).utf8)
        let prefix = (0..<8).map { UInt8(truncatingIfNeeded: changed.count >> (8 * $0)) }
        try withFolder(["c2": ["rgb.png"], "c8": ["grey.png"]]) { folder in
            let path = folder + ".safetensors"
            try Data(prefix + changed + bytes[(8 + length)...]).write(to: URL(fileURLWithPath: path))
            defer { try? FileManager.default.removeItem(atPath: path) }
            try body(path, folder)
        }
    }

    @Test("A size for images that are in an array is refused")
    func arrays() throws {
        let model = try Model(path: TestFiles.fixture("mnist-resnet.keras3.h5"))
        let data = TestFiles.fixture("mnist-test.h5")
        #expect(try model.split(path: data).count == 1000)
        var options = SplitOptions()
        options.resize = .shorterSide(32)
        let fixed = SplitFailure.sizeIsFixed(split: data, size: "28×28")
        #expect(throws: fixed) { try model.split(path: data, options: options) }
    }
}
