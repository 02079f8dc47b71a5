import Archives
import Foundation
import HDF5
import TestSupport
import Testing

@testable import NormConvKit
@testable import Training

/// Networks of `dimensions.zip` against what Keras and torchvision give: within 1e-5 of the largest value.
@Suite("Networks of steps and of volumes give Keras' and PyTorch's outputs")
struct DimensionTests {
    static let keras = ["steps", "first", "volumes"]
    static let videos = ["r3d", "mc3", "r2plus1d"]

    private func withNetwork(
        _ name: String, whole: Bool = false, _ body: (Model, _ outputs: String) throws -> Void
    ) throws {
        let file = name + (Self.keras.contains(name) ? ".keras" : whole ? ".pth" : ".safetensors")
        try TestFiles.withDimensions("outputs.h5") { outputs throws in
            try TestFiles.withDimensions(file) { try body(try Model(path: $0), outputs) }
        }
    }

    private func expectSame(
        _ found: [Float], _ expected: [Float], _ comment: Comment? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(found.count == expected.count, comment, sourceLocation: sourceLocation)
        let scale = expected.map(abs).max() ?? 0
        #expect(scale > 0, comment, sourceLocation: sourceLocation)
        let worst = zip(found, expected).map { abs($0 - $1) / scale }.reduce(0) { $1 <= $0 ? $0 : $1 }
        #expect(worst <= 1e-5, comment, sourceLocation: sourceLocation)
    }

    /// An input as engines take it: steps are an image of one row, channels come last.
    private func inputs(_ name: String, in outputs: String) throws -> Tensor {
        let stored = try dataset("\(name)/inputs", in: outputs)
        let extents = stored.shape.extents
        guard name == "first" else {
            return extents.count == 3
                ? stored.reshaped(Shape([extents[0], 1] + extents.dropFirst())) : stored
        }
        let (count, channels, steps) = (extents[0], extents[1], extents[2])
        var turned = Tensor(shape: [count, 1, steps, channels], repeating: 0)
        for index in turned.values.indices {
            let (sample, step, channel) = (
                index / (steps * channels), index / channels % steps, index % channels
            )
            turned.values[index] = stored.values[(sample * channels + channel) * steps + step]
        }
        return turned
    }

    @Test("Every layer, by the reference engine", arguments: ["steps", "volumes"])
    func layers(name: String) throws {
        try withNetwork(name) { model, outputs throws in
            let images = try inputs(name, in: outputs)
            let image = images.prefix(1).reshaped(Shape(Array(images.shape.extents.dropFirst())))
            let engine = try ReferenceEngine(
                network: model.network, parameters: model.checkpoint.parameters, imageShape: image.shape)
            let values = engine.values(for: image)
            let layers = try HDF5File(reading: outputs).root.group("\(name)/layers").names()
            let nodes = Dictionary(
                model.network.nodes.indices.map { (model.network.nodes[$0].layer, $0) }, uniquingKeysWith: max
            )
            // Dropout passes values on and is no node.
            #expect(layers.filter { nodes[$0] == nil } == (name == "steps" ? ["spatial_dropout1d"] : []))
            for layer in layers {
                guard let node = nodes[layer] else { continue }
                let expected = try dataset("\(name)/layers/\(layer)", in: outputs)
                expectSame(values[node].values, expected.values, "layer '\(layer)'")
            }
        }
    }

    @Test("The logits, by both engines", arguments: keras, EngineKind.allCases)
    func logits(name: String, engine: EngineKind) throws {
        try withNetwork(name) { model, outputs throws in
            #expect(model.unusedParameters.isEmpty)
            let found = try NormConvKitTests.logits(model, inputs(name, in: outputs), engine)
            expectSame(found.values, try dataset("\(name)/logits", in: outputs).values)
        }
    }

    @Test("Videos, by names and shapes alone", arguments: videos, EngineKind.allCases)
    func video(name: String, engine: EngineKind) throws {
        try withNetwork(name) { model, outputs throws in
            #expect(model.unusedParameters.isEmpty)
            #expect(model.network.input.dimensions == 3 && model.preprocessing == .kinetics)
            let found = try NormConvKitTests.logits(model, dataset("videos", in: outputs), engine)
            expectSame(found.values, try dataset(name, in: outputs).values)
        }
    }

    @Test("Videos, saved whole, are those of their state dicts", arguments: videos)
    func wholeVideo(name: String) throws {
        try withNetwork(name, whole: true) { model, outputs throws in
            #expect(model.inspection.otherModules == [])
            try withNetwork(name) { plain, _ throws in
                #expect(model.network.nodes.map(\.operation) == plain.network.nodes.map(\.operation))
            }
            let found = try NormConvKitTests.logits(model, dataset("videos", in: outputs), .fast)
            expectSame(found.values, try dataset(name, in: outputs).values)
        }
    }

