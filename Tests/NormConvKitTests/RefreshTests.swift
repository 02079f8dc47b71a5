import Foundation
import Synchronization
import TestSupport
import Testing
import Training

@testable import NormConvKit

/// On networks trained on MNIST, with their test images.
@Suite("Statistics estimated anew")
struct RefreshTests {
    private static let keras = "mnist-resnet.keras3.h5"
    private static let keras2 = "mnist-resnet.keras2.h5"
    private static let torch = "mnist-resnet.torch.h5"
    /// What the PyTorch network was trained with.
    private static let torchPixels = "0.1307,0.3081"

    private func model(_ file: String = keras) throws -> Model { try Model(path: TestFiles.fixture(file)) }

    private func split(_ file: String = "mnist-test.h5") throws -> Split {
        try Split(path: TestFiles.fixture(file))
    }

    /// Norms with the names of their statistics.
    private func norms(_ model: Model) -> [(layer: String, norm: BatchNorm)] {
        model.network.nodes.compactMap { node in
            if case .batchNorm(let norm) = node.operation { (node.layer, norm) } else { nil }
        }
    }

    private func averages(
        _ model: Model, _ images: Tensor, batch: Int, isUnbiased: Bool
    ) throws -> AveragedStatistics {
        let engine = try BatchStatisticsEngine(
            network: model.network, parameters: model.parameters,
            imageShape: Shape(Array(images.shape.extents.dropFirst())))
        var statistics = AveragedStatistics()
        _ = try engine.run(
            on: ImageSource(images), batchSize: batch,
            observe: { entered in
                guard case .batchNorm(let norm) = model.network.nodes[entered.node].operation else { return }
                statistics.add(entered, of: norm.mean, isUnbiased: isUnbiased)
            })
        return statistics
    }

