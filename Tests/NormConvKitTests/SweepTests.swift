@testable import Training
import Inference
import NormConvKit
import TestSupport
import Testing

@Suite("The batch-size experiment")
struct SweepTests {
    private static let preprocessing = "0.1307,0.3081"

    private func torch() throws -> Model { try Model(path: TestFiles.fixture("mnist-resnet.torch.h5")) }

    private func split() throws -> Split { try Split(path: TestFiles.fixture("mnist-test-100.npz")) }

    private func options(_ sizes: [Int], shuffles: Int = 2, seed: UInt64 = 0) throws -> SweepOptions {
        var options = SweepOptions()
        options.batchSizes = sizes
        options.shuffles = shuffles
        options.seed = seed
        options.preprocessing = try Preprocessing(parsing: Self.preprocessing)
        return options
    }

    /// The network with group norms instead.
    private func converted(_ folder: String) throws -> Model {
        var conversion = ConversionOptions(groups: .perGroup(4))
        conversion.weightStandardization = .off
        try torch().convert(to: folder + "/gn.h5", options: conversion)
        return try Model(path: folder + "/gn.h5")
    }

    /// Float32 against PyTorch in double: within 1e-4, relatively above 1.
    private func expectTrainingMode(_ model: Model, _ images: Tensor, _ group: String, batch: Int) throws {
        let engine = try BatchStatisticsEngine(
            network: model.logits, parameters: model.parameters,
            imageShape: Shape(Array(images.shape.extents.dropFirst())))
        let found = try engine.run(on: ImageSource(images), batchSize: batch)
        expectClose(
            Tensor(shape: [images.shape[0], engine.outputCount], values: found),
            try fixture("\(group)/\(batch)", in: "batch-statistics.h5"))
    }

    @Test("A batch size beyond all numbers is too large like any other")
    func hugeBatch() throws {
        let split = try split()
        let options = try options([1, .max])
        #expect(try split.sweepLength([torch()], options: options) == 200)
        let expected = SweepFailure.batchTooLarge(found: .max, split: split.file, images: 100)
        #expect(throws: expected) { try split.sweep([torch()], options: options) }
    }

    @Test("Outputs are PyTorch's in training mode, of a network trained on MNIST", arguments: [1, 3, 8])
    func mnist(batch: Int) throws {
        let split = try Split(path: TestFiles.fixture("mnist-test.h5"))
        let images = try images(24, of: split, Preprocessing(parsing: Self.preprocessing))
        try expectTrainingMode(torch(), images, "mnist-resnet-torch", batch: batch)
    }

    @Test("Outputs are PyTorch's in training mode, of torchvision's bottlenecks", arguments: [2, 4, 8])
    func bottleneck(batch: Int) throws {
        let (mean, deviation): ([Float], [Float]) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
        let images = preprocessed(try fixture("torchvision/images", in: "reference-outputs.h5")) {
            channel, colours in
            (colours[colours.startIndex + channel] / 255 - mean[channel]) / deviation[channel]
        }
        let model = try Model(path: TestFiles.fixture("torchvision-bottleneck.torch.h5"))
        try expectTrainingMode(model, images, "torchvision-bottleneck", batch: batch)
    }

    /// Every batch is put together here from the split's images, by the rule that the help states.
    @Test("Every image is scored once a shuffle; the shuffle's start fills the last batch")
    func batches() throws {
        let (model, split) = (try torch(), try split())
        let report = try split.sweep([model], options: try options([48], shuffles: 2, seed: 5))
        let images = try images(100, of: split, Preprocessing(parsing: Self.preprocessing))
        let engine = try BatchStatisticsEngine(
            network: model.logits, parameters: model.parameters, imageShape: [28, 28, 1])
        var random = SplitMix64(seed: 5)
        for error in report.models[0].points[0].errors {
            let order = Array(0..<100).shuffled(using: &random)
            let filled = order + order.prefix(44)
            let values = filled.flatMap { images.values[$0 * 784..<($0 + 1) * 784] }
            let source = ImageSource(Tensor(shape: [144, 28, 28, 1], values: values))
            let logits = try engine.run(on: source, batchSize: 48)
            let labels = try #require(split.labels)
            let wrong = order.enumerated().count { place, image in
                let row = logits[place * 10..<(place + 1) * 10]
                return row.count { $0 >= row[row.startIndex + labels[image]] } > 1
            }
            #expect(error == Double(wrong) / 100)
        }
    }

