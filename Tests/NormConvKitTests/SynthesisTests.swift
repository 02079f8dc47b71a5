@testable import Calibration
import Foundation
import TestSupport
import Testing

@testable import NormConvKit

/// On the network trained on MNIST, whose convolutions end with 15.7 % when they are standardized without images.
@Suite("Images made from stored statistics")
struct SynthesisTests {
    private func model(_ file: String = "mnist-resnet.keras3.h5") throws -> Model {
        try Model(path: TestFiles.fixture(file))
    }

    private let few = SynthesisOptions(images: 16, steps: 30)

    /// The mean over channels of how far a micro-batch's mean and deviation are from the stored ones, in stored deviations: both
    /// together less than 0.4 for each norm.
    @Test("What enters each norm has nearly the stored mean and deviation")
    func statistics() throws {
        let model = try model()
        let (images, report) = try model.madeImages(few, CalibrationOptions(), .raw) { _, _ in }
        #expect(images.count == 16 && images.shape == [28, 28, 1])
        #expect(report.images == 16 && report.microBatch == 4 && report.steps % 30 == 0)
        #expect(report.lastLoss < 0.1 * report.firstLoss)
        #expect(images.values(0..<16).allSatisfy { 0...255 ~= $0 })
        let engine = try ReferenceEngine(
            network: model.network, parameters: model.parameters, imageShape: images.shape)
        let values = (0..<report.microBatch).map {
            engine.values(for: Tensor(shape: images.shape, values: images.values($0..<$0 + 1)))
        }
        for node in model.network.nodes {
            guard case .batchNorm(let norm) = node.operation else { continue }
            let own = values.flatMap { $0[node.inputs[0]].values }
            let mean = try #require(model.parameters[norm.mean]).read().values
            let variance = try #require(model.parameters[norm.variance]).read().values
            let distances = (0..<norm.channels).map { channel in
                let x = stride(from: channel, to: own.count, by: norm.channels).map { Double(own[$0]) }
                let m = x.reduce(0, +) / Double(x.count)
                let s2 = x.reduce(0) { $0 + ($1 - m) * ($1 - m) } / Double(x.count)
                let stored = (Double(variance[channel]) + norm.epsilon).squareRoot()
                return abs(m - Double(mean[channel])) / stored
                    + abs((s2 + norm.epsilon).squareRoot() / stored - 1)
            }
            #expect(distances.reduce(0, +) / Double(norm.channels) < 0.4, "\(node.layer)")
        }
    }

    @Test("A seed makes the same images to the bit for any number of workers; another seed makes others")
    func determinism() throws {
        let model = try model()
        func images(_ seed: UInt64, workers: Int) throws -> [Float] {
            let calibration = CalibrationOptions(seed: seed, workers: workers)
            let options = SynthesisOptions(images: 10, steps: 15)
            return try model.madeImages(options, calibration, .raw) { _, _ in }.0.values(0..<10)
        }
        let expected = try images(1, workers: 1)
        #expect(try images(1, workers: 2) == expected)
        #expect(try images(2, workers: 2) != expected)
    }

    @Test("A conversion that is fitted to them keeps what stored statistics lose")
    func accuracy() throws {
        let model = try model()
        let split = try Split(path: TestFiles.fixture("mnist-test.h5"))
        let options = ConversionOptions(groups: .perGroup(8))
        let plan = try model.plan(options)
        var stages: [String] = []
        let (fitted, report) = try model.calibrate(
            plan, options: options, synthesizing: SynthesisOptions(images: 40, steps: 25)
        ) {
            if stages.last != $0.stage { stages.append($0.stage) }
        }
        #expect(stages == ["images", "outputs", "layers"])
        #expect(report.data == nil && report.synthesis?.images == 40 && report.fitted == 30)
        try TestFiles.withTemporaryFolder { folder in
            let top1 = try [(plan, nil), (fitted, report)].enumerated().map { place, conversion in
                let path = folder + "/\(place).h5"
                try model.write(conversion.0, to: path, options: options, calibration: conversion.1)
                return try split.evaluate(Model(path: path).run(on: split)).top1.value
            }
            #expect(top1[1] > top1[0] + 0.3)
            #expect(try Model(path: folder + "/1.h5").note?.calibration?.synthesized == true)
        }
    }

