import Foundation
import HDF5
import NormConvKit
import TestSupport
import Testing

/// PyTorch's names of norms without running statistics: whether group or instance norms, no file says.
@Suite("Norms without statistics are not scored by a guess")
struct UnknownNormTests {
    private static let (width, size, eps) = (32, 8, 1e-5)

    /// A CIFAR ResNet whose blocks add nothing: the stem's norm and ReLU, every fourth pixel, their mean for each channel.
    private func write(to path: String) throws {
        let output = try HDF5Output(creating: path)
        func add(_ name: String, _ shape: [Int], _ value: (Int) -> Float) throws {
            let values = (0..<shape.reduce(1, *)).map(value)
            let bytes = values.flatMap { withUnsafeBytes(of: $0.bitPattern.littleEndian, Array.init) }
            try output.write(bytes, of: .float32, shape: shape, to: name)
        }
        // The middle tap of three by three alone.
        try add("conv1.weight", [Self.width, 3, 3, 3]) { $0 % 9 == 4 ? Self.tap($0 / 27, $0 / 9 % 3) : 0 }
        try add("bn1.weight", [Self.width]) { Self.gamma($0) }
        try add("bn1.bias", [Self.width]) { Self.beta($0) }
        var inputs = Self.width
        for stage in 1...3 {
            let outputs = Self.width << (stage - 1)
            for (index, inputs) in [(1, inputs), (2, outputs)] {
                try add("layer\(stage).0.conv\(index).weight", [outputs, inputs, 3, 3]) { _ in 0 }
                try add("layer\(stage).0.bn\(index).weight", [outputs]) { _ in 1 }
                try add("layer\(stage).0.bn\(index).bias", [outputs]) { _ in 0 }
            }
            inputs = outputs
        }
        // Zero channels stand before the stem's: half of its width, then half of the next one's.
        let first = Self.width / 2 + Self.width
        try add("linear.weight", [Self.width, inputs]) { $0 % inputs == first + $0 / inputs ? 1 : 0 }
        try add("linear.bias", [Self.width]) { _ in 0 }
        try output.close()
    }

    private static func tap(_ output: Int, _ colour: Int) -> Float {
        Float((output * 3 + colour * 5) % 7) / 4 - 0.5
    }
    private static func gamma(_ channel: Int) -> Float { 0.5 + Float(channel % 5) / 4 }
    private static func beta(_ channel: Int) -> Float { Float(channel % 3) / 4 - 0.125 }
    private static func pixel(_ index: Int) -> Float { Float(index * 37 % 101) / 50 - 1 }

    /// The outputs by hand, in Double.
    private func expected(groups: Int) -> [Double] {
        let (width, size) = (Self.width, Self.size)
        let maps = (0..<width).map { output in
            (0..<size * size).map { position in
                (0..<3).reduce(0.0) {
                    $0 + Double(Self.tap(output, $1)) * Double(Self.pixel(position * 3 + $1))
                }
            }
        }
        let each = width / groups
        return (0..<width).map { channel in
            let members = maps[channel / each * each..<channel / each * each + each].flatMap(\.self)
            let mean = members.reduce(0, +) / Double(members.count)
            let variance = members.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(members.count)
            let scale = Double(Self.gamma(channel)) / (variance + Self.eps).squareRoot()
            let seen = [0, 4].flatMap { row in [0, 4].map { maps[channel][row * size + $0] } }
            return seen.reduce(0) { $0 + max(($1 - mean) * scale + Double(Self.beta(channel)), 0) } / 4
        }
    }

