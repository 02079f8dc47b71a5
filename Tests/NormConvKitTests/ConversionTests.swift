import Foundation
import NormConvKit
import TestSupport
import Testing

@Suite("Converted files")
struct ConversionTests {
    private static let files = [
        "mnist-resnet.keras3.h5", "mnist-resnet.keras2.h5", "mnist-sequential.keras3.h5",
        "mnist-resnet.torch.h5", "mnist-resnet.torch-nested.h5", "torchvision-bottleneck.torch.h5",
        "torchvision-basic.torch.h5", "torchvision-bottleneck.safetensors",
    ]

    private func options(
        _ initialization: ConversionOptions.Initialization = .statistics,
        _ standardization: ConversionOptions.WeightStandardization = .on
    ) -> ConversionOptions {
        ConversionOptions(
            groups: .perGroup(4), initialization: initialization, weightStandardization: standardization)
    }

    @Test("The same input gives the same bytes", arguments: files)
    func sameBytes(file: String) throws {
        let model = try Model(path: TestFiles.fixture(file))
        try TestFiles.withTemporaryFolder { folder in
            let paths = [folder + "/a.h5", folder + "/b.h5"]
            for path in paths { try model.convert(to: path) }
            let contents = try paths.map { try Data(contentsOf: URL(fileURLWithPath: $0)) }
            #expect(contents[0] == contents[1])
        }
    }

    @Test("A converted file opens as the network that was planned", arguments: files)
    func plannedNetwork(file: String) throws {
        let model = try Model(path: TestFiles.fixture(file))
        try TestFiles.withTemporaryFolder { folder in
            let plan = try model.convert(to: folder + "/converted.h5", options: options())
            let converted = try Model(path: folder + "/converted.h5")
            #expect(converted.network.output == plan.network.output)
            #expect(converted.network.nodes.map(\.inputs) == plan.network.nodes.map(\.inputs))
            #expect(groups(of: converted.network) == groups(of: plan.network))
            #expect(groups(of: converted.network).count == plan.norms.count)
        }
    }

    private func groups(of network: Network) -> [String: Int] {
        var groups: [String: Int] = [:]
        for node in network.nodes {
            if case .groupNorm(let norm) = node.operation { groups[node.layer] = norm.groups }
        }
        return groups
    }

    @Test("A converted file remembers its preprocessing and its norms")
    func note() throws {
        let model = try Model(path: TestFiles.fixture("mnist-resnet.torch.h5"))
        #expect(model.preprocessing == .torch)
        try TestFiles.withTemporaryFolder { folder in
            let preprocessing = try Preprocessing(parsing: "0.1307,0.3081")
            let plan = try model.convert(
                to: folder + "/converted.h5", options: options(), preprocessing: preprocessing)
            let converted = try Model(path: folder + "/converted.h5")
            #expect(converted.preprocessing == preprocessing)
            let note = try #require(converted.note)
            #expect(note.groups == "size:4")
            #expect(note.initialization == "statistics")
            #expect(note.norms.mapValues(\.groups) == groups(of: plan.network))
            #expect(note.norms.values.allSatisfy { $0.epsilon == 1e-5 })
        }
    }

    @Test(
        "Both engines agree on a converted network",
        arguments: ["mnist-resnet.keras3.h5", "mnist-resnet.keras2.h5", "mnist-resnet.torch.h5"],
        [ConversionOptions.Target.groupNorm, .layerNorm, .instanceNorm])
    func engines(file: String, target: ConversionOptions.Target) throws {
        let model = try Model(path: TestFiles.fixture(file))
        let split = try Split(path: TestFiles.fixture("mnist-test.h5"))
        let images = try images(8, of: split, Preprocessing(parsing: "0.1307,0.3081"))
        try TestFiles.withTemporaryFolder { folder in
            try model.convert(to: folder + "/converted.h5", options: ConversionOptions(target: target))
            let converted = try Model(path: folder + "/converted.h5")
            expectClose(
                try logits(converted, images, .fast), try logits(converted, images, .reference))
        }
    }

    @Test(
        "Stored statistics keep more accuracy than copied scales",
        arguments: [
            ("mnist-resnet.keras3.h5", "raw", ConversionOptions.WeightStandardization.off),
            ("mnist-sequential.keras3.h5", "raw", .off),
            ("mnist-resnet.torch.h5", "0.1307,0.3081", .off),
            ("mnist-resnet.torch.h5", "0.1307,0.3081", .on),
        ])
    func statistics(
        file: String, preprocessing: String, standardization: ConversionOptions.WeightStandardization
    ) throws {
        let model = try Model(path: TestFiles.fixture(file))
        let split = try Split(path: TestFiles.fixture("mnist-test.h5"))
        let accuracy = try accuracies(
            of: model, on: split, preprocessing: preprocessing,
            [options(.statistics, standardization), options(.copy, standardization)])
        #expect(accuracy[0] > accuracy[1] + 5)
    }
}

/// Top-1 in percent of a network converted in several ways.
func accuracies(
    of model: Model, on split: Split, preprocessing: String? = nil, _ options: [ConversionOptions]
) throws -> [Double] {
    try TestFiles.withTemporaryFolder { folder in
        let preprocessing = try preprocessing.map { try Preprocessing(parsing: $0) }
        return try options.map { options in
            let path = folder + "/converted.h5"
            try model.convert(to: path, options: options, preprocessing: preprocessing, overwrite: true)
            let converted = try Model(path: path)
            return try split.evaluate(converted.run(on: split)).top1.value * 100
        }
    }
}