    /// PyTorch in double precision, three batches of eight. Means within 1e-5 standard deviations, variances within 1e-5 of
    /// themselves.
    @Test("Averages over batches are PyTorch's with momentum=None")
    func torchAverages() throws {
        let model = try model(Self.torch)
        let pixels = try Preprocessing(parsing: Self.torchPixels)
        let images = try images(24, of: split(), pixels)
        let statistics = try averages(model, images, batch: 8, isUnbiased: true)
        #expect(norms(model).count == 7)
        for (layer, norm) in norms(model) {
            let found = try #require(statistics.average(of: norm.mean))
            let place = "mnist-resnet-torch/statistics"
            let mean = try fixture("\(place)/\(norm.mean)", in: "batch-statistics.h5").values
            let variance = try fixture("\(place)/\(norm.variance)", in: "batch-statistics.h5").values
            for channel in 0..<norm.channels {
                let deviation = Double(variance[channel]).squareRoot()
                #expect(abs(found.mean[channel] - Double(mean[channel])) <= 1e-5 * deviation, "\(layer)")
                #expect(
                    abs(found.variance[channel] / Double(variance[channel]) - 1) <= 1e-5,
                    "\(layer), \(channel)")
            }
        }
    }

    @Test(
        "The seed draws images and batches; Keras 3's variances are biased, PyTorch's and those of Keras 2 on maps are not",
        arguments: [keras, keras2, torch])
    func drawn(file: String) async throws {
        let (model, split) = (try model(file), try split())
        let isUnbiased = file != Self.keras
        let pixels = try Preprocessing(parsing: file == Self.torch ? Self.torchPixels : "raw")
        let refreshed = try await model.refreshingStatistics(
            on: split, images: 30, batch: 8, seed: 7, preprocessing: pixels)
        var random = SplitMix64(seed: 7)
        let order = Array(0..<split.count).shuffled(using: &random).prefix(24)
        let values = try order.flatMap { try split.read($0..<$0 + 1, preprocessing: pixels) }
        let statistics = try averages(
            model, Tensor(shape: [24, 28, 28, 1], values: values), batch: 8, isUnbiased: isUnbiased)
        let report = try #require(refreshed.refresh)
        #expect(report.images == 24 && report.batch == 8 && report.batches == 3 && report.seed == 7)
        #expect(report.variance == (isUnbiased ? .unbiased : .biased))
        #expect(report.norms.map(\.layer) == norms(model).map(\.layer))
        for (place, (layer, norm)) in norms(model).enumerated() {
            let expected = try #require(statistics.average(of: norm.mean))
            let mean = try #require(refreshed.parameters[norm.mean]).read().values
            #expect(mean == expected.mean.map { Float($0) }, "\(layer)")
            #expect(
                try refreshed.parameters[norm.variance]?.read().values
                    == expected.variance.map { Float($0) }, "\(layer)")
            let old = try #require(model.parameters[norm.mean]).read().values
            let variance = try #require(model.parameters[norm.variance]).read().values
            let shifts = (0..<norm.channels).map {
                abs(expected.mean[$0] - Double(old[$0])) / (Double(variance[$0]) + norm.epsilon).squareRoot()
            }
            let shift = shifts.reduce(0, +) / Double(norm.channels)
            #expect(abs(report.norms[place].meanShift - shift) <= 1e-9 * shift)
        }
    }

    @Test("Neither workers nor memory change them, and progress ends with all images")
    func parts() async throws {
        let (model, split) = (try model(), try split())
        let last = Mutex((0, 0))
        let whole = try await model.refreshingStatistics(on: split, images: 40, batch: 8) { done, total in
            last.withLock { $0 = (done, total) }
        }
        let parts = try await model.refreshingStatistics(on: split, images: 40, batch: 8, memory: 1)
        #expect(whole.refresh == parts.refresh)
        #expect(last.withLock { $0 == (40, 40) })
        // Two at a time is what no memory allows.
        #expect(try await model.refreshingStatistics(on: split, images: 9, memory: 1).refresh?.batch == 2)
        #expect(try await model.refreshingStatistics(on: split, images: 9).refresh?.batch == 9)
        #expect(try await model.refreshingStatistics(on: split, images: 100).refresh?.images == 64)
    }

    @Test(
        "A file with the same norms has new statistics and is the old one otherwise",
        arguments: [
            (keras, "h5"), (torch, "h5"), (torch, "safetensors"), ("mnist-sequential.keras", "keras"),
        ])
    func written(file: String, ending: String) async throws {
        let model = try model(file)
        let refreshed = try await model.refreshingStatistics(
            on: split(), images: 16, preprocessing: Preprocessing(parsing: Self.torchPixels))
        try TestFiles.withTemporaryFolder { folder in
            let path = folder + "/out.\(ending)"
            try refreshed.keepingNorms().write(to: path)
            let read = try Model(path: path)
            let statistics = Set(norms(model).flatMap { [$0.norm.mean, $0.norm.variance] })
            #expect(!statistics.isEmpty && read.network.batchNormCount == model.network.batchNormCount)
            #expect(
                read.note?.refresh
                    == ConversionNote.Refresh(
                        images: 16, batch: 16, seed: 0,
                        variance: file == Self.torch ? .unbiased : .biased))
            #expect(read.note?.summary.text.hasPrefix("statistics of batch norms from 16 images (") == true)
            for parameter in model.parameters {
                let name = parameter.name
                let new = try #require(
                    read.parameters[name] ?? read.parameters[name.replacing("/", with: ".")])
                #expect(
                    try new.read().values == refreshed.parameters[name]?.read().values, "\(name)")
                #expect(try (new.read() == parameter.read()) == !statistics.contains(name), "\(name)")
            }
        }
    }

    @Test("A conversion starts from the new statistics")
    func converted() async throws {
        let refreshed = try await model().refreshingStatistics(on: split(), images: 16)
        let options = ConversionOptions(groups: .perGroup(4))
        try TestFiles.withTemporaryFolder { folder in
            let paths = ["bn", "gn", "direct"].map { "\(folder)/\($0).h5" }
            try refreshed.keepingNorms().write(to: paths[0])
            try Model(path: paths[0]).converting(options).write(to: paths[1])
            let report = try refreshed.converting(options).write(to: paths[2])
            #expect(report.refresh == refreshed.refresh)
            let (twice, direct) = (try Model(path: paths[1]), try Model(path: paths[2]))
            #expect(direct.note?.refresh?.images == 16 && direct.note?.to == "gn")
            #expect(twice.note?.refresh == direct.note?.refresh)
            for parameter in direct.parameters {
                #expect(try twice.parameters[parameter.name]?.read() == parameter.read(), "\(parameter.name)")
            }
        }
    }

    private func failure(
        _ file: String = keras, images: Int = 16, batch: Int? = nil, preprocessing: Preprocessing? = nil,
        on split: Split
    ) async throws -> NormConvError {
        let model = try model(file)
        return try #require(
            await #expect(throws: NormConvError.self) {
                try await model.refreshingStatistics(
                    on: split, images: images, batch: batch, preprocessing: preprocessing)
            })
    }

    @Test("What has no statistics is refused, and says the way on")
    func errors() async throws {
        let few = try await failure(images: 5, batch: 8, on: split())
        #expect(
            few.description.hasSuffix(
                "found 5 images, expected at least one batch of 8; give more images or a smaller --refresh-batch (2 or more)"
            ))
        #expect(few.found == "5" && few.file == TestFiles.fixture("mnist-test.h5"))
        let far = try await failure(preprocessing: Preprocessing(parsing: "0,1e-38"), on: split())
        #expect(far.description.contains("are not finite; check that --preprocess"))
        try await TestFiles.withTemporaryFolder { folder in
            let path = folder + "/gn.h5"
            try model().convert(to: path)
            let none = try Model(path: path)
            let error = try #require(
                await #expect(throws: NormConvError.self) {
                    try await none.refreshingStatistics(on: split())
                })
            #expect(error.description.hasSuffix("no batch normalization: there are no statistics to refresh"))
        }
        // Of a batch of one image, 28×28 values have a variance.
        _ = try await model().refreshingStatistics(on: split(), images: 2, batch: 1)
    }

    @Test("Images of another size are refused")
    func size() async throws {
        let error = try await failure("torchvision-bottleneck.torch.h5", on: split())
        #expect(error.description.contains("channels"))
    }

    @Test("A cancelled task throws CancellationError")
    func cancellation() async throws {
        let (model, split) = (try model(), try split())
        let refresh = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await model.refreshingStatistics(on: split, images: 16)
        }
        await #expect(throws: CancellationError.self) { _ = try await refresh.value }
    }
}
