import Foundation
import TestSupport
import Testing

@testable import Datasets

/// Which arrays of a file are the split, by their names or by what is said.
@Suite("Choice of arrays")
struct ArrayChoiceTests {
    /// Images of one row each, whose first pixel is `first`, and as many labels.
    private func images(_ name: String, first: UInt8 = 0) -> MadeArray {
        MadeArray(name, "|u1", [2, 2, 1, 3], (0..<12).map { first + $0 })
    }

    private func labels(_ name: String, _ values: [Int] = [1, 0]) -> MadeArray {
        .integers(name, [values.count], values)
    }

    /// What arrays are read as.
    private func expect(
        _ arrays: [MadeArray], labels: [Int]? = [1, 0], firstPixel: Float = 0, assumes: [String] = [],
        from source: String? = nil, sources: SplitSources = SplitSources(),
        at location: SourceLocation = #_sourceLocation
    ) throws {
        try MadeSplit.withFile(arrays) { path in
            let split = try Split(path: path, sources: sources, requiresLabels: labels != nil)
            #expect(split.labels == labels, sourceLocation: location)
            #expect(split.assumptions == assumes, sourceLocation: location)
            if let source { #expect(split.labelReading?.source == source, sourceLocation: location) }
            let first = try split.read(0..<1, preprocessing: .raw)[0]
            #expect(first == firstPixel, sourceLocation: location)
        }
    }

    private func expectFailure(
        _ arrays: [MadeArray], sources: SplitSources = SplitSources(),
        at location: SourceLocation = #_sourceLocation, _ expected: (String) -> DatasetError
    ) throws {
        try MadeSplit.withFile(arrays) { path in
            #expect(throws: expected(path), sourceLocation: location) {
                try Split(path: path, sources: sources)
            }
        }
    }

    private func sources(_ change: (inout SplitSources) -> Void) -> SplitSources {
        var sources = SplitSources()
        change(&sources)
        return sources
    }

    @Test(
        "Names that published sets use",
        arguments: [
            ("images", "labels"), ("image", "label"), ("x", "y"), ("X", "Y"), ("X", "y"), ("data", "targets"),
            ("data", "target"), ("data", "labels"), ("images", "ans"), ("test_set_x", "test_set_y"),
            ("X_test", "y_test"), ("x_test", "y_test"), ("test_images", "test_labels"), ("testX", "testY"),
            ("images_test", "labels_test"), ("test/x", "test/y"), ("val_images", "val_labels"),
            ("x-val", "y-val"), ("validImages", "validLabels"),
        ])
    func names(images name: String, labels other: String) throws {
        try expect([images(name), labels(other)], from: "array '\(other)'")
    }

    @Test(
        "Names with other words say nothing",
        arguments: ["list_classes", "x_mask", "images_labels", "arr_0", "", "test"])
    func otherNames(name: String) {
        #expect(ArrayName(name) == nil)
    }

    @Test("The test part comes before others, then validation, then training, and the choice is told")
    func parts() throws {
        let medical = ["train", "val", "test"].enumerated().flatMap { index, part in
            [images(part + "_images", first: UInt8(index * 20)), labels(part + "_labels", [index, 0])]
        }
        try expect(
            medical, labels: [2, 0], firstPixel: 40,
            assumes: [
                "'test_images' and 'test_labels' are the split; the file also has 'val_images', 'train_images'"
            ])
        try expect(
            Array(medical.prefix(4)), labels: [1, 0], firstPixel: 20,
            assumes: ["'val_images' and 'val_labels' are the split; the file also has 'train_images'"])
        try expect(
            Array(medical.prefix(2)), labels: [0, 0],
            assumes: ["'train_images' and 'train_labels' are the split; the file has no test part"])
        // Calibration keeps away from test images.
        try expect(
            medical, labels: [0, 0],
            assumes: [
                "'train_images' and 'train_labels' are the split; the file also has 'val_images', 'test_images'"
            ], sources: sources { $0.takesTrainingPart = true })
        try expect(
            Array(medical.prefix(2)), labels: [0, 0], sources: sources { $0.takesTrainingPart = true })
        // What is said is not assumed.
        try expect(
            medical, labels: [1, 0], firstPixel: 20, sources: sources { $0.images = "val_images" })
    }

