import TestSupport
import Testing

@testable import Datasets

@Suite("Labels in arrays")
struct ArrayLabelTests {
    private let images = MadeArray.bytes("images", [3, 4, 4, 3])

    @Test("Whole floats and truth values are class numbers, in a vector or a column")
    func numbers() throws {
        let cases: [(MadeArray, [Int])] = [
            (.floats("labels", [3], [2, 0, 1]), [2, 0, 1]),
            (.floats("labels", [3, 1], [2, 0, 1]), [2, 0, 1]),
            (MadeArray("labels", "|b1", [3], [1, 0, 1]), [1, 0, 1]),
        ]
        for (array, expected) in cases {
            try MadeSplit.open(images, array, requiresLabels: true) { split in
                #expect(split.labels == expected)
                let reading = LabelReading(source: "array 'labels'", order: "numbers are output indices")
                #expect(split.labelReading == reading)
                // Truth values are of two classes.
                #expect(split.unplacedClasses == (array.type == "|b1" ? 2 : nil))
            }
        }
    }

    @Test("One-hot rows say how many classes there are")
    func oneHot() throws {
        let rows: [Float] = [0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0]
        for array in [
            MadeArray.floats("labels", [3, 4], rows),
            MadeArray("labels", "|b1", [3, 4], rows.map { UInt8($0) }),
        ] {
            try MadeSplit.open(images, array, requiresLabels: true) { split in
                #expect(split.labels == [1, 0, 2])
                #expect(split.unplacedClasses == 4 && split.classNames == nil)
            }
        }
    }

    @Test("A network's names and a list of classes hold for arrays as for folders")
    func classes() throws {
        try MadeSplit.withFile([images, .integers("labels", [3], [2, 0, 1])]) { path in
            let named = try ClassIndices(names: ["a", "b", "c"], source: "model.h5")
            let split = try Split(path: path, classes: named)
            #expect(split.labels == [2, 0, 1] && split.classNames == ["a", "b", "c"])
        }
        let labels = ClassLabels.places([1, 0], of: ["cat", "dog"])
        let other = try ClassIndices(names: ["dog", "eel", "cat"], source: "model.h5")
        let resolved = try labels.resolved(by: other, in: "x")
        #expect(resolved.labels == [0, 2] && resolved.unplaced == nil)
        #expect(resolved.order == "names as in model.h5")
        #expect(try labels.resolved(by: nil, in: "x").unplaced == 2)
        // Names that only count are looked up nowhere.
        let numbers = ClassLabels.places([1, 0], of: ["0", "1"])
        #expect(try numbers.resolved(by: other, in: "x").labels == [1, 0])
    }

    @Test(
        "Float labels have to be whole numbers that floats hold",
        arguments: [0.5, .nan, .infinity, -.infinity, 0x1p25] as [Float])
    func labelNotWhole(label: Float) throws {
        try MadeSplit.withFile([.bytes("images", [2, 4, 4, 3]), .floats("labels", [2], [0, label])]) { path in
            let error = #expect(throws: DatasetError.self) { try Split(path: path) }
            let message = "\(try #require(error))"
            #expect(message.contains("label \(label) at image 1, expected a whole number"))
        }
    }

    @Test(
        "Rows of no one or several are images of no label or several: refused by name",
        arguments: [[0, 0], [1, 1]])
    func severalLabels(row: [Float]) throws {
        let arrays: [MadeArray] = [
            .bytes("images", [2, 4, 4, 3]), .floats("labels", [2, 2], [0, 1] + row),
        ]
        try MadeSplit.withFile(arrays) { path in
            let expected = DatasetError.severalLabels(
                file: path, object: "labels", image: 1, found: row == [1, 1] ? 2 : 0)
            #expect(throws: expected) { try Split(path: path) }
            // Where no labels are needed, they are none.
            let split = try Split(path: path, requiresLabels: false)
            #expect(split.labels == nil)
        }
    }
}
