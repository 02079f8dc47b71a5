@testable import Calibration
import Foundation
import TestSupport
import Testing

@testable import NormConvKit

@Suite("Heads of networks")
struct HeadTests {
    private static let binaryLoss = #"{"class_name": "BinaryCrossentropy", "config": {"from_logits": true}}"#
    /// Values before one sigmoid, and labels.
    private static let values: [Float] = [-3, 2, 0.5, -0.25, 1.5, -2, 4, -1, 0.75, -0.5]
    private static let labels: [UInt8] = [0, 1, 0, 0, 1, 1, 1, 0, 1, 1]

    /// A network and a split of images whose pixels are its values before the last activation.
    private func with(
        _ images: [[Float]], _ labels: [UInt8], activation: String, loss: String? = nil,
        hasNorm: Bool = false,
        classNames: [String]? = nil, layout: OutputLayout = .keras3,
        _ body: (Model, Split, String) throws -> Void
    ) throws {
        try TestFiles.withTemporaryFolder { folder in
            let (network, data) = (folder + "/network", folder + "/split.h5")
            try MadeNetwork.write(
                to: network, outputs: images[0].count, activation: activation, loss: loss, hasNorm: hasNorm,
                layout: layout)
            try MadeNetwork.writeSplit(to: data, images, labels: labels, classNames: classNames)
            try body(Model(path: network), Split(path: data), folder)
        }
    }

    private func withBinary(
        activation: String = "sigmoid", loss: String? = nil, hasNorm: Bool = false,
        layout: OutputLayout = .keras3, _ body: (Model, Split, String) throws -> Void
    ) throws {
        try with(
            Self.values.map { [$0] }, Self.labels, activation: activation, loss: loss, hasNorm: hasNorm,
            layout: layout, body)
    }

    private func expectBinary(_ evaluation: Evaluation, sourceLocation: SourceLocation = #_sourceLocation)
        throws
    {
        let pairs = zip(Self.values, Self.labels).map { value, label in
            (p: 1 / (1 + exp(-Double(value))), label: Double(label))
        }
        let nll = pairs.reduce(0) { $0 - $1.label * log($1.p) - (1 - $1.label) * log(1 - $1.p) } / 10
        let brier = pairs.reduce(0) { $0 + 2 * ($1.p - $1.label) * ($1.p - $1.label) } / 10
        #expect(evaluation.top1 == Proportion(7, of: 10), sourceLocation: sourceLocation)
        #expect(evaluation.classes.map(\.images) == [4, 6], sourceLocation: sourceLocation)
        #expect(abs((evaluation.nll?.value ?? .nan) - nll) < 1e-12, sourceLocation: sourceLocation)
        #expect(abs((evaluation.brier?.value ?? .nan) - brier) < 1e-12, sourceLocation: sourceLocation)
    }

    @Test(
        "One sigmoid scores two classes by its own probabilities, with either engine, by every way to the figures",
        arguments: EngineKind.allCases)
    func binary(engine: EngineKind) throws {
        try withBinary { model, split, _ in
            let outputs = try model.run(on: split, engine: engine)
            #expect(outputs.logits.values == Self.values && outputs.head == .sigmoid)
            try expectBinary(split.evaluate(outputs))
            let job = try ScoringJob([model], on: split, engine: engine)
            let scores = try job.run()
            let report = try job.result(scores).report
            try expectBinary(report.models[0].evaluation)
            #expect(report.models[0].head == .sigmoid)
            #expect(
                try job.result(job.scores(of: [outputs])).report.models[0].evaluation
                    == report.models[0].evaluation)
        }
    }

    @Test("Shards of one sigmoid's outputs merge to the figures of one run, head and labels included")
    func merged() throws {
        try withBinary { model, split, folder in
            let job = try ScoringJob([model, model], on: split, baseline: 0)
            let paths = try (1...3).map { index in
                var options = PartialOptions(path: "\(folder)/\(index)")
                options.shard = try #require(Shard(index, of: 3))
                _ = try job.run(keepingIn: options)
                return options.path
            }
            let merged = try ScoredSplit(merging: paths)
            try expectBinary(merged.report.models[0].evaluation)
            #expect(merged.report.models.map(\.head) == [.sigmoid, .sigmoid])
            #expect(merged.report.models[1].comparison?.agreement.count == 10)
            #expect(merged.report.labels == (try job.result(job.run())).report.labels)
        }
    }

