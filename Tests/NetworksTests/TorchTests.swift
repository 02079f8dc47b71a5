import Tensors
import Testing

@testable import Networks

@Suite("ResNets by PyTorch's names")
struct TorchTests {
    static let resNet50 = TorchNetwork(blocks: [3, 4, 6, 3], isBottleneck: true)
    static let resNet20 = TorchNetwork(
        blocks: [3, 3, 3], stem: 3, planes: 16, shortcut: nil, classifier: "linear", classes: 10)

    /// Trainable parameters as torchvision documents them.
    @Test(
        "torchvision's networks are recognised, every parameter used",
        arguments: [
            (TorchNetwork(blocks: [2, 2, 2, 2]), "ResNet-18", 69, 11_689_512),
            (TorchNetwork(blocks: [3, 4, 6, 3]), "ResNet-34", 125, 21_797_672),
            (resNet50, "ResNet-50", 175, 25_557_032),
            (TorchNetwork(blocks: [3, 4, 23, 3], isBottleneck: true), "ResNet-101", 345, 44_549_160),
            (TorchNetwork(blocks: [3, 8, 36, 3], isBottleneck: true), "ResNet-152", 515, 60_192_808),
            (
                TorchNetwork(blocks: [3, 4, 6, 3], isBottleneck: true, groups: 32, widthPerGroup: 4),
                "ResNeXt-50 32x4d", 175, 25_028_904
            ),
            (
                TorchNetwork(blocks: [3, 4, 6, 3], isBottleneck: true, widthPerGroup: 128),
                "Wide ResNet-50-2", 175, 68_883_240
            ),
        ])
    func torchvision(network: TorchNetwork, title: String, nodes: Int, count: Int) throws {
        let parameters = table(network.parameters())
        let recognition = try recognizeTorch(parameters: parameters)
        #expect(recognition.network.architecture == "\(title) (torchvision names)")
        #expect(recognition.network.family == .torch)
        #expect(recognition.network.nodes.count == nodes)
        #expect(recognition.unused.isEmpty)
        let statistics = ["running_mean", "running_var", "num_batches_tracked"]
        let trained = Set(recognition.network.nodes.flatMap(\.operation.parameters)).filter { name in
            !statistics.contains { name.hasSuffix($0) }
        }
        #expect(trained.reduce(0) { $0 + (parameters[$1]?.shape.count ?? 0) } == count)
    }

    @Test("ResNet-50's stages have the extents of the paper's table")
    func stages() throws {
        let network = try recognizeTorch(parameters: table(Self.resNet50.parameters())).network
        let shapes = try network.shapes(height: 224, width: 224)
        func last(_ layer: String) throws -> Shape {
            shapes[try #require(network.nodes.lastIndex { $0.layer == layer })]
        }
        #expect(try last("conv1") == [112, 112, 64])
        #expect(try last("maxpool") == [56, 56, 64])
        #expect(try last("layer1.2.relu") == [56, 56, 256])
        #expect(try last("layer2.3.relu") == [28, 28, 512])
        #expect(try last("layer3.5.relu") == [14, 14, 1024])
        #expect(try last("layer4.2.relu") == [7, 7, 2048])
        #expect(try last("avgpool") == [2048])
        #expect(try last("fc") == [1000])
        #expect(try last("layer2.0.conv1") == [56, 56, 128], "the stride is on the 3×3")
        #expect(try last("layer2.0.conv2") == [28, 28, 128])
        #expect(shapes[network.output] == [1000])
    }

    @Test("CIFAR ResNets keep the image's extents in the stem and pad channels in shortcuts")
    func cifar() throws {
        let recognition = try recognizeTorch(parameters: table(Self.resNet20.parameters()))
        let network = recognition.network
        #expect(network.architecture == "ResNet-20 (CIFAR)")
        #expect(network.input == Network.Input(height: nil, width: nil, channels: 3))
        let shapes = try network.shapes(height: 32, width: 32)
        let pads = network.nodes.indices.filter {
            if case .padChannels = network.nodes[$0].operation { true } else { false }
        }
        #expect(
            pads.map { network.nodes[$0].operation } == [
                .padChannels(before: 8, after: 8), .padChannels(before: 16, after: 16),
            ])
        #expect(pads.map { shapes[$0] } == [[16, 16, 32], [8, 8, 64]])
        #expect(shapes[1] == [32, 32, 16])
        #expect(shapes[network.output] == [10])
    }

