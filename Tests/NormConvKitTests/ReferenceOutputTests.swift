import NormConvKit
import TestSupport
import Testing

/// Networks of the fixtures against what Keras and PyTorch compute from them: `Fixtures/README.md`.
@Suite("Networks give the outputs of the frameworks that made them")
struct ReferenceOutputTests {
    private static let outputs = "reference-outputs.h5"

    @Test(
        "Networks trained on MNIST, in every layout",
        arguments: [
            ("mnist-resnet.keras3.h5", "mnist-resnet", "raw"),
            ("mnist-resnet.keras2.h5", "mnist-resnet", "raw"),
            ("mnist-sequential.keras3.h5", "mnist-sequential", "raw"),
            ("mnist-resnet.torch.h5", "mnist-resnet-torch", "0.1307,0.3081"),
            ("mnist-resnet.torch-nested.h5", "mnist-resnet-torch", "0.1307,0.3081"),
        ], EngineKind.allCases)
    func mnist(_ network: (file: String, group: String, preprocessing: String), engine: EngineKind) throws {
        let split = try Split(path: TestFiles.fixture("mnist-test.h5"))
        let images = try images(128, of: split, Preprocessing(parsing: network.preprocessing))
        let model = try Model(path: TestFiles.fixture(network.file))
        let found = try logits(model, images, engine)
        expectClose(found, try fixture("\(network.group)/logits", in: Self.outputs))
        expectClose(
            try probabilities(found), try fixture("\(network.group)/probabilities", in: Self.outputs))
    }

    @Test(
        "Top-1 on all of MNIST's test images is the frameworks'",
        arguments: [
            ("mnist-resnet.keras3.h5", "raw", 972), ("mnist-sequential.keras3.h5", "raw", 958),
            ("mnist-resnet.torch.h5", "0.1307,0.3081", 975),
        ])
    func accuracy(file: String, preprocessing: String, correct: Int) throws {
        let split = try Split(path: TestFiles.fixture("mnist-test.h5"))
        let model = try Model(path: TestFiles.fixture(file))
        let outputs = try model.run(on: split, preprocessing: Preprocessing(parsing: preprocessing))
        #expect(try split.evaluate(outputs).top1 == Proportion(correct, of: 1000))
    }

    @Test(
        "torchvision's ResNets, in every layout",
        arguments: ["bottleneck.torch.h5", "bottleneck.safetensors", "bottleneck.pth", "basic.torch.h5"],
        EngineKind.allCases)
    func torchvision(file: String, engine: EngineKind) throws {
        let block = String(file.prefix { $0 != "." })
        let model = try Model(path: TestFiles.fixture("torchvision-\(file)"))
        #expect(model.preprocessing == .torch)
        let (mean, deviation): ([Float], [Float]) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
        let images = preprocessed(try fixture("torchvision/images", in: Self.outputs)) { channel, colours in
            (colours[colours.startIndex + channel] / 255 - mean[channel]) / deviation[channel]
        }
        expectClose(
            try logits(model, images, engine),
            try fixture("torchvision/\(block)/logits", in: Self.outputs))
    }

    static let zoo = [
        "activations.keras3", "convolutions.keras3", "depthwise.keras3", "mixed_precision.keras3",
        "nested.keras2", "nested.keras3", "normalizations.keras3", "pooling.keras3",
        "pre_activation.keras3", "preprocessing.keras3", "shared_layers.keras2", "shared_layers.keras3",
        "squeeze_excite.keras3",
    ]

    @Test("The layer zoo", arguments: zoo, EngineKind.allCases)
    func zooNetwork(file: String, engine: EngineKind) throws {
        let name = String(file.prefix { $0 != "." })
        let expected = name == "mixed_precision" ? "logits_float32" : "logits"
        let model = try Model(path: TestFiles.fixture("zoo/\(file).h5"))
        let images = try fixture("images", in: "zoo/outputs.h5")
        expectClose(
            try logits(model, images, engine), try fixture("\(name)/\(expected)", in: "zoo/outputs.h5"))
    }

    @Test("Every layer of the zoo", arguments: zoo.filter { !$0.hasPrefix("mixed_precision") })
    func layers(file: String) throws {
        let name = String(file.prefix { $0 != "." })
        let model = try Model(path: TestFiles.fixture("zoo/\(file).h5"))
        let image = try fixture("images", in: "zoo/outputs.h5").prefix(1).reshaped([13, 10, 3])
        let engine = try ReferenceEngine(
            network: model.network, parameters: model.checkpoint.parameters, imageShape: image.shape)
        let values = engine.values(for: image)
        let layers = try layerNames(of: name)
        var compared = 0
        for layer in layers {
            // A layer with an activation is two nodes; its value is the last one's.
            guard let node = model.network.nodes.lastIndex(where: { $0.layer == layer }) else { continue }
            let expected = try fixture("\(name)/layers/\(layer)", in: "zoo/outputs.h5")
            #expect(values[node].shape.count == expected.shape.count, "layer '\(layer)'")
            expectClose(values[node].reshaped(expected.shape), expected, "layer '\(layer)'")
            compared += 1
        }
        #expect(compared >= layers.count / 2)
    }
}
