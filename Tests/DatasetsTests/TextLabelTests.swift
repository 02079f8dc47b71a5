import Foundation
import TestSupport
import Testing

@testable import Datasets

/// Labels that are strings: of `texts.h5`, which h5py wrote, and of npz files.
@Suite("Labels as strings in arrays")
struct TextLabelTests {
    private let path = TestFiles.fixture("texts.h5")
    private let images = MadeArray.bytes("images", [3, 4, 4, 3])

    private func labels(_ name: String) -> SplitSources {
        var sources = SplitSources()
        sources.labels = name
        return sources
    }

    @Test(
        "Names have the order in which they sort, however HDF5 stores them",
        arguments: ["fixed", "column", "spaced", "variable", "chunked"])
    func hdf5(name: String) throws {
        let split = try Split(path: path, sources: labels(name))
        #expect(split.classNames == ["cat", "dog", "eel", "ünit"])
        #expect(split.labels == [1, 0, 3, 0, 1, 2])
        #expect(split.unplacedClasses == 4)
        let reading = LabelReading(source: "array '\(name)'", order: "names in sorted order")
        #expect(split.labelReading == reading)
    }

    @Test("Strings of digits are numbers, as in lists; booleans are two classes")
    func digits() throws {
        let numbers = try Split(path: path, sources: labels("digits"))
        #expect(numbers.labels == [2, 0, 1, 0, 2, 10] && numbers.unplacedClasses == nil)
        let booleans = try Split(path: path, sources: labels("booleans"))
        #expect(booleans.labels == [1, 0, 0, 1, 0, 1] && booleans.unplacedClasses == 2)
    }

    @Test("A network's class names map strings as they map folders")
    func classes() throws {
        let classes = try ClassIndices(names: ["ünit", "eel", "dog", "cat"], source: "model.h5")
        let split = try Split(path: path, sources: labels("variable"), classes: classes)
        #expect(split.labels == [2, 3, 0, 3, 2, 1] && split.unplacedClasses == nil)
        let others = try ClassIndices(names: ["dog", "cat"], source: "model.h5")
        #expect(throws: DatasetError.unknownClass(file: path, name: "ünit", classes: "model.h5")) {
            try Split(path: path, sources: labels("fixed"), classes: others)
        }
    }

    // numpy.array(["b", "añ", "b"]) as <U2 and >U2, numpy.array([b"b", b"a", b"b"]) as S2
    @Test("numpy's strings of bytes and of Unicode, in both byte orders")
    func numpy() throws {
        let scalars: [[Int]] = [[98, 0], [97, 0xF1], [98, 0]]
        let little = scalars.joined().flatMap { MadeArray.little($0, 4) }
        let big = scalars.joined().flatMap { MadeArray.little($0, 4).reversed() }
        for (type, elements, other) in [
            ("<U2", little, "añ"), (">U2", big, "añ"), ("|S2", Array("b\0a\0b\0".utf8), "a"),
        ] {
            try MadeSplit.open(images, MadeArray("labels", type, [3], elements), requiresLabels: true) {
                split in
                #expect(split.labels == [1, 0, 1] && split.classNames == [other, "b"])
            }
        }
    }

    @Test("A class order in the file holds for its strings")
    func classOrder() throws {
        let array = TextArray(name: "labels", shape: [3]) { ["b", "a", "b"] }
        let read = try LabelArray.texts(array).read(file: "a.h5", images: 3, classNames: ["b", "a"])
        #expect(read == .places([0, 1, 0], of: ["b", "a"]))
    }

    private func expectFailure(
        _ strings: [String], shape: [Int]? = nil, at location: SourceLocation = #_sourceLocation,
        _ expected: DatasetError
    ) {
        let array = TextArray(name: "labels", shape: shape ?? [strings.count]) { strings }
        #expect(throws: expected, sourceLocation: location) {
            try LabelArray.texts(array).read(file: "a.h5", images: 3, classNames: nil)
        }
    }

    @Test("Strings that are no labels are refused with the image")
    func malformed() {
        expectFailure(
            ["a", "", "b"],
            .malformedLabel(file: "a.h5", object: "labels", image: 1, found: "", expected: "a label"))
        expectFailure(
            ["a", "7", "b"],
            .malformedLabel(
                file: "a.h5", object: "labels", image: 1, found: "7",
                expected: "a name for a label, as at image 0"))
        expectFailure(
            ["1", "-1", "0"],
            .malformedLabel(
                file: "a.h5", object: "labels", image: 1, found: "-1", expected: "a class number, 0…1048575"))
        expectFailure(["a", "b"], .lengthsDiffer(file: "a.h5", object: "labels", found: 2, expected: 3))
        expectFailure(
            ["a", "b", "c", "d"], shape: [2, 2],
            .wrongLabels(file: "a.h5", object: "labels", found: "strings of shape [2, 2]"))
    }

    @Test("More strings than fit in memory are refused before they are read")
    func tooMany() {
        let count = TextArray.most + 1
        let array = TextArray(name: "labels", shape: [count]) {
            Issue.record("read")
            return []
        }
        let expected = DatasetError.wrongLabels(
            file: "a.h5", object: "labels", found: "strings of shape [2097153], more than 2097152")
        #expect(throws: expected) {
            try LabelArray.texts(array).read(file: "a.h5", images: count, classNames: nil)
        }
    }

    @Test("Labels with extents of 1 are labels", arguments: [[1, 3], [3, 1], [3, 1, 1, 1], [1, 3, 1]])
    func extents(shape: [Int]) throws {
        try MadeSplit.open(images, .integers("labels", shape, [2, 0, 1]), requiresLabels: true) {
            #expect($0.labels == [2, 0, 1])
        }
        try MadeSplit.open(
            images, .floats("labels", shape, [2, 0, 1]), requiresLabels: true
        ) { #expect($0.labels == [2, 0, 1]) }
    }

    @Test("One row is one image, whose columns are classes")
    func oneImage() throws {
        try MadeSplit.open(
            .bytes("images", [1, 4, 4, 3]), .integers("labels", [1, 3], [0, 0, 1]), requiresLabels: true
        ) { split in
            #expect(split.labels == [2] && split.unplacedClasses == 3)
        }
        try MadeSplit.open(
            .bytes("images", [1, 4, 4, 3]), .integers("labels", [1, 1], [5]), requiresLabels: true
        ) { #expect($0.labels == [5]) }
    }
}