    @Test("CIFAR networks with projections are recognised, of three stages or four")
    func projections() throws {
        for shortcut in ["shortcut", "downsample"] {
            var small = Self.resNet20
            small.shortcut = shortcut
            #expect(
                try recognizeTorch(parameters: table(small.parameters())).network.architecture
                    == "ResNet-20 (CIFAR)")
        }
        var network = TorchNetwork(blocks: [2, 2, 2, 2], stem: 3, shortcut: "shortcut", classifier: "linear")
        let recognized = try recognizeTorch(parameters: table(network.parameters())).network
        #expect(recognized.architecture == "ResNet-18 (CIFAR)")
        #expect(!recognized.nodes.contains { $0.layer == "maxpool" })
        network.shortcut = "downsample"
        #expect(throws: NetworkError.self) { try recognizeTorch(parameters: table(network.parameters())) }
    }

    @Test("a common prefix and slashes for dots are understood, names in the file kept")
    func prefixes() throws {
        let dotted = try recognizeTorch(parameters: table(Self.resNet20.parameters(prefix: "module.")))
            .network
        #expect(dotted.nodes[1].layer == "module.conv1")
        let nested = Self.resNet20.parameters().map { name, extents in
            (String(name.map { $0 == "." ? "/" : $0 }), extents)
        }
        let network = try recognizeTorch(parameters: table(nested)).network
        #expect(network.nodes[1].operation.parameters == ["conv1/weight"])
        #expect(network.nodes[1].layer == "conv1")
    }

    @Test("norms without statistics are group norms with the settings given for them")
    func groupNorms() throws {
        var file = Self.resNet20
        file.hasStatistics = false
        let parameters = table(file.parameters())
        let error = #expect(throws: NetworkError.self) { try recognizeTorch(parameters: parameters) }
        #expect(error?.description.contains("layer 'bn1': number of groups is not recorded") == true)
        let names = parameters.names.filter { $0.contains("bn") && $0.hasSuffix(".weight") }
        var settings = Dictionary(
            uniqueKeysWithValues: names.map {
                (String($0.dropLast(7)), GroupNormSettings(groups: 4, epsilon: 1e-6))
            })
        let network = try recognizeTorch(parameters: parameters, groupNorms: settings).network
        #expect(
            network.nodes[2].operation
                == .groupNorm(
                    GroupNorm(gamma: "bn1.weight", beta: "bn1.bias", groups: 4, epsilon: 1e-6, channels: 16)))
        settings["bn1"]?.groups = 5
        #expect(throws: NetworkError.self) {
            try recognizeTorch(parameters: parameters, groupNorms: settings)
        }
    }

    @Test("a convolution's bias is used where there is one")
    func convolutionBias() throws {
        let parameters = Self.resNet20.parameters() + [("layer1.0.conv1.bias", [16])]
        let recognition = try recognizeTorch(parameters: table(parameters))
        #expect(
            recognition.network.nodes.contains { $0.operation.parameters.contains("layer1.0.conv1.bias") })
        #expect(recognition.unused.isEmpty)
    }

    @Test("what stands beside the trunk is reported, what stands inside is refused")
    func leftovers() throws {
        let beside = Self.resNet20.parameters() + [("aux.weight", [3])]
        #expect(try recognizeTorch(parameters: table(beside)).unused == ["aux.weight"])
        for stray in ["layer1.0.se.fc1.weight", "layer1.7.conv1.weight", "layer4.1.conv1.weight"] {
            #expect(
                throws: NetworkError.unrecognized(
                    reason: "parameter '\(stray)' does not belong to a plain ResNet")
            ) { try recognizeTorch(parameters: table(Self.resNet20.parameters() + [(stray, [3])])) }
        }
    }

    @Test("files of other networks are refused")
    func unrecognized() {
        for names in [[], [("conv1.weight", [64, 3, 7, 7])], [("features.0.weight", [64, 3, 3, 3])]] {
            #expect(throws: NetworkError.self) { try recognizeTorch(parameters: table(names)) }
        }
        var pre = Self.resNet20
        pre.stem = 5
        #expect(throws: NetworkError.self) { try recognizeTorch(parameters: table(pre.parameters())) }
    }

    @Test("backbones end in a map", arguments: ["", "backbone."])
    func withoutClassifier(prefix: String) throws {
        let parameters = Self.resNet50.parameters(prefix: prefix).filter { !$0.0.contains("fc.") }
        let network = try recognizeTorch(parameters: table(parameters + [("head.weight", [8, 8])]))
            .network
        #expect(network.architecture == "ResNet-50 (torchvision names), without a classifier")
        #expect(try network.shapes(height: 224, width: 224)[network.output] == [7, 7, 2048])
    }

    @Test("classifiers have several names", arguments: ["fc", "last_linear", "classifier", "fc.1"])
    func classifiers(name: String) throws {
        var network = Self.resNet20
        network.classifier = name
        let found = try recognizeTorch(parameters: table(network.parameters()))
        #expect(found.unused.isEmpty)
        #expect(try found.network.shapes(height: 32, width: 32)[found.network.output] == [10])
        // A perceptron of two layers is no classifier.
        network.classifier = "fc.4"
        let other = try recognizeTorch(
            parameters: table(network.parameters() + [("fc.1.weight", [64, 64]), ("fc.1.bias", [64])]))
        #expect(other.network.architecture.hasSuffix("without a classifier"))
    }

    @Test("of two classifiers none is taken")
    func twoClassifiers() throws {
        let parameters = Self.resNet20.parameters() + [("fc.weight", [10, 64])]
        let found = try recognizeTorch(parameters: table(parameters))
        #expect(found.network.architecture.hasSuffix("without a classifier"))
        #expect(found.unused == ["linear.weight", "linear.bias", "fc.weight"])
    }

    @Test("shortcuts are those of the network's own stages")
    func foreignShortcut() throws {
        let parameters = Self.resNet20.parameters() + [("fpn.downsample.0.weight", [8, 8, 1, 1])]
        #expect(try recognizeTorch(parameters: table(parameters)).unused == ["fpn.downsample.0.weight"])
    }

    @Test("missing parameters are named")
    func missing() {
        for name in ["bn1.weight", "layer2.0.conv2.weight", "layer3.1.bn2.running_var", "linear.weight"] {
            let parameters = Self.resNet20.parameters().filter { $0.0 != name }
            let error = #expect(throws: NetworkError.self) {
                try recognizeTorch(parameters: table(parameters))
            }
            guard case .missingParameter(let missing, _) = error else {
                Issue.record("\(name): \(String(describing: error))")
                continue
            }
            #expect(missing == name)
        }
        var bottleneck = Self.resNet50
        bottleneck.shortcut = nil
        #expect(
            throws: NetworkError.missingParameter(name: "layer1.0.downsample.0.weight", neededBy: "layer1.0")
        ) { try recognizeTorch(parameters: table(bottleneck.parameters())) }
    }

    @Test("shapes that do not fit are refused with what was found")
    func wrongShapes() {
        for (name, extents) in [
            ("layer1.0.conv1.weight", [16, 16, 5, 5]), ("layer1.0.conv1.weight", [16, 7, 3, 3]),
            ("layer1.0.conv1.weight", [16, 0, 3, 3]), ("layer1.1.bn1.bias", [15]), ("conv1.weight", [16]),
            ("linear.weight", [10, 63]), ("linear.bias", [11]),
        ] {
            let parameters = Self.resNet20.parameters().map { $0.0 == name ? (name, extents) : $0 }
            let error = #expect(throws: NetworkError.self) {
                try recognizeTorch(parameters: table(parameters))
            }
            guard case .wrongShape(name, _, _) = error else {
                Issue.record("\(name): \(String(describing: error))")
                continue
            }
        }
    }
}
