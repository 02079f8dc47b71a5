extension TorchFamily {
    private static let timmMarks = [
        NamedParts.Mark(block: "blocks.0.0.conv_dw.weight", stems: ["conv_stem.weight"])
    ]
    private static let timmTrunk: Set<Substring> = ["conv_stem", "bn1", "blocks", "conv_head", "bn2"]

    /// MobileNetV2 of any width, and of the depths that timm has, in timm's names.
    static let timmMobileNetV2 = TorchFamily(marks: timmMarks, trunk: timmTrunk) {
        names throws(NetworkError) in
        let counts = names.timmStages
        let depths = [[1, 2, 3, 4, 3, 3, 1], [1, 3, 4, 5, 4, 4, 1], [1, 3, 5, 6, 5, 5, 1]]
        guard depths.contains(counts) else {
            throw .unrecognized(
                reason:
                    "stages of \(counts) blocks in timm's names, which are not those of a MobileNetV2 or EfficientNet"
            )
        }
        let stages = counts.indices.map {
            EfficientNet.Stage(count: counts[$0], size: 3, stride: MobileNetV2.stages[$0].stride)
        }
        var builder = TimmBuilder(names, activation: MobileNetV2.activation, hasSqueeze: false)
        return try builder.member("mobilenetv2", "MobileNetV2 (timm names)", stages)
    }

    /// EfficientNet B0 to B7 in timm's names, which are those of its `tf_efficientnet` as well.
    static let timmEfficientNet = TorchFamily(marks: timmMarks, trunk: timmTrunk) {
        names throws(NetworkError) in
        let variant = try EfficientNet.of(
            names, block: { "blocks.\($0).\($1).conv_dw" }, last: { _ in "conv_head" })
        var builder = TimmBuilder(names, activation: EfficientNet.activation, hasSqueeze: true)
        var member = try builder.member(
            "efficientnet", "EfficientNet-\(variant.name) (timm names)", variant.stages)
        // Modules tell the padding and ε.
        guard names.recorded("conv_stem") == nil else { return member }
        member.ambiguity =
            "timm's efficientnet and tf_efficientnet have the same names and shapes, and another padding and ε"
        return member
    }
}

extension TorchNames {
    /// Blocks with depthwise convolutions in `blocks.0`, `blocks.1`, ….
    var timmStages: [Int] {
        var counts: [Int] = []
        while true {
            let count = count { "blocks.\(counts.count).\($0).conv_dw" }
            if count == 0 { return counts }
            counts.append(count)
        }
    }
}

private struct TimmBuilder {
    private let names: TorchNames
    private var graph: GraphBuilder<TorchNames>
    private let activation: Activation
    private let hasSqueeze: Bool

    init(_ names: TorchNames, activation: Activation, hasSqueeze: Bool) {
        self.names = names
        graph = GraphBuilder(names: names)
        self.activation = activation
        self.hasSqueeze = hasSqueeze
    }

    mutating func member(
        _ name: String, _ title: String, _ stages: [EfficientNet.Stage]
    ) throws(NetworkError) -> TorchMember {
        let input = try graph.input(before: "conv_stem")
        var value = try graph.normalized(
            ("conv_stem", "bn1"), input, size: 3, stride: 2, activation: activation)
        for (index, stage) in stages.enumerated() {
            for place in 0..<stage.count {
                let name = "blocks.\(index).\(place)"
                var block = InvertedResidual(timm: name, names)
                guard (block.squeeze != nil) == hasSqueeze else {
                    throw .unrecognized(
                        reason: "block '\(names.prefix)\(name)' \(hasSqueeze ? "without" : "with") "
                            + "squeeze-and-excitation is not one of \(title)")
                }
                block.squeeze?.activation = activation
                value = try graph.invertedResidual(
                    block, value, size: stage.size, stride: place == 0 ? stage.stride : 1,
                    activation: activation)
            }
        }
        value = try graph.normalized(("conv_head", "bn2"), value, size: 1, activation: activation)
        var member = TorchMember(
            name: name, title: title, graph: graph, input: input, output: value, geometry: "timm's")
        try member.appendClassifier(after: "global_pool")
        return member
    }
}