    @Test("Shuffles follow the seed, and nothing depends on workers or the order and repetition of sizes")
    func seeds() throws {
        let (models, split) = ([try torch()], try split())
        func errors(_ options: SweepOptions) throws -> [[Double]] {
            try split.sweep(models, options: options).models[0].points.map(\.errors)
        }
        var first = try options([2, 3, 5], shuffles: 3, seed: 1)
        let expected = try errors(first)
        #expect(expected.map(\.count) == [3, 3, 3])
        #expect(Set(expected[0]).count > 1)
        for workers in [1, 2, 7] {
            first.workers = workers
            #expect(try errors(first) == expected)
        }
        #expect(try errors(options([5, 2, 3, 2], shuffles: 3, seed: 1)) == expected)
        #expect(try errors(options([2, 3, 5], shuffles: 2, seed: 1)) == expected.map { Array($0.prefix(2)) })
        #expect(try errors(options([2, 3, 5], shuffles: 3, seed: 2)) != expected)
    }

    @Test(
        "A network of group norms has eval's error at every size, and small batches hurt one of batch norms")
    func errors() throws {
        try TestFiles.withTemporaryFolder { folder in
            let models = [try torch(), try converted(folder)]
            let split = try split()
            let options = try options([1, 4, 100], shuffles: 1)
            let report = try split.sweep(models, options: options)
            #expect(report.models.map(\.batchNorms) == [7, 0])
            for (model, network) in zip(models, report.models) {
                let outputs = try model.run(on: split, preprocessing: options.preprocessing)
                let top1 = try split.evaluate(outputs).top1
                #expect(network.stored.count == 100 - top1.count)
                #expect(network.points.map(\.batchSize) == [1, 4, 100])
            }
            let (batch, group) = (report.models[0], report.models[1])
            #expect(group.points.allSatisfy { $0.errors == [group.stored.value] && $0.deviation == 0 })
            #expect(batch.points[0].mean > batch.points[2].mean + 0.1)
            #expect(batch.points[2].mean < batch.stored.value + 0.05)
        }
    }

    @Test("The spread is that of a sample")
    func spread() {
        let point = SweepReport.Point(batchSize: 2, errors: [0.5, 0.3, 0.1])
        #expect(abs(point.mean - 0.3) < 1e-12 && abs(point.deviation - 0.2) < 1e-12)
        #expect(SweepReport.Point(batchSize: 2, errors: [0.5]).deviation == 0)
    }

    @Test("A batch of more images than there are is refused")
    func tooLarge() throws {
        let split = try split()
        #expect(throws: SweepFailure.batchTooLarge(found: 101, split: split.file, images: 100)) {
            try split.sweep([torch()], options: options([4, 101]))
        }
    }

    @Test("A batch of no images is refused")
    func tooSmall() throws {
        #expect(throws: SweepFailure.batchTooSmall(found: 0)) {
            try split().sweep([torch()], options: options([0, 4]))
        }
    }

    @Test("No batch sizes, or no shuffles, are refused")
    func nothing() throws {
        #expect(throws: SweepFailure.nothingToDo(what: "batch sizes")) {
            try split().sweep([torch()], options: options([]))
        }
        #expect(throws: SweepFailure.nothingToDo(what: "shuffles")) {
            try split().sweep([torch()], options: options([1], shuffles: 0))
        }
    }

    @Test("Networks without batch norms alone are refused")
    func noBatchNorm() throws {
        try TestFiles.withTemporaryFolder { folder in
            let model = try converted(folder)
            #expect(throws: SweepFailure.noBatchNorm(models: [model.path])) {
                try split().sweep([model], options: options([4]))
            }
        }
    }
}
