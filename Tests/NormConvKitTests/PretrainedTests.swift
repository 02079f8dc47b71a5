import Foundation
import NormConvKit
import TestSupport
import Testing

/// Networks that were trained by others, on images that they were not trained on. They stand beside the repository.
@Suite(
    "Pretrained networks", .serialized,
    .enabled(if: TestFiles.pretrained != nil, "needs ../shared/pretrained"))
struct PretrainedTests {
    /// A network, its name in `reference-outputs.h5`, and top-1 in percent that conversion to groups of eight
    /// channels must keep or, with copied scales, is known to end at: without and with weight standardization.
    struct Expectation: Sendable, CustomTestStringConvertible {
        var file: String
        var name: String
        var outputs: String
        var floor: (plain: Double, standardized: Double)
        var copied: (plain: Double, standardized: Double)
        var testDescription: String { name }
    }

    static let networks = [
        Expectation(
            file: "resnet8-cifar10.keras2.h5", name: "resnet8-cifar10", outputs: "probabilities",
            floor: (70, 55), copied: (10.1, 17.3)),
        Expectation(
            file: "resnet20-cifar10.torch.h5", name: "resnet20-cifar10", outputs: "logits", floor: (70, 60),
            copied: (10.1, 29.5)),
        Expectation(
            file: "resnet56-cifar10.torch.h5", name: "resnet56-cifar10", outputs: "logits", floor: (74, 68),
            copied: (11.0, 34.1)),
    ]

    private func path(_ file: String) throws -> String {
        try #require(TestFiles.pretrained) + "/" + file
    }

    private func split() throws -> Split { try Split(path: path("cifar10-test.h5")) }

    @Test("Outputs are those of the framework", arguments: networks, EngineKind.allCases)
    func outputs(network: Expectation, engine: EngineKind) throws {
        let model = try Model(path: path(network.file))
        let count = engine == .fast ? 256 : 32
        let images = try images(count, of: split(), model.preprocessing)
        let found = try logits(model, images, engine)
        let expected = try dataset("\(network.name)/\(network.outputs)", in: path("reference-outputs.h5"))
        expectClose(
            network.outputs == "logits" ? found : try probabilities(found), expected.prefix(count))
    }

    @Test("Top-1 is the framework's to the image", arguments: networks)
    func accuracy(network: Expectation) throws {
        struct Measured: Decodable { var top1: Double }
        let json = try Data(contentsOf: URL(fileURLWithPath: path("expected.json")))
        let measured = try #require(
            JSONDecoder().decode([String: Measured].self, from: json)[network.file])
        let split = try split()
        let evaluation = try split.evaluate(Model(path: path(network.file)).run(on: split))
        #expect(evaluation.top1.value == measured.top1)
    }

    @Test("Conversion from stored statistics keeps most of the accuracy", arguments: networks)
    func statistics(network: Expectation) throws {
        let accuracy = try accuracies(network, .statistics)
        #expect(accuracy[0] >= network.floor.plain)
        #expect(accuracy[1] >= network.floor.standardized)
    }

    @Test("Copied scales and offsets lose it", arguments: networks)
    func copy(network: Expectation) throws {
        let accuracy = try accuracies(network, .copy)
        #expect(abs(accuracy[0] - network.copied.plain) <= 1)
        #expect(abs(accuracy[1] - network.copied.standardized) <= 1)
    }

    /// Top-1 in percent in groups of eight channels, without and with weight standardization.
    private func accuracies(
        _ network: Expectation, _ initialization: ConversionOptions.Initialization
    ) throws -> [Double] {
        let options = [ConversionOptions.WeightStandardization.off, .on].map {
            ConversionOptions(
                groups: .perGroup(8), initialization: initialization, weightStandardization: $0)
        }
        return try NormConvKitTests.accuracies(
            of: Model(path: path(network.file)), on: split(), options)
    }

    /// The mean of five seeds is in Documentation/Calibration.md; one seed may be two points below it.
    @Test(
        "Images without labels bring standardized weights near the old network",
        arguments: [
            (networks[0], CalibrationOptions(images: 512), 71.0),
            (networks[1], CalibrationOptions(images: 64, epochs: 2), 73.0),
        ])
    func calibration(network: Expectation, calibration: CalibrationOptions, floor: Double) throws {
        let model = try Model(path: path(network.file))
        let options = ConversionOptions(groups: .perGroup(8))
        let images = try Split(path: path("cifar10-calibration.h5"), requiresLabels: false)
        let (plan, report) = try model.calibrate(
            model.plan(options), options: options, on: images, with: calibration)
        let kept = report.steps.filter(\.kept)
        #expect(kept.count > 1 && kept.map(\.agreement) == kept.map(\.agreement).sorted())
        try TestFiles.withTemporaryFolder { folder in
            try model.write(plan, to: folder + "/gn.h5", options: options, calibration: report)
            let split = try split()
            let evaluation = try split.evaluate(Model(path: folder + "/gn.h5").run(on: split))
            #expect(evaluation.top1.value * 100 >= floor)
        }
    }
}