    @Test("Of several labels, those that go with the images' name")
    func partner() throws {
        try expect([images("x"), labels("labels", [0, 0]), labels("y")])
        try expectFailure([images("x"), labels("labels"), labels("label")]) {
            .severalArrays(file: $0, role: "labels", found: ["labels", "label"])
        }
        // Where none are needed, they are none.
        try expect([images("x"), labels("labels"), labels("label")], labels: nil)
    }

    @Test("Arrays of any name when they are said")
    func said() throws {
        let arrays = [images("arr_0"), labels("arr_1"), labels("fine", [0, 1])]
        try expect(arrays, sources: sources { ($0.images, $0.labels) = ("arr_0", "arr_1") })
        try expect(arrays, labels: [0, 1], sources: sources { ($0.images, $0.labels) = ("arr_0", "fine") })
        let listed = ["'arr_0' uint8 [2, 2, 1, 3]", "'arr_1' int64 [2]", "'fine' int64 [2]"]
        try expectFailure(arrays, sources: sources { $0.images = "x" }) {
            .noArray(file: $0, name: "x", found: listed)
        }
        try expectFailure(arrays, sources: sources { $0.images = "arr_0" }) {
            .noLabels(file: $0, found: listed, expected: ArrayName.knownLabels)
        }
        try expectFailure(arrays) { .noImages(file: $0, found: listed, expected: ArrayName.knownImages) }
    }

    @Test("Images of no part beside a training part are unclear")
    func unclearPart() throws {
        try expectFailure([images("x"), labels("y"), images("x_train"), labels("y_train")]) {
            .severalArrays(file: $0, role: "images", found: ["x", "x_train"])
        }
    }

    @Test("Labels of another part do not count, and none are needed without scores")
    func otherPart() throws {
        let arrays = [images("x_test"), labels("y_train")]
        try expectFailure(arrays) {
            .noLabels(
                file: $0, found: ["'x_test' uint8 [2, 2, 1, 3]", "'y_train' int64 [2]"],
                expected: ArrayName.knownLabels)
        }
        try expect(arrays, labels: nil)
    }

    @Test("Labels from a file of their own: by name, by the known name, or the only array")
    func twoFiles() throws {
        try MadeSplit.withFile([
            labels("train_y", [0, 0]), labels("test_y", [1, 0]), labels("other", [0, 1]),
        ]) { file in
            try expect(
                [images("x")], assumes: ["'test_y' are the split; the file also has 'train_y'"],
                from: "array 'test_y' in '\(file)'", sources: sources { $0.labelsFile = file })
            try expect(
                [images("x")], labels: [0, 1],
                sources: sources { ($0.labelsFile, $0.labels) = (file, "other") })
        }
        try MadeSplit.withFile([labels("anything")]) { file in
            try expect([images("x")], sources: sources { $0.labelsFile = file })
        }
        try MadeSplit.withFile([labels("y", [0, 1, 2])]) { file in
            try expectFailure([images("x")], sources: sources { $0.labelsFile = file }) { _ in
                .lengthsDiffer(file: file, object: "y", found: 3, expected: 2)
            }
        }
        // Labels beside the images do not matter then, whatever they are.
        try MadeSplit.withFile([labels("y")]) { file in
            try expect(
                [images("x"), MadeArray("y", "|O", [2], [])], sources: sources { $0.labelsFile = file })
        }
        try MadeSplit.withFile([labels("a"), labels("b")]) { file in
            try expectFailure([images("x")], sources: sources { $0.labelsFile = file }) { _ in
                .noLabels(
                    file: file, found: ["'a' int64 [2]", "'b' int64 [2]"], expected: ArrayName.knownLabels)
            }
        }
    }

