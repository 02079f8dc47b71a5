extension TorchFamily {
    /// MobileNetV2 (Sandler et al. 2018) of any width in torchvision's names.
    static let mobileNetV2 = TorchFamily(
        marks: [NamedParts.Mark(block: "features.1.conv.0.0.weight", stems: ["features.0.0.weight"])],
        trunk: ["features"]
    ) { names throws(NetworkError) in
        let stages = MobileNetV2.stages
        let count = names.count { "features.\($0 + 1).conv.0.0" }
        guard count == stages.reduce(0, { $0 + $1.blocks }) else {
            throw .unrecognized(reason: "\(count) blocks of a MobileNetV2, expected 17")
        }
        var graph = GraphBuilder(names: names)
        let input = try graph.input(before: "features.0.0")
        let activation = MobileNetV2.activation
        var value = try graph.normalized(
            ("features.0.0", "features.0.1"), input, size: 3, stride: 2, activation: activation)
        var place = 1
        for stage in stages {
            for block in 0..<stage.blocks {
                value = try graph.invertedResidual(
                    InvertedResidual(mobileNetV2: "features.\(place)", names), value, size: 3,
                    stride: block == 0 ? stage.stride : 1, activation: activation)
                place += 1
            }
        }
        let last = "features.\(place)"
        value = try graph.normalized(("\(last).0", "\(last).1"), value, size: 1, activation: activation)
        var member = TorchMember(
            name: "mobilenet_v2", title: "MobileNetV2 (torchvision names)", graph: graph, input: input,
            output: value, geometry: "torchvision's")
        try member.appendClassifier()
        return member
    }
}

/// What the paper gives (table 2) and names do not.
enum MobileNetV2 {
    /// Blocks of each stage and the stride of its first one.
    static let stages = [(1, 1), (2, 2), (3, 2), (4, 2), (3, 1), (3, 2), (1, 1)].map {
        (blocks: $0, stride: $1)
    }
    /// ReLU6.
    static let activation = Activation.clippedReLU(limit: 6)
}
