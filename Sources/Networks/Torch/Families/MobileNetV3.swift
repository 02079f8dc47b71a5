extension TorchFamily {
    /// MobileNetV3 Large and Small (Howard et al. 2019) of any width in torchvision's names.
    static let mobileNetV3 = TorchFamily(
        marks: [NamedParts.Mark(block: "features.1.block.0.0.weight", stems: ["features.0.0.weight"])],
        trunk: ["features"]
    ) { names throws(NetworkError) in
        var names = names
        names.convention = MobileNetV3.convention
        let count = names.count { "features.\($0 + 1).block.0.0" }
        guard let variant = MobileNetV3.variants.first(where: { $0.blocks.count == count }) else {
            throw .unrecognized(reason: "\(count) blocks of a MobileNetV3, expected 15 or 11")
        }
        var builder = MobileNetV3Builder(variant, names)
        return try builder.member()
    }
}

/// What the paper gives (tables 1 and 2) and names do not.
struct MobileNetV3: Sendable {
    /// A block: the depthwise kernel's size and stride, whether there is squeeze-and-excitation, and hard swish for ReLU.
    struct Block: Sendable {
        var size: Int
        var stride = 1
        var hasSqueeze: Bool
        var isHardSwish: Bool
    }

    /// `Large`, `Small`
    let name: String
    let blocks: [Block]

    /// ε in torchvision.
    static let convention = EpsilonConventions.Convention(
        epsilon: 1e-3, source: "as in torchvision's MobileNetV3")

    static let variants = [
        MobileNetV3(
            name: "Large",
            blocks: [
                Block(size: 3, hasSqueeze: false, isHardSwish: false),
                Block(size: 3, stride: 2, hasSqueeze: false, isHardSwish: false),
                Block(size: 3, hasSqueeze: false, isHardSwish: false),
                Block(size: 5, stride: 2, hasSqueeze: true, isHardSwish: false),
            ] + repeated(2, Block(size: 5, hasSqueeze: true, isHardSwish: false))
                + [Block(size: 3, stride: 2, hasSqueeze: false, isHardSwish: true)]
                + repeated(3, Block(size: 3, hasSqueeze: false, isHardSwish: true))
                + repeated(2, Block(size: 3, hasSqueeze: true, isHardSwish: true))
                + [Block(size: 5, stride: 2, hasSqueeze: true, isHardSwish: true)]
                + repeated(2, Block(size: 5, hasSqueeze: true, isHardSwish: true))),
        MobileNetV3(
            name: "Small",
            blocks: [
                Block(size: 3, stride: 2, hasSqueeze: true, isHardSwish: false),
                Block(size: 3, stride: 2, hasSqueeze: false, isHardSwish: false),
                Block(size: 3, hasSqueeze: false, isHardSwish: false),
                Block(size: 5, stride: 2, hasSqueeze: true, isHardSwish: true),
            ] + repeated(4, Block(size: 5, hasSqueeze: true, isHardSwish: true))
                + [Block(size: 5, stride: 2, hasSqueeze: true, isHardSwish: true)]
                + repeated(2, Block(size: 5, hasSqueeze: true, isHardSwish: true))),
    ]

    private static func repeated(_ count: Int, _ block: Block) -> [Block] {
        [Block](repeating: block, count: count)
    }
}

private struct MobileNetV3Builder {
    private let variant: MobileNetV3
    private let names: TorchNames
    private var graph: GraphBuilder<TorchNames>

    init(_ variant: MobileNetV3, _ names: TorchNames) {
        (self.variant, self.names) = (variant, names)
        graph = GraphBuilder(names: names)
    }

    mutating func member() throws(NetworkError) -> TorchMember {
        let input = try graph.input(before: "features.0.0")
        var value = try graph.normalized(
            ("features.0.0", "features.0.1"), input, size: 3, stride: 2, activation: .hardSwish)
        for (index, block) in variant.blocks.enumerated() {
            var layers = InvertedResidual(torchvision: "features.\(index + 1)", names)
            guard (layers.squeeze != nil) == block.hasSqueeze else {
                throw .unrecognized(
                    reason: "block '\(names.prefix)\(layers.name)' \(block.hasSqueeze ? "without" : "with") "
                        + "squeeze-and-excitation is not one of MobileNetV3-\(variant.name)")
            }
            layers.squeeze?.gate = .hardSigmoid(slope: 1 / 6)
            value = try graph.invertedResidual(
                layers, value, size: block.size, stride: block.stride,
                activation: block.isHardSwish ? .hardSwish : .relu)
        }
        let last = "features.\(variant.blocks.count + 1)"
        value = try graph.normalized(("\(last).0", "\(last).1"), value, size: 1, activation: .hardSwish)
        var member = TorchMember(
            name: "mobilenet_v3_\(variant.name.lowercased())",
            title: "MobileNetV3-\(variant.name) (torchvision names)", graph: graph, input: input,
            output: value, geometry: "torchvision's")
        // Someone may have put one fully connected layer in the place of two.
        guard names["classifier.0.weight"] != nil, names["classifier.3.weight"] != nil else {
            try member.appendClassifier()
            return member
        }
        value = try member.graph.head("avgpool", "classifier.0", value)
        value = member.graph.apply(.activation(.hardSwish), "classifier.1", to: value)
        member.output = try member.graph.dense("classifier.3", value)
        return member
    }
}