    @Test("Several sigmoids are divided by their sum")
    func severalSigmoids() throws {
        let images: [[Float]] = [[2, -1, 0.5], [-3, -2, -4], [0, 0.25, 1.5], [4, 5, -6]]
        try with(images, [0, 1, 2, 0], activation: "sigmoid") { model, split, _ in
            let outputs = try model.run(on: split)
            #expect(outputs.head == .normalizedSigmoids)
            let evaluation = try split.evaluate(outputs)
            let losses = zip(images, [0, 1, 2, 0]).map { values, label in
                let sigmoids = values.map { 1 / (1 + exp(-Double($0))) }
                return -log(sigmoids[label] / sigmoids.reduce(0, +))
            }
            #expect(evaluation.top1 == Proportion(3, of: 4))
            #expect(abs((evaluation.nll?.value ?? .nan) - losses.reduce(0, +) / 4) < 1e-12)
        }
    }

    @Test("One output without a sigmoid is refused, until a loss of logits or the user says what it is")
    func linear() throws {
        try withBinary(activation: "linear") { model, split, _ in
            let error = #expect(throws: FileFailure.self) { try ScoringJob([model], on: split) }
            #expect(error?.cause as? EvaluationRefusal == .noHead)
            #expect("\(try #require(error))".contains("--sigmoid"))
            // It runs all the same: a regression is converted and timed like any other network.
            let outputs = try model.run(on: split)
            #expect(outputs.head == nil && outputs.logits.values == Self.values)
            #expect(throws: FileFailure.self) { try split.evaluate(outputs) }
            let told = model.readingSigmoid()
            try expectBinary(split.evaluate(told.run(on: split)))
        }
        try withBinary(activation: "linear", loss: Self.binaryLoss) { model, split, _ in
            try expectBinary(split.evaluate(model.run(on: split)))
        }
        for loss in [
            #""binary_crossentropy""#, Self.binaryLoss.replacingOccurrences(of: "true", with: "false"),
        ] {
            try withBinary(activation: "linear", loss: loss) { model, split, _ in
                #expect(throws: FileFailure.self) { try ScoringJob([model], on: split) }
            }
        }
    }

    @Test("A softmax of one output tells no classes apart")
    func softmaxOfOne() throws {
        try withBinary(activation: "softmax") { model, split, _ in
            let error = #expect(throws: FileFailure.self) { try ScoringJob([model], on: split) }
            #expect(error?.cause as? EvaluationRefusal == .softmaxOfOne)
        }
    }

    @Test("Outputs without an activation are read through a softmax, sigmoids where that is said")
    func linearClasses() throws {
        try with([[1, 2], [3, 1]], [1, 0], activation: "linear") { model, split, _ in
            let heads = try [model, model.readingSigmoid()].map { try $0.run(on: split).head }
            #expect(heads == [.softmax, .normalizedSigmoids])
        }
    }

    @Test("A sweep's errors of one sigmoid are those of two classes, not of one that is always right")
    func sweep() throws {
        try withBinary(hasNorm: true) { model, split, _ in
            var options = SweepOptions()
            (options.batchSizes, options.shuffles) = ([10], 1)
            let report = try split.sweep([model], options: options)
            #expect(report.models[0].stored == Proportion(3, of: 10))
            // Over all ten images: by the sign of the value less the mean, 0.15.
            let mean = Self.values.reduce(0, +) / 10
            let wrong = zip(Self.values, Self.labels).count { ($0 > mean) != ($1 == 1) }
            #expect(report.models[0].points[0].errors == [Double(wrong) / 10])
        }
    }

