import TestSupport
import Testing

@testable import Datasets

/// Arrays of other types and channels than a network takes.
@Suite("Types and channels of image arrays")
struct PixelRecipeTests {
    private func open(
        _ array: MadeArray, layout: ImageLayout? = .nhwc, scale: PixelScale = .bytes, channels: Int? = nil,
        _ body: (Split) throws -> Void
    ) throws {
        try MadeSplit.withFile([array]) { path in
            try body(
                Split(path: path, layout: layout, scale: scale, channels: channels, requiresLabels: false))
        }
    }

    private func integers(_ type: String, _ width: Int, _ values: [Int]) -> MadeArray {
        MadeArray(
            "images", type, [1, 1, values.count / 3, 3], values.flatMap { MadeArray.little($0, width) })
    }

    @Test(
        "Integers whose values are all of a byte are pixels, and that is told",
        arguments: [("<i8", 8), ("<i4", 4), ("<u2", 2), ("<u8", 8), ("<i2", 2)])
    func bytesInIntegers(type: String, width: Int) throws {
        let values = [0, 7, 255, 2, 100, 31]
        try open(integers(type, width, values)) { split in
            let name = (type.contains("u") ? "uint" : "int") + "\(width * 8)"
            #expect(split.assumptions == ["'images', \(name) of 0…255, are pixels of 0…255"])
            let pixels = try split.read(0..<1, preprocessing: .unit)
            #expect(pixels == values.map { Float($0) / 255 })
        }
    }