    @Test("An npy file is one array; bytes of it stay in the file")
    func npy() throws {
        try TestFiles.withTemporaryFolder { folder in
            let (data, truth) = (folder + "/x.npy", folder + "/y.npy")
            try Data(labels("y").npy).write(to: URL(fileURLWithPath: truth))
            for array in [images("x"), MadeArray.floats("x", [2, 2, 1, 3], (0..<12).map { Float($0 * 20) })] {
                try Data(array.npy).write(to: URL(fileURLWithPath: data))
                let split = try Split(path: data, sources: sources { $0.labelsFile = truth })
                #expect(split.labels == [1, 0])
                let pixels = try split.read(1..<2, preprocessing: .raw)
                #expect(pixels == (6..<12).map { Float(array.type == "|u1" ? $0 : $0 * 20) })
            }
            let cut = images("x").npy.dropLast()
            try Data(cut).write(to: URL(fileURLWithPath: data))
            #expect(
                throws: DatasetError.archive(
                    .wrongPayload(file: data, member: "array", found: 11, expected: 12))
            ) {
                try Split(path: data, requiresLabels: false)
            }
        }
    }

    @Test("Extents whose product overflows are refused though another is 0", arguments: ["|u1", "<f4"])
    func emptyArray(type: String) throws {
        try TestFiles.withTemporaryFolder { folder in
            let (data, empty) = (folder + "/x.npy", folder + "/empty.npy")
            let shape = [0, 1 << 40, 1 << 40, 3]
            try Data(images("x").npy).write(to: URL(fileURLWithPath: data))
            try Data(MadeArray("y", type, shape, []).npy).write(to: URL(fileURLWithPath: empty))
            let expected = DatasetError.archive(
                .malformedNumpyHeader(
                    file: empty, member: "array", found: "shape \(shape)", expected: "a smaller one"))
            #expect(throws: expected) { try Split(path: empty, requiresLabels: false) }
            #expect(throws: expected) {
                try Split(path: data, sources: sources { $0.labelsFile = empty })
            }
        }
    }

    @Test("Options for named arrays do not go with other splits")
    func optionsThatDoNotFit() throws {
        try MadeFolder.with { folder in
            try folder.images("a/1.png")
            try folder.write("test_batch.bin", Data(count: 3073))
            let files = "image files, which are read as the network takes them"
            let changes: [(String, (inout SplitSources) -> Void)] = [
                ("--images NAME", { $0.images = "x" }), ("--labels", { $0.labels = "y" }),
                ("--labels", { $0.labelsFile = "y" }),
            ]
            for (option, change) in changes {
                let expected = DatasetError.optionDoesNotFit(
                    file: folder.path + "/a", option: option, found: files, expected: "arrays")
                #expect(throws: expected) {
                    try Split(path: folder.path + "/a", sources: sources(change), requiresLabels: false)
                }
            }
            let binary = folder.path + "/test_batch.bin"
            let named = DatasetError.optionDoesNotFit(
                file: binary, option: "--images NAME or --labels NAME", found: "CIFAR's binary file",
                expected: "a file of arrays with names: HDF5 or .npz")
            #expect(throws: named) { try Split(path: binary, sources: sources { $0.images = "x" }) }
            let rooted = DatasetError.optionDoesNotFit(
                file: binary, option: "--image-root", found: "a file of arrays",
                expected: "a list of image files")
            #expect(throws: rooted) { try Split(path: binary, sources: sources { $0.imageRoot = "." }) }
        }
    }

    @Test("Python objects and pickles are refused with the line that rewrites them")
    func pickles() throws {
        try expectFailure([images("x"), MadeArray("y", "|O", [2], [])]) {
            .pickledArray(file: $0, object: "y")
        }
        try MadeFolder.with { folder in
            try folder.write("cifar/test_batch", Data([0x80, 2, 0x7D]))
            try folder.write("cifar100/test", Data([0x80, 2, 0x7D]))
            try folder.write("cifar100/meta", Data([0x80, 2, 0x7D]))
            for (path, file) in [
                ("cifar/test_batch", "cifar/test_batch"), ("cifar", "cifar/test_batch"),
                ("cifar100", "cifar100/test"),
            ] {
                #expect(throws: DatasetError.pythonPickle(file: folder.path + "/" + file)) {
                    try Split(path: folder.path + "/" + path)
                }
            }
        }
        #expect(
            DatasetError.pythonPickle(file: "a b").description.hasSuffix(
                "[b\"fine_labels\"])' 'a b' test.npz"))
    }
}