    @Test("Calibration judges one sigmoid by the class that it says")
    func judge() {
        let agreement = HoldoutAgreement([1, -1, 2, -2], classes: 1, isSigmoid: true)
        #expect(agreement.judge("x", [0.5, 1, 3, -3]).step.agreement == 0.75)
        #expect(agreement.judge("x", [-1, 1, -2, 2]).step.agreement == 0)
        // A number that is no class has no sign to agree in.
        #expect(HoldoutAgreement([1, -1], classes: 1).judge("x", [-1, 1]).step.agreement == 1)
    }

    @Test("A network of one sigmoid is calibrated, judged by its two classes")
    func calibration() throws {
        // The first pixel is nearer to 0 than the image's mean, which the group norm takes away: the sign turns, but not in
        // mirror images, which are half of what judges.
        let images = (0..<32).map { image in
            let sign: Float = image % 2 == 0 ? 1 : -1
            return [sign / 4] + [Float](repeating: sign, count: 7)
        }
        try TestFiles.withTemporaryFolder { folder in
            let (network, data) = (folder + "/network", folder + "/split.h5")
            try MadeNetwork.write(to: network, outputs: 1, pixels: 8, activation: "sigmoid", hasNorm: true)
            try MadeNetwork.writeSplit(to: data, images, labels: images.map { $0[0] > 0 ? 1 : 0 })
            let (model, split) = (try Model(path: network), try Split(path: data))
            let options = ConversionOptions(groups: .count(1), weightStandardization: .off)
            let (_, report) = try model.calibrate(
                model.plan(options), options: options, on: split, preprocessing: .raw)
            let last = try #require(report.steps.last { $0.kept })
            #expect(report.steps.first?.agreement == 0.5)
            #expect(last.agreement >= 0.5)
        }
    }

    @Test("Names of classes in arrays have to be as many as the network's classes; for one sigmoid two")
    func classNames() throws {
        let images = Self.values.map { [$0] }
        try with(images, Self.labels, activation: "sigmoid", classNames: ["cat", "dog"]) { model, split, _ in
            let report = try ScoringJob([model], on: split)
            #expect(report.classes == [2])
            #expect(split.unplacedClasses == 2)
        }
        let three = ["cat", "dog", "eel"]
        try with(images, Self.labels, activation: "sigmoid", hasNorm: true, classNames: three) {
            model, split, folder in
            let unclear = SplitFailure.classesUnclear(
                split: split.file, classes: 3, model: model.path, outputs: 2)
            #expect(throws: unclear) { try ScoringJob([model], on: split) }
            #expect(throws: unclear) { try model.split(path: split.file) }
            var sweep = SweepOptions()
            sweep.batchSizes = [2]
            #expect(throws: unclear) { try split.sweep([model], options: sweep) }
            let outputs = try model.run(on: split)
            #expect(throws: SplitFailure.self) {
                do { _ = try split.evaluate(outputs) } catch let failure as FileFailure {
                    throw failure.cause
                }
            }
            var options = SplitOptions()
            options.classes = try ClassIndices(names: ["dog", "cat", "eel"], source: "classes.txt")
            let named = try model.split(path: split.file, options: options)
            #expect(named.unplacedClasses == nil)
            #expect(named.labels.map { $0.elementsEqual(Self.labels.map { 1 - Int($0) }) } == true)
        }
    }

    @Test("Labels that may count from 1 are doubted where they are in range")
    func doubt() throws {
        func doubt(_ labels: [UInt8]) throws -> String? {
            var doubt: String?
            try with(labels.map { _ in [0, 1, 2, 3] }, labels, activation: "linear") { model, split, _ in
                doubt = try ScoringJob([model], on: split).run().isEmpty ? nil : split.labelDoubt(classes: 4)
            }
            return doubt
        }
        #expect(try doubt([1, 2, 3])?.contains("1…3") == true)
        for labels: [UInt8] in [[0, 1, 2], [1, 3], [1], [2, 3]] { #expect(try doubt(labels) == nil) }
    }
}
