import TestSupport
import Testing

@testable import Datasets

@Suite("Arrays of steps and of volumes")
struct ArrayFormTests {
    /// Bytes that count up from 0 in an array of this shape, as a split: its count, an image's shape and all values.
    private func open(
        _ shape: [Int], _ form: ArrayForm, layout: ImageLayout? = nil
    ) throws -> (count: Int, shape: [Int], values: [Float]) {
        var found: (Int, [Int], [Float]) = (0, [], [])
        try MadeSplit.withFile([.bytes("x", shape)]) { path in
            let split = try Split(path: path, form: form, layout: layout, requiresLabels: false)
            let values = try split.read(0..<split.count, preprocessing: .raw)
            found = (split.count, split.shape.extents, values)
        }
        return found
    }

    // numpy.arange(24).reshape(2, 4, 3); of [2, 3, 4] .transpose(0, 2, 1)
    @Test("Steps have their channels last, or first where these are the network's")
    func steps() throws {
        let last = try open([2, 4, 3], .steps(channels: 3))
        #expect(last == (2, [1, 4, 3], (0..<24).map(Float.init)))
        let first = try open([2, 3, 4], .steps(channels: 3))
        let expected: [Float] = [
            0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11, 12, 16, 20, 13, 17, 21, 14, 18, 22, 15, 19, 23,
        ]
        #expect(first == (2, [1, 4, 3], expected))
        let single = try open([2, 12], .steps(channels: 1))
        #expect(single == (2, [1, 12, 1], (0..<24).map(Float.init)))
        let square = try open([2, 4, 4], .steps(channels: 4))
        #expect(square == (2, [1, 4, 4], (0..<32).map(Float.init)))
    }

    // numpy.arange(24).reshape(1, 2, 2, 3, 2).transpose(0, 2, 3, 4, 1).ravel()
    @Test("Volumes have a depth before the rows, and channels at either end or none")
    func volumes() throws {
        let last = try open([2, 2, 3, 4, 1], .volumes(channels: 1))
        #expect(last == (2, [2, 3, 4, 1], (0..<48).map(Float.init)))
        let single = try open([2, 2, 3, 4], .volumes(channels: 1))
        #expect(single == (2, [2, 3, 4, 1], (0..<48).map(Float.init)))
        let first = try open([1, 2, 2, 3, 2], .volumes(channels: 2), layout: .nchw)
        let expected: [Float] = [
            0, 12, 1, 13, 2, 14, 3, 15, 4, 16, 5, 17, 6, 18, 7, 19, 8, 20, 9, 21, 10, 22, 11, 23,
        ]
        #expect(first == (1, [2, 3, 2, 2], expected))
    }

    @Test(
        "Other shapes are refused, and the error says which there are",
        arguments: [
            ([2, 4, 4, 3], ArrayForm.steps(channels: 3), "[N, steps, C]"),
            ([4], .steps(channels: 1), "[N, steps]"),
            ([2, 0, 3], .steps(channels: 3), "[N, steps, C]"),
            ([2, 4, 3], .volumes(channels: 3), "[N, D, H, W, C]"),
            ([2, 3, 4, 4, 4, 3], .volumes(channels: 3), "[N, D, H, W, C]"),
        ])
    func wrongShape(shape: [Int], form: ArrayForm, expected: String) throws {
        try MadeSplit.withFile([.bytes("x", shape)]) { path in
            let error = DatasetError.wrongImageShape(file: path, object: "x", found: shape, form: form)
            #expect(throws: error) { try Split(path: path, form: form, requiresLabels: false) }
            #expect(error.description.contains(expected))
        }
    }

    @Test(
        "Channels at both ends or at none need a layout",
        arguments: [
            ([2, 5, 6], ArrayForm.steps(channels: 3)), ([2, 3, 4, 4, 3], .volumes(channels: 3)),
            ([2, 4, 4, 4, 4], .volumes(channels: 3)),
        ])
    func layoutUnclear(shape: [Int], form: ArrayForm) throws {
        try MadeSplit.withFile([.bytes("x", shape)]) { path in
            let error = DatasetError.layoutUnclear(file: path, object: "x", found: shape, form: form)
            #expect(throws: error) { try Split(path: path, form: form, requiresLabels: false) }
            #expect(error.description.contains("expected 3 channels at one end only"))
        }
    }
}