    @Test("Size and number are the network's where nothing says otherwise, and the options' else")
    func budget() throws {
        func budget(_ file: String, _ options: SynthesisOptions = SynthesisOptions()) throws
            -> SynthesisBudget
        {
            let model = try model(file)
            return try model.synthesisBudget(options, CalibrationOptions(), .raw)
        }
        let small = try budget("mnist-resnet.keras3.h5")
        #expect(small.size == Extent(28) && small.images == 256 && small.microBatch == 32)
        let given = try budget(
            "torchvision-basic.torch.h5", SynthesisOptions(images: 9, size: Extent(height: 64, width: 48)))
        #expect(given.size == Extent(height: 64, width: 48) && given.images == 9)
    }

    @Test("Images that cannot come near the statistics are refused: here pixels of another range")
    func distance() throws {
        let error = #expect(throws: SynthesisFailure.self) {
            try model().madeImages(few, CalibrationOptions(), .unit) { _, _ in }
        }
        guard case .distant(let first, let last) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(last > 0.5 * first)
    }

    @Test("Memory allowed makes micro-batches smaller; where the smallest do not fit, that is said before")
    func memory() throws {
        let model = try model()
        func microBatch(_ memory: Int) throws -> Int {
            try model.synthesisBudget(few, CalibrationOptions(memory: memory), .raw).microBatch
        }
        #expect(try microBatch(4 << 30) == 32)
        let least = (1...64).first { (try? microBatch($0 << 18)) != nil } ?? 0
        let smallest = try microBatch(least << 18)
        #expect(least > 1 && 2..<32 ~= smallest)
        #expect(throws: SynthesisFailure.self) { try microBatch((least - 1) << 18) }
    }

    @Test("Layers whose gradients cannot be computed are named")
    func noWayBack() throws {
        let model = try model("zoo/normalizations.keras3.h5")
        #expect(throws: SynthesisFailure.noWayBack(layer: "ln")) {
            try model.madeImages(few, CalibrationOptions(), .raw) { _, _ in }
        }
    }

    @Test("Networks without batch norms and preprocessings for other channels are refused in words")
    func refusals() throws {
        let model = try model()
        try TestFiles.withTemporaryFolder { folder in
            try model.convert(to: folder + "/gn.h5")
            let converted = try Model(path: folder + "/gn.h5")
            #expect(throws: SynthesisFailure.noBatchNorm) {
                try converted.madeImages(few, CalibrationOptions(), .raw) { _, _ in }
            }
        }
        for options in [
            SynthesisOptions(images: 7), SynthesisOptions(images: .max),
            SynthesisOptions(images: 8, steps: 0),
            SynthesisOptions(images: 8, size: Extent(height: 0, width: 28)),
        ] {
            let error = #expect(throws: SynthesisFailure.self) {
                try model.madeImages(options, CalibrationOptions(), .raw) { _, _ in }
            }
            #expect("\(try #require(error))".contains("of synthetic images: found"))
        }
        let failure = SynthesisFailure.wrongChannels(preprocessing: "torch", expected: 3, found: 1)
        #expect(failure.description.contains("--preprocess"))
        #expect(throws: failure) { try model.madeImages(few, CalibrationOptions(), .torch) { _, _ in } }
    }
}

extension Model {
    fileprivate func madeImages(
        _ options: SynthesisOptions, _ calibration: CalibrationOptions, _ preprocessing: Preprocessing,
        progress: (Int, Int) -> Void
    ) throws -> (images: ActivationStore, report: SynthesisReport) {
        let budget = try synthesisBudget(options, calibration, preprocessing)
        return try synthesis(budget, calibration, preprocessing).run(progress: progress)
    }
}