    @Test(
        "told what they are, the network gives what is computed by hand",
        arguments: [(NormKind.group(4), 4), (.group(32), 32), (.instance, 32), (.layer, 1)],
        EngineKind.allCases)
    func outputs(kind: (NormKind, groups: Int), engine: EngineKind) throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let path = folder + "/gn.h5"
            try write(to: path)
            let model = try Model(path: path, norms: kind.0)
            #expect(model.unknownNorms.isEmpty)
            let shape: Shape = [1, Self.size, Self.size, 3]
            let image = Tensor(shape: shape, values: (0..<shape.count).map(Self.pixel))
            let found = try logits(model, image, engine)
            let expected = expected(groups: kind.groups)
            expectClose(found, Tensor(shape: [1, Self.width], values: expected.map(Float.init)))
        }
    }

    @Test(
        "not told, it is neither scored, compared, calibrated, written nor exported, and says what would tell"
    )
    func refused() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let path = folder + "/gn.h5"
            try write(to: path)
            let model = try Model(path: path)
            #expect(model.unknownNorms.first == "bn1" && model.unknownNorms.count == 7)
            func expectRefusal(_ body: () throws -> Void) throws {
                let error = try #require(#expect(throws: FileFailure.self) { try body() })
                #expect(error.cause as? EvaluationRefusal == .unknownNorms(layers: model.unknownNorms))
                #expect("\(error)".hasPrefix(path) && "\(error)".contains("--norm instance"))
            }
            for engine in EngineKind.allCases {
                try expectRefusal { _ = try model.engine(engine, imageShape: [8, 8, 3]) }
            }
            let plan = ConversionPlan(unchanged: model.network)
            let note = model.note(of: plan, options: ConversionOptions())
            for layout in [OutputLayout.safetensors, .keras3] {
                try expectRefusal { try model.check(plan, note: note, to: folder + "/x", layout: layout) }
                try expectRefusal {
                    try model.write(plan, note: note, to: folder + "/x", layout: layout, overwrite: false)
                }
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["gn.h5"])
            // What inspect assumes is said to be a guess.
            let report = InspectReport(model)
            #expect(report.unknownNorms == model.unknownNorms)
            #expect(report.assumptions.contains { $0.contains("32 groups") && $0.contains("a guess") })
        }
    }

    @Test("a note that is written once somebody told is enough later")
    func note() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let (path, output) = (folder + "/gn.h5", folder + "/noted.safetensors")
            try write(to: path)
            let told = try Model(path: path, norms: .group(4))
            let plan = ConversionPlan(unchanged: told.network)
            let note = told.note(of: plan, options: ConversionOptions())
            for (number, note) in [note, note.unchanged].enumerated() {
                let output = "\(output)\(number).safetensors"
                try told.write(plan, note: note, to: output, layout: .safetensors, overwrite: false)
                let model = try Model(path: output)
                #expect(model.unknownNorms.isEmpty && model.network.nodes == told.network.nodes)
            }
        }
    }

    @Test("that they are unknown is said before anything of the images")
    func split() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let path = folder + "/gn.h5"
            try write(to: path)
            let model = try Model(path: path)
            for split in [TestFiles.fixture("mnist-test.h5"), folder + "/none.npz"] {
                let one = #expect(throws: (any Error).self) { try model.split(path: split) }
                let several = #expect(throws: (any Error).self) { try [model, model].split(path: split) }
                for error in [one, several] {
                    #expect(error.map { "\($0)" }?.contains("does not record the kind of 7 norms") == true)
                }
            }
        }
    }

    @Test("keras.applications' names tell as little, and take the same answers")
    func keras() throws {
        try TestFiles.withNamedNetwork("keras-resnet.weights.h5") { path throws in
            let parameters = ParameterTable(
                try openCheckpoint(path).parameters.filter { !$0.name.contains("/moving_") })
            let error = #expect(throws: NetworkError.self) { try recognizeNames(parameters: parameters) }
            #expect(error?.description.contains("not recorded") == true)
            #expect(error?.description.contains("--norm group") == true)
            for (kind, groups) in [
                (NormKind.layer, { _ in 1 }), (.instance, { $0 }), (.group(4), { _ in 4 }),
            ]
                as [(NormKind, (Int) -> Int)]
            {
                let found = try recognizeNames(parameters: parameters, kind: kind)
                #expect(found.unknownNorms.isEmpty)
                let norms = found.network.nodes.compactMap { node in
                    if case .groupNorm(let norm) = node.operation { norm } else { nil }
                }
                #expect(norms.count > 15 && norms.allSatisfy { $0.groups == groups($0.channels) })
            }
        }
    }

    @Test("how fast it is does not hang on what they are")
    func benchmark() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let path = folder + "/gn.h5"
            try write(to: path)
            var options = BenchmarkOptions()
            options.input = [8, 8, 3]
            options.images = 1
            #expect(try BenchmarkJob(path: path, options: options).totalImages >= 1)
        }
    }
}
