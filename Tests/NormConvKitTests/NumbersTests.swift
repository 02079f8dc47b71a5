import Archives
import Foundation
import NormConvKit
import TestSupport
import Testing

private let fixture = TestFiles.fixture("torchvision-bottleneck.safetensors")

/// What becomes of numbers that are none, too large, too small, or of the wrong sign.
@Suite("Numbers")
struct NumbersTests {
    /// A tensor of each kind: one that the conversion changes, one that it drops, and ones that it copies.
    private static let tensors = [
        "conv1.weight", "bn1.weight", "bn1.running_mean", "bn1.running_var", "fc.weight", "fc.bias",
    ]

    @Test(
        "a conversion of a tensor with NaN or an infinity fails and names it, and no file is written",
        arguments: tensors, [Float.nan, .infinity, -.infinity])
    func notFinite(tensor: String, value: Float) throws {
        try withNetwork(changing: tensor, { $0[3] = value }) { path, folder throws -> Void in
            let model = try Model(path: path)
            for standardization in [ConversionOptions.WeightStandardization.on, .off] {
                let options = ConversionOptions(weightStandardization: standardization)
                let error = try #require(throws: (any Error).self) {
                    try model.convert(to: folder + "/out.safetensors", options: options)
                }
                #expect("\(error)".contains("'\(tensor)'") && "\(error)".contains(path), "\(error)")
            }
            // Another layout alone.
            for (name, layout) in [
                ("out.safetensors", nil), ("out.h5", .torch), ("out.keras", nil),
            ] as [(String, OutputLayout?)] {
                let error = try #require(throws: NormConvError.self) {
                    try model.keepingNorms().write(to: folder + "/" + name, layout: layout)
                }
                #expect("\(error)".contains("'\(tensor)': value 3 is"), "\(error)")
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["in.safetensors"])
        }
    }

    @Test(
        "a network with NaN in a parameter is not scored, by either engine",
        arguments: [EngineKind.fast, .reference])
    func notScored(engine: EngineKind) throws {
        try withNetwork(changing: "fc.weight", { $0[7] = .nan }) { path, _ throws -> Void in
            let error = try #require(throws: (any Error).self) {
                _ = try logits(Model(path: path), images([0.5, 0.2]), engine)
            }
            #expect("\(error)".contains("'fc.weight'"))
        }
    }

    @Test("a negative variance is refused by its name, one of zero is not: gamma and beta follow the formula")
    func variances() throws {
        try withNetwork(changing: "bn1.running_var", { $0[2] = -1e-9 }) { path, folder throws -> Void in
            let error = try #require(throws: (any Error).self) {
                try Model(path: path).convert(to: folder + "/out.safetensors")
            }
            #expect("\(error)".contains("'bn1.running_var': value 2 is -1e-09"), "\(error)")
        }
        try withNetwork(changing: "bn1.running_var", { $0 = [Float](repeating: 0, count: $0.count) }) {
            path, folder throws -> Void in
            let (old, new) = try converted(path, folder)
            let mean = try old("bn1.running_mean").map(Double.init)
            let center = mean.reduce(0, +) / 8
            let variance = mean.reduce(0) { $0 + ($1 - center) * ($1 - center) } / 8
            for channel in 0..<8 {
                let gamma = try Double(old("bn1.weight")[channel])
                let beta = try Double(old("bn1.bias")[channel])
                // Batch normalization's ε is 1e-5, and so is the new one.
                let expectedGamma = gamma * ((variance + 1e-5) / 1e-5).squareRoot()
                let expectedBeta = beta + gamma * (center - mean[channel]) / 1e-5.squareRoot()
                #expect(try close(new("bn1.weight")[channel], expectedGamma))
                #expect(try close(new("bn1.bias")[channel], expectedBeta))
            }
        }
    }

    @Test(
        "a gamma of zero stays zero with its beta, one of the other sign keeps its sign",
        arguments: [true, false])
    func gammas(isZero: Bool) throws {
        let change = { (gamma: inout [Float]) in gamma = gamma.map { isZero ? 0 : -abs($0) } }
        try withNetwork(changing: "bn1.weight", change) { path, folder throws -> Void in
            let (old, new) = try converted(path, folder)
            if isZero {
                #expect(try new("bn1.weight").allSatisfy { $0 == 0 })
                #expect(try new("bn1.bias") == old("bn1.bias"))
            } else {
                #expect(try new("bn1.weight").allSatisfy { $0 < 0 })
            }
            // With standardized weights too.
            let plan = try Model(path: path).convert(to: folder + "/standardized.safetensors")
            #expect(!plan.norms.isEmpty)
            let model = try Model(path: folder + "/standardized.safetensors")
            try expectFiniteAndClose(model)
        }
    }

    @Test(
        "denormal parameters convert, and both engines agree on them",
        arguments: ["conv1.weight", "bn1.weight", "bn1.running_var", "layer1.0.conv2.weight", "fc.weight"])
    func denormals(tensor: String) throws {
        try withNetwork(
            changing: tensor, { $0 = $0.map { Float(sign: $0.sign, exponent: -140, significand: 1.5) } }
        ) {
            path, folder throws -> Void in
            try expectFiniteAndClose(Model(path: path))
            for standardization in [ConversionOptions.WeightStandardization.on, .off] {
                let out = folder + "/\(standardization).safetensors"
                try Model(path: path).convert(
                    to: out, options: ConversionOptions(weightStandardization: standardization))
                try expectFiniteAndClose(Model(path: out))
            }
        }
    }

    @Test("a new value beyond Float32 is refused by its name")
    func overflow() throws {
        try withNetwork(changing: "bn1.weight", { $0 = $0.map { _ in 3e38 } }) {
            path, folder throws -> Void in
            let error = try #require(throws: (any Error).self) {
                try Model(path: path).convert(
                    to: folder + "/out.safetensors", options: ConversionOptions(weightStandardization: .off))
            }
            #expect("\(error)".contains("'bn1.weight'"), "\(error)")
        }
    }

    @Test("images of one colour, where a group's variance is zero, have outputs in both engines that agree")
    func constantImages() throws {
        try TestFiles.withTemporaryFolder { folder in
            for target in [ConversionOptions.Target.groupNorm, .layerNorm, .instanceNorm] {
                let out = folder + "/\(target).safetensors"
                let options = ConversionOptions(target: target, weightStandardization: .off)
                try Model(path: fixture).convert(to: out, options: options)
                try expectFiniteAndClose(Model(path: out), colours: [0, 1, -2.5, 1e4])
            }
        }
    }

    @Test("a network whose outputs overflow is scored: every image is counted as not finite and wrong")
    func overflowingOutputs() throws {
        try withNetwork(changing: "fc.weight", { $0 = $0.map { Float(signOf: $0, magnitudeOf: 3e38) } }) {
            path, folder throws -> Void in
            let split = try constantSplit(folder)
            let model = try Model(path: path)
            for engine in [EngineKind.fast, .reference] {
                let outputs = try model.run(on: split, engine: engine)
                let evaluation = try split.evaluate(outputs)
                #expect(evaluation.nonFinite == 3 && evaluation.top1.count == 0)
                #expect(evaluation.nll == nil && evaluation.reliability == nil)
            }
            let report = try split.sweep([model], options: sweepOptions)
            #expect(report.models[0].stored.value == 1)
        }
    }

    // MARK: Pieces

    private var sweepOptions: SweepOptions {
        var options = SweepOptions()
        (options.batchSizes, options.shuffles) = ([2], 1)
        return options
    }

    /// Hands over the fixture with one tensor changed, and the folder that it is in.
    private func withNetwork(
        changing tensor: String, _ change: (inout [Float]) -> Void,
        _ body: (_ path: String, _ folder: String) throws -> Void
    ) throws {
        var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: fixture)))
        let length = bytes[..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
        let header = try #require(
            try JSONSerialization.jsonObject(with: Data(bytes[8..<8 + length])) as? [String: [String: Any]])
        let offsets = try #require(header[tensor]?["data_offsets"] as? [Int])
        let range = 8 + length + offsets[0]..<8 + length + offsets[1]
        var values = stride(from: range.lowerBound, to: range.upperBound, by: 4).map { start in
            Float(bitPattern: bytes[start..<start + 4].reversed().reduce(0) { $0 << 8 | UInt32($1) })
        }
        change(&values)
        bytes.replaceSubrange(
            range,
            with: values.flatMap { value in withUnsafeBytes(of: value.bitPattern.littleEndian, Array.init) })
        try TestFiles.withTemporaryFolder { folder in
            try Data(bytes).write(to: URL(fileURLWithPath: folder + "/in.safetensors"))
            try body(folder + "/in.safetensors", folder)
        }
    }

    private typealias Values = (String) throws -> [Float]

    /// The values before and after a conversion to one group without standardization.
    private func converted(_ path: String, _ folder: String) throws -> (old: Values, new: Values) {
        let out = folder + "/out.safetensors"
        try Model(path: path).convert(
            to: out, options: ConversionOptions(target: .layerNorm, weightStandardization: .off))
        let models = try [Model(path: path), Model(path: out)]
        let values = models.map { model in
            { name in try model.checkpoint.parameters[name]?.read().values ?? [] }
        }
        return (values[0], values[1])
    }

    private func close(_ found: Float, _ expected: Double) -> Bool {
        abs(Double(found) - expected) <= 1e-6 * max(abs(expected), 1)
    }

    /// Images of one colour each, [colours, 32, 32, 3].
    private func images(_ colours: [Float]) -> Tensor {
        Tensor(
            shape: [colours.count, 32, 32, 3],
            values: colours.flatMap { [Float](repeating: $0, count: 32 * 32 * 3) })
    }

    private func expectFiniteAndClose(_ model: Model, colours: [Float] = [0, 0.5, -2]) throws {
        let fast = try logits(model, images(colours), .fast)
        #expect(!fast.values.contains { !$0.isFinite })
        expectClose(fast, try logits(model, images(colours), .reference))
    }

    /// Three images, black, grey and white, with labels.
    private func constantSplit(_ folder: String) throws -> Split {
        let path = folder + "/split.npz"
        var zip = try ZipOutput(path: path, named: path)
        let pixels = [0, 128, 255].flatMap { [UInt8](repeating: $0, count: 32 * 32 * 3) }
        try zip.add("images.npy", NumpyArray.header(.uint8, shape: [3, 32, 32, 3]) + pixels)
        try zip.add("labels.npy", NumpyArray.header(.uint8, shape: [3]) + [0, 1, 2])
        try zip.close()
        return try Split(path: path)
    }
}
