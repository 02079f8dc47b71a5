import Tensors
import Testing

@testable import Networks

/// Which convolution goes with a norm by names in PyTorch's files, and what the channels of the file say about it. Layers and
/// shapes are those of the libraries' own code; `Conformance/check_pairs.py` compares whole networks.
@Suite("Pairs by names, and the channels that show them")
struct PairEvidenceTests {
    @Test("neighbours in a Sequential are a pair, whatever the expansion: MobileNetV2")
    func sequential() throws {
        let layers: [(String, [Int])] = [
            ("features.2.conv.0.0", [96, 16, 1, 1]), ("features.2.conv.0.1", [96]),
            ("features.2.conv.1.0", [96, 1, 3, 3]), ("features.2.conv.1.1", [96]),
            ("features.2.conv.2", [24, 96, 1, 1]), ("features.2.conv.3", [24]),
        ]
        #expect(
            try pairs(layers) == [
                "features.2.conv.0.1": "features.2.conv.0.0", "features.2.conv.1.1": "features.2.conv.1.0",
                "features.2.conv.3": "features.2.conv.2",
            ])
    }

    @Test("a number that is missing in a Sequential is an activation between the two: ConvMixer")
    func activationBetween() throws {
        let layers = [("stem.0", [16, 3, 7, 7]), ("stem.2", [16]), ("other", [16, 8, 1, 1])]
        #expect(try pairs(layers).isEmpty)
    }

    @Test("a list with norms beside norms is no Sequential")
    func list() throws {
        let layers: [(String, [Int])] = [
            ("a.0", [8, 8, 3, 3]), ("a.1", [8, 8, 3, 3]), ("a.2", [8]), ("a.3", [8]),
        ]
        #expect(try pairs(layers).isEmpty)
    }

    @Test("kernels of even size may be transposed convolutions', whose inputs come first: Linknet, pix2pix")
    func transposed() throws {
        #expect(try pairs([("up.0", [8, 8, 4, 4]), ("up.1", [8])]).isEmpty)
        #expect(
            try pairs([("up.0", [16, 8, 4, 4]), ("up.1", [8]), ("up.3", [8, 8, 3, 3]), ("up.4", [8])]).isEmpty
        )
        #expect(try pairs([("down.0", [16, 8, 4, 4]), ("down.1", [16])]) == ["down.1": "down.0"])
    }

    @Test(
        "a norm before its convolution shows that all of its kind are, and the number before is theirs: DenseNet"
    )
    func preActivation() throws {
        var layers: [(String, [Int])] = [("features.conv0", [96, 3, 7, 7]), ("features.norm0", [96])]
        for (index, inputs) in [96, 128, 160].enumerated() {
            let layer = "features.denseblock1.denselayer\(index + 1)"
            layers += [
                ("\(layer).norm1", [inputs]), ("\(layer).conv1", [128, inputs, 1, 1]),
                ("\(layer).norm2", [128]), ("\(layer).conv2", [32, 128, 3, 3]),
            ]
        }
        layers += [("features.transition1.norm", [192]), ("features.transition1.conv", [96, 192, 1, 1])]
        layers += [("features.norm5", [96])]
        let block = "features.denseblock1.denselayer"
        let expected = Dictionary(
            uniqueKeysWithValues: (1...3).map { ("\(block)\($0).norm2", "\(block)\($0).conv1") })
        // The stem reads the image: no norm of 96 channels is before it.
        #expect(
            try pairs(layers) == expected.merging(["features.norm0": "features.conv0"]) { first, _ in first })
    }

    @Test("isotropic blocks show nothing, and a stem shows nothing about them")
    func isotropic() throws {
        let stem: [(String, [Int])] = [("conv1", [16, 3, 3, 3]), ("bn1", [16])]
        let blocks: [(String, [Int])] = (0..<3).flatMap { index in
            ["bn1", "bn2"].map { ("blocks.\(index).\($0)", [16]) }
                + ["conv1", "conv2"].map { ("blocks.\(index).\($0)", [16, 16, 3, 3]) }
        }
        #expect(try pairs(stem + blocks) == ["bn1": "conv1"])
        let cells: [(String, [Int])] = [
            ("stem.conv", [16, 3, 3, 3]), ("stem.bn", [16]), ("cells.0.bn", [16]),
            ("cells.0.conv", [16, 16, 3, 3]),
        ]
        #expect(try pairs(cells) == ["stem.bn": "stem.conv"])
    }

    @Test("modules with the same names in them are of one class, unless some pair shows the contrary: DPN")
    func modules() throws {
        let cells: [(String, [Int])] = [
            ("a.x.conv", [16, 8, 1, 1]), ("a.x.bn", [16]), ("b.y.conv", [16, 16, 3, 3]), ("b.y.bn", [16]),
        ]
        #expect(try pairs(cells) == ["a.x.bn": "a.x.conv", "b.y.bn": "b.y.conv"])
        let contrary: [(String, [Int])] = [("c.z.bn", [8]), ("c.z.conv", [16, 8, 1, 1])]
        #expect(try pairs(cells + contrary) == ["a.x.bn": "a.x.conv"])
    }

    @Test("blocks with several norms show it for the same words: Res2Net")
    func words() throws {
        let layers: [(String, [Int])] = [
            ("layer1.0.conv1", [104, 64, 1, 1]), ("layer1.0.bn1", [104]),
            ("layer1.0.convs.0", [26, 26, 3, 3]), ("layer1.0.convs.1", [26, 26, 3, 3]),
            ("layer1.0.bns.0", [26]), ("layer1.0.bns.1", [26]),
            ("layer1.0.conv3", [256, 104, 1, 1]), ("layer1.0.bn3", [256]),
        ]
        let found = try pairs(layers)
        #expect(
            found["layer1.0.bns.0"] == "layer1.0.convs.0" && found["layer1.0.bns.1"] == "layer1.0.convs.1")
        #expect(found.count == 4)
    }

    @Test("a convolution without a norm may shift the numbers of the others")
    func shifted() throws {
        let layers: [(String, [Int])] = [
            ("a.conv1", [16, 8, 3, 3]), ("a.conv2", [16, 16, 3, 3]), ("a.bn1", [16]),
        ]
        #expect(try pairs(layers).isEmpty)
        #expect(try pairs(layers + [("a.bn2", [16])]) == ["a.bn1": "a.conv1", "a.bn2": "a.conv2"])
    }

    static let blocks: [[(String, [Int])]] = [
        // timm's InvertedResidual, DepthwiseSeparableConv, EdgeResidual; EfficientNet-PyTorch.
        [
            ("conv_pw", [96, 16, 1, 1]), ("bn1", [96]), ("conv_dw", [96, 1, 3, 3]), ("bn2", [96]),
            ("conv_pwl", [24, 96, 1, 1]), ("bn3", [24]),
        ],
        [("conv_dw", [32, 1, 3, 3]), ("bn1", [32]), ("conv_pw", [16, 32, 1, 1]), ("bn2", [16])],
        [("conv_exp", [64, 16, 3, 3]), ("bn1", [64]), ("conv_pwl", [24, 64, 1, 1]), ("bn2", [24])],
        [
            ("_expand_conv", [96, 16, 1, 1]), ("_bn0", [96]), ("_depthwise_conv", [96, 1, 3, 3]),
            ("_bn1", [96]), ("_project_conv", [24, 96, 1, 1]), ("_bn2", [24]),
        ],
    ]

    @Test("the blocks of widespread libraries have the pairs of their sources", arguments: blocks)
    func knownBlocks(block: [(String, [Int])]) throws {
        let layers = block.map { ("blocks.1.0.\($0)", $1) }
        let expected = stride(from: 0, to: layers.count, by: 2).map { (layers[$0 + 1].0, layers[$0].0) }
        #expect(try pairs(layers) == Dictionary(uniqueKeysWithValues: expected))
        // Other channels: another block of the same names.
        var other = layers
        other[1].1 = [48]
        // So that the number of channels alone proves nothing.
        other.append(("stray", [layers[3].1[0], 7, 1, 1]))
        #expect(try pairs(other)[layers[3].0] == nil)
        // One norm more: another block as well.
        let more = try pairs(layers + [("blocks.1.0.bn9", [24])])
        #expect(more.count < expected.count)
    }

    @Test("the order of the file changes nothing", arguments: 0..<4)
    func order(seed: Int) throws {
        let layers = Self.blocks.enumerated().flatMap { index, block in
            block.map { ("blocks.\(index).\($0)", $1) }
        }
        var generator = SplitMix64(seed: UInt64(seed))
        #expect(try pairs(layers.shuffled(using: &generator)) == pairs(layers))
    }

    @Test("kernels of one and three dimensions are paired: torchvision's r3d_18")
    func spatial() throws {
        let layers: [(String, [Int])] = [
            ("stem.0", [64, 3, 3, 7, 7]), ("stem.1", [64]), ("layer1.0.conv1.0", [128, 64, 3, 3, 3]),
            ("layer1.0.conv1.1", [128]), ("line.0", [8, 4, 5]), ("line.1", [8]),
            ("fc.0", [8, 4]), ("fc.1", [8]),
        ]
        #expect(
            try pairs(layers) == [
                "stem.1": "stem.0", "layer1.0.conv1.1": "layer1.0.conv1.0", "line.1": "line.0",
            ])
    }

    @Test(
        "kernels of three dimensions in a ResNet's names are no damage where no other kernels are: MedicalNet"
    )
    func volumes() throws {
        let layers: [(String, [Int])] = [
            ("module.conv1", [8, 1, 7, 7, 7]), ("module.bn1", [8]),
            ("module.layer1.0.conv1", [16, 8, 3, 3, 3]), ("module.layer1.0.bn1", [16]),
            ("module.layer1.0.conv2", [16, 16, 3, 3, 3]), ("module.layer1.0.bn2", [16]),
            ("module.fc", [2, 16]),
        ]
        let found = try pairs(layers)
        #expect(found["module.layer1.0.bn1"] == "module.layer1.0.conv1")
        #expect(found["module.layer1.0.bn2"] == "module.layer1.0.conv2")
        #expect(throws: NetworkError.self) { try pairs(layers + [("module.other", [4, 4, 3, 3])]) }
    }

    @Test(
        "a kernel's groups follow from one input, and are in doubt with few",
        arguments: [
            ([64, 1, 3, 3], 64, nil), ([128, 4, 3, 3], 1, .mayBeGrouped), ([64, 3, 7, 7], 1, nil),
            ([144, 24, 1, 1], 1, nil), ([64, 64, 2, 2], 1, .mayBeTransposed), ([64, 64, 3, 3], 1, nil),
        ] as [([Int], Int, Convolution.Doubt?)])
    func doubts(extents: [Int], groups: Int, doubt: Convolution.Doubt?) throws {
        let layers = NamedLayers(table([("conv.weight", extents)]), [:])
        let convolution = try #require(layers.layers.first?.convolution)
        #expect((convolution.groups, convolution.doubt) == (groups, doubt))
        #expect(convolution.kernelShape?.extents == extents)
    }

    /// Norm → convolution. Layers are kernels by their extents, or norms by their channels.
    private func pairs(_ layers: [(String, [Int])]) throws -> [String: String] {
        let parameters = table(
            layers.flatMap { layer, extents -> [(String, [Int])] in
                extents.count > 1
                    ? [("\(layer).weight", extents)]
                    : ["weight", "bias", "running_mean", "running_var"].map { ("\(layer).\($0)", extents) }
            })
        return try recognizeNames(parameters: parameters).network.possiblePairs.mapValues(\.convolution)
    }
}