    /// Writes float32 values as an npy file.
    private func write(_ values: [Float], _ shape: [Int], to path: String) throws {
        var data = Data(NumpyArray.header(.float32, shape: shape))
        values.withUnsafeBytes { data.append(contentsOf: $0) }
        try data.write(to: URL(fileURLWithPath: path))
    }

    private static let unlabelled: SplitOptions = {
        var options = SplitOptions()
        options.requiresLabels = false
        return options
    }()

    @Test(
        "Arrays of steps and of volumes are splits, without the one channel too",
        arguments: ["steps", "first", "volumes"])
    func splits(name: String) throws {
        try withNetwork(name) { model, outputs throws in
            let stored = try dataset("\(name)/inputs", in: outputs)
            try TestFiles.withTemporaryFolder { folder in
                let shapes =
                    [stored.shape.extents] + (name == "volumes" ? [stored.shape.extents.dropLast()] : [])
                for shape in shapes {
                    try write(stored.values, shape, to: folder + "/x.npy")
                    let split = try model.split(path: folder + "/x.npy", options: Self.unlabelled)
                    let found = try split.run([model], workers: 1)[0].logits
                    expectSame(found.values, try dataset("\(name)/logits", in: outputs).values)
                }
            }
        }
    }

    @Test("A conversion of steps is calibrated; one of volumes is refused")
    func calibration() throws {
        for name in ["steps", "volumes"] {
            try withNetwork(name) { model, outputs throws in
                let stored = try dataset("\(name)/inputs", in: outputs)
                try TestFiles.withTemporaryFolder { folder in
                    let copies = (0..<8).flatMap { _ in stored.values }
                    let shape = [8 * stored.shape[0]] + stored.shape.extents.dropFirst()
                    try write(copies, shape, to: folder + "/x.npy")
                    let split = try model.split(path: folder + "/x.npy", options: Self.unlabelled)
                    let options = ConversionOptions(groups: .count(2))
                    func fit() throws -> (plan: ConversionPlan, report: CalibrationReport) {
                        try model.calibrate(
                            model.plan(options), options: options, on: split,
                            with: CalibrationOptions(images: 24, epochs: 0))
                    }
                    guard name == "steps" else {
                        #expect(throws: (any Error).self) { try fit() }
                        do { _ = try fit() } catch { #expect("\(error)".contains("takes volumes")) }
                        return
                    }
                    let (plan, report) = try fit()
                    #expect(report.fitted == 18)
                    #expect(!plan.edits.names.isEmpty)
                }
            }
        }
    }

    /// A batch of all volumes has the same statistics in any order, so that one run of the engine gives its outputs.
    @Test("A sweep of steps and of volumes has the errors of their outputs", arguments: ["steps", "volumes"])
    func sweep(name: String) throws {
        try withNetwork(name) { model, outputs throws in
            let (stored, images) = (
                try dataset("\(name)/inputs", in: outputs), try inputs(name, in: outputs)
            )
            let logits = try BatchStatisticsEngine(
                network: model.logits, parameters: model.parameters,
                imageShape: Shape(Array(images.shape.extents.dropFirst()))
            ).run(on: ImageSource(images), batchSize: 3)
            let best = (0..<3).map { image in
                (0..<4).max { logits[image * 4 + $0] < logits[image * 4 + $1] } ?? 0
            }
            try TestFiles.withTemporaryFolder { folder in
                try write(stored.values, stored.shape.extents, to: folder + "/x.npy")
                // The last label is another class than the one that the batch's statistics give.
                let labels = [best[0], best[1], (best[2] + 1) % 4]
                try write(labels.map(Float.init), [3], to: folder + "/y.npy")
                var splitOptions = SplitOptions()
                splitOptions.labelsFile = folder + "/y.npy"
                let split = try model.split(path: folder + "/x.npy", options: splitOptions)
                var options = SweepOptions()
                (options.batchSizes, options.shuffles, options.preprocessing) = ([1, 3], 2, .raw)
                let points = try split.sweep([model], options: options).models[0].points
                #expect(points.map(\.batchSize) == [1, 3])
                #expect(points[1].errors == [1.0 / 3, 1.0 / 3])
            }
        }
    }

    @Test(
        "Image files are refused, and the error says what the network takes", arguments: ["steps", "volumes"])
    func imageFiles(name: String) throws {
        try withNetwork(name) { model, _ throws in
            let folder = TestFiles.fixture("images")
            let expected = SplitFailure.notOfImages(
                split: folder, model: model.path,
                input: name == "steps" ? "steps of 50×3" : "volumes of 5×8×7×1")
            #expect(throws: expected) { try model.split(path: folder, options: Self.unlabelled) }
        }
    }
}
