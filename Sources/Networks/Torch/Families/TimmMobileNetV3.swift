extension TorchFamily {
    /// MobileNetV3 Large and Small of any width in timm's names, which are those of its `tf_mobilenetv3` as well.
    static let timmMobileNetV3 = TorchFamily(
        marks: [NamedParts.Mark(block: "blocks.0.0.conv_dw.weight", stems: ["conv_stem.weight"])],
        trunk: ["conv_stem", "bn1", "blocks", "conv_head"]
    ) { names throws(NetworkError) in
        let counts = names.timmStages
        let stages = ["Large": [1, 2, 3, 4, 2, 3], "Small": [1, 2, 3, 2, 3]]
        guard let variant = MobileNetV3.variants.first(where: { stages[$0.name] == counts }),
            names.hasConvolution("blocks.\(counts.count).0.conv"), names.hasConvolution("conv_head")
        else { throw .unrecognized(reason: "stages of \(counts) blocks, expected those of a MobileNetV3") }
        var builder = TimmMobileNetV3Builder(variant, names, counts)
        var member = try builder.member()
        // Modules tell the padding and ε.
        guard names.recorded("conv_stem") == nil else { return member }
        member.ambiguity =
            "timm's mobilenetv3 and tf_mobilenetv3 have the same names and shapes, and another padding and ε"
        return member
    }
}

private struct TimmMobileNetV3Builder {
    private let variant: MobileNetV3
    private let names: TorchNames
    private let counts: [Int]
    private var graph: GraphBuilder<TorchNames>

    init(_ variant: MobileNetV3, _ names: TorchNames, _ counts: [Int]) {
        (self.variant, self.names, self.counts) = (variant, names, counts)
        graph = GraphBuilder(names: names)
    }

    mutating func member() throws(NetworkError) -> TorchMember {
        let input = try graph.input(before: "conv_stem")
        var value = try graph.normalized(
            ("conv_stem", "bn1"), input, size: 3, stride: 2, activation: .hardSwish)
        let places = counts.enumerated().flatMap { stage, count in (0..<count).map { "blocks.\(stage).\($0)" }
        }
        for (place, block) in zip(places, variant.blocks) {
            var layers = InvertedResidual(timm: place, names)
            guard (layers.squeeze != nil) == block.hasSqueeze else {
                throw .unrecognized(
                    reason: "block '\(names.prefix)\(place)' \(block.hasSqueeze ? "without" : "with") "
                        + "squeeze-and-excitation is not one of MobileNetV3-\(variant.name)")
            }
            layers.squeeze?.gate = .hardSigmoid(slope: 1 / 6)
            value = try graph.invertedResidual(
                layers, value, size: block.size, stride: block.stride,
                activation: block.isHardSwish ? .hardSwish : .relu)
        }
        let last = "blocks.\(counts.count).0"
        value = try graph.normalized(("\(last).conv", "\(last).bn1"), value, size: 1, activation: .hardSwish)
        value = try graph.head("global_pool", "conv_head", value)
        value = graph.apply(.activation(.hardSwish), "act2", to: value)
        var title = "MobileNetV3-\(variant.name) (timm names)"
        if names.parameter(.kernel, of: "classifier") == nil {
            title += ", without a classifier"
        } else {
            value = try graph.dense("classifier", value)
        }
        return TorchMember(
            name: "mobilenetv3", title: title, graph: graph, input: input, output: value, geometry: "timm's")
    }
}