    @Test(
        "Other integers need a factor",
        arguments: [[0, 256, 3], [-1, 5, 5], [0, 1, 1], [0, 0, 0]])
    func unknownScale(values: [Int]) throws {
        try MadeSplit.withFile([integers("<i4", 4, values)]) { path in
            let expected = DatasetError.scaleUnknown(
                file: path, object: "images", found: "int32", low: Float(values.min() ?? 0),
                high: Float(values.max() ?? 0))
            #expect(throws: expected) { try Split(path: path, layout: .nhwc, requiresLabels: false) }
            #expect(
                expected.description.contains("from \(values.min() ?? 0) to \(values.max() ?? 0), expected"))
        }
    }

    // (numpy.array(values, "f4") * numpy.float32(factor)): one product each in Float32.
    @Test("A factor is multiplied in Float32, for every type")
    func factor() throws {
        let values = [0, 65535, 256, 1000, 12345, 40000]
        try open(integers("<u2", 2, values), scale: .factor(0.00390625)) { split in
            #expect(split.assumptions.isEmpty)
            #expect(split.blackToWhite == 0...255)
            let pixels = try split.read(0..<1, preprocessing: .raw)
            #expect(pixels == values.map { Float($0) * 0.00390625 })
            let unit = try split.read(0..<1, preprocessing: .unit)
            #expect(unit == values.map { Float($0) * 0.00390625 / 255 })
        }
        // 65535 becomes 255 exactly.
        try open(integers("<u2", 2, values), scale: .factor(0.0038910506)) { split in
            let pixels = try split.read(0..<1, preprocessing: .unit)
            #expect(pixels.prefix(2) == [0, 1])
        }
        try open(MadeArray("images", "|u1", [1, 1, 1, 3], [0, 1, 1]), scale: .factor(255)) { split in
            let pixels = try split.read(0..<1, preprocessing: .tf)
            #expect(pixels == [-1, 1, 1])
        }
        try open(.floats("images", [1, 1, 1, 3], [0, 0.5, 1]), scale: .factor(255)) { split in
            let pixels = try split.read(0..<1, preprocessing: .raw)
            #expect(pixels == [0, 127.5, 255])
        }
    }

    @Test("Floats of 0…1 that are taken as they are come with a note, unless their scale is said")
    func unitFloats() throws {
        let array = MadeArray.floats("images", [1, 1, 1, 3], [0, 0.5, 1])
        let note =
            "'images', floats of 0…1, are what the network takes, as --scale unit says; otherwise add --scale 255"
        try open(array) {
            #expect($0.assumptions(under: [.torch, .raw]) == [note])
            // Other preprocessings refuse them.
            #expect($0.assumptions(under: [.torch]).isEmpty)
        }
        try open(array, scale: .unit) { #expect($0.assumptions(under: [.raw]).isEmpty) }
        try open(array, scale: .factor(255)) { #expect($0.assumptions(under: [.raw]).isEmpty) }
        try open(.floats("images", [1, 1, 1, 3], [0, 0.5, 1.5])) {
            #expect($0.assumptions(under: [.raw]).isEmpty)
        }
    }

    @Test("A factor that takes values beyond 255 is refused, except by raw")
    func wrongFactor() throws {
        try open(integers("<u2", 2, [0, 65535, 256]), scale: .factor(1)) { split in
            let expected = DatasetError.wrongScale(
                file: split.file, object: "images", low: 0, high: 65535, preprocessing: "unit",
                expected: "0…255 (or 0…1 with --scale unit)")
            #expect(throws: expected) { try split.check(.unit) }
            let pixels = try split.read(0..<1, preprocessing: .raw)
            #expect(pixels == [0, 65535, 256])
        }
    }

    @Test("Truth values are no pixels")
    func booleans() throws {
        try MadeSplit.withFile([MadeArray("images", "|b1", [1, 1, 3], [0, 1, 1])]) { path in
            #expect(throws: DatasetError.wrongImageType(file: path, object: "images", found: "bool")) {
                try Split(path: path, requiresLabels: false)
            }
        }
    }

    @Test(
        "Grey is repeated for colour, in either order of dimensions",
        arguments: [[2, 2, 2], [2, 2, 2, 1], [2, 1, 2, 2]])
    func greyToColour(shape: [Int]) throws {
        try open(.bytes("images", shape), layout: nil, channels: 3) { split in
            #expect(split.extents == [2, 2, 2, 3])
            let pixels = try split.read(0..<2, preprocessing: .raw)
            #expect(pixels == (0..<8).flatMap { [Float($0), Float($0), Float($0)] })
            // One normalization per channel.
            let torch = try split.read(1..<2, preprocessing: .torch)
            let mean: [Float] = [0.485, 0.456, 0.406]
            let std: [Float] = [0.229, 0.224, 0.225]
            var expected: [Float] = []
            for value in 4..<8 {
                for channel in 0..<3 { expected.append((Float(value) / 255 - mean[channel]) / std[channel]) }
            }
            #expect(torch == expected)
        }
    }

    // numpy.asarray(PIL.Image.fromarray(numpy.arange(24, dtype="u1").reshape(2, 4, 3) * 10 + 3).convert("L"))
    @Test("Colour becomes grey as in Pillow's convert(\"L\"), in either order of dimensions")
    func colourToGrey() throws {
        let values = (0..<24).map { UInt8($0 * 10 + 3) }
        let expected: [Float] = [11, 41, 71, 101, 131, 161, 191, 221]
        try open(MadeArray("images", "|u1", [1, 2, 4, 3], values), channels: 1) { split in
            #expect(split.extents == [1, 2, 4, 1])
            let grey = try split.read(0..<1, preprocessing: .raw)
            #expect(grey == expected)
        }
        let planes = (0..<3).flatMap { channel in (0..<8).map { values[$0 * 3 + channel] } }
        try open(MadeArray("images", "|u1", [1, 3, 2, 4], planes), layout: .nchw, channels: 1) { split in
            let grey = try split.read(0..<1, preprocessing: .raw)
            #expect(grey == expected)
        }
        // Floats are not rounded: 0.299, 0.587 and 0.114, the sum in Double.
        try open(.floats("images", [1, 1, 1, 3], [10, 20, 200]), channels: 1) { split in
            let grey = try split.read(0..<1, preprocessing: .raw)
            #expect(grey == [37.53])
        }
    }

    @Test("Images of other channels than 1 and 3 stay, or are refused")
    func otherChannels() throws {
        try MadeSplit.withFile([.bytes("images", [1, 2, 2, 4])]) { path in
            #expect(throws: DatasetError.channelsFixed(file: path, object: "images", found: 4)) {
                try Split(path: path, layout: .nhwc, channels: 3, requiresLabels: false)
            }
        }
        try open(.bytes("images", [1, 2, 2, 4]), layout: .nhwc, channels: 4) { #expect($0.channels == 4) }
    }
}
