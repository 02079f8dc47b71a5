extension TorchFamily {
    /// EfficientNet B0 to B7 (Tan & Le 2019) and V2 S, M and L (Tan & Le 2021) in torchvision's names.
    static let efficientNet = TorchFamily(
        marks: [NamedParts.Mark(block: "features.1.0.block.0.0.weight", stems: ["features.0.0.weight"])],
        trunk: ["features"]
    ) { names throws(NetworkError) in
        let variant = try EfficientNet.of(
            names, block: { "features.\($0 + 1).\($1).block.0.0" }, last: { "features.\($0 + 1).0" })
        var builder = EfficientNetBuilder(variant, names)
        return try builder.member()
    }
}

/// A variant of EfficientNet: what the papers give (table 1; table 4 and torchvision for V2) and names do not.
struct EfficientNet: Sendable {
    /// A stage of blocks that have the same shapes.
    struct Stage: Sendable {
        /// Blocks.
        var count: Int
        /// Rows and columns of the depthwise kernel, or of the whole one in a fused block.
        var size: Int
        /// Stride of the first block.
        var stride: Int
        /// Whether one convolution stands for the first 1×1 and the depthwise one, without squeeze-and-excitation.
        var isFused = false
    }

    /// `B0`, `V2-S`
    let name: String
    /// Rows and columns of the images that the variant was made for.
    let side: Int
    let stages: [Stage]

    static let activation = Activation.swish
    private static let sizes = [3, 3, 5, 3, 5, 5, 3]
    private static let strides = [1, 2, 2, 2, 1, 2, 1]

    private static let variants =
        [
            ("B0", 224, [1, 2, 2, 3, 3, 4, 1]), ("B1", 240, [2, 3, 3, 4, 4, 5, 2]),
            ("B2", 260, [2, 3, 3, 4, 4, 5, 2]), ("B3", 300, [2, 3, 3, 5, 5, 6, 2]),
            ("B4", 380, [2, 4, 4, 6, 6, 8, 2]), ("B5", 456, [3, 5, 5, 7, 7, 9, 3]),
            ("B6", 528, [3, 6, 6, 8, 8, 11, 3]), ("B7", 600, [4, 7, 7, 10, 10, 13, 4]),
        ].map { name, side, counts in
            EfficientNet(
                name: name, side: side,
                stages: counts.indices.map {
                    Stage(count: counts[$0], size: sizes[$0], stride: strides[$0])
                })
        }
        + [
            ("V2-S", 384, [2, 4, 4, 6, 9, 15]), ("V2-M", 480, [3, 5, 5, 7, 14, 18, 5]),
            ("V2-L", 480, [4, 7, 7, 10, 19, 25, 7]),
        ].map { name, side, counts in
            EfficientNet(
                name: name, side: side,
                stages: counts.indices.map {
                    Stage(count: counts[$0], size: 3, stride: strides[$0], isFused: $0 < 3)
                })
        }

    /// The variant with as many blocks in each stage as the file has, known by a convolution of theirs.
    static func of(
        _ names: TorchNames, block convolution: (_ stage: Int, _ block: Int) -> String,
        last: (_ stages: Int) -> String
    ) throws(NetworkError) -> EfficientNet {
        var counts: [Int] = []
        while true {
            let count = names.count { convolution(counts.count, $0) }
            if count == 0 { break }
            counts.append(count)
        }
        let candidates = variants.filter { $0.stages.map(\.count) == counts }
        guard let variant = widest(candidates, names, last: last(counts.count)) else {
            throw .unrecognized(reason: "stages of \(counts) blocks, expected those of an EfficientNet")
        }
        return variant
    }

    /// The variant with this number of blocks in all.
    static func of(_ names: TorchNames, blocks: Int, last: String) throws(NetworkError) -> EfficientNet {
        let candidates = variants.filter { $0.stages.reduce(0) { $0 + $1.count } == blocks }
        guard let variant = widest(candidates, names, last: last) else {
            throw .unrecognized(reason: "\(blocks) blocks, expected those of an EfficientNet")
        }
        return variant
    }

    /// B1 and B2 have the same blocks. B2 is wider, and so is its last convolution.
    private static func widest(
        _ candidates: [EfficientNet], _ names: TorchNames, last: String
    ) -> EfficientNet? {
        let outputsOfB1 = 1280
        let outputs = names.parameter(.kernel, of: last)?.shape.extents.first ?? 0
        return outputs > outputsOfB1 ? candidates.last : candidates.first
    }

    /// ε in torchvision: PyTorch's default up to B4, TensorFlow's in the larger ones and in V2.
    var torchvisionConvention: EpsilonConventions.Convention {
        if ["B0", "B1", "B2", "B3", "B4"].contains(name) { return Self.smallConvention }
        return name.hasPrefix("V2") ? Self.secondConvention : Self.largeConvention
    }

    private static let smallConvention = EpsilonConventions.Convention(
        epsilon: 1e-5, source: "as in torchvision's EfficientNet B0 to B4")
    static let largeConvention = EpsilonConventions.Convention(
        epsilon: 1e-3, source: "as in torchvision's EfficientNet B5 to B7")
    static let secondConvention = EpsilonConventions.Convention(
        epsilon: 1e-3, source: "as in torchvision's EfficientNetV2")
    /// ε of the package `efficientnet_pytorch`.
    static let packageConvention = EpsilonConventions.Convention(
        epsilon: 1e-3, source: "as in EfficientNet-PyTorch")
}

private struct EfficientNetBuilder {
    private let variant: EfficientNet
    private let names: TorchNames
    private var graph: GraphBuilder<TorchNames>

    private typealias Value = GraphBuilder<TorchNames>.Value

    init(_ variant: EfficientNet, _ names: TorchNames) {
        var names = names
        names.convention = variant.torchvisionConvention
        self.variant = variant
        self.names = names
        graph = GraphBuilder(names: names)
    }

    mutating func member() throws(NetworkError) -> TorchMember {
        let activation = EfficientNet.activation
        let input = try graph.input(before: "features.0.0")
        var value = try graph.normalized(
            ("features.0.0", "features.0.1"), input, size: 3, stride: 2, activation: activation)
        for (index, stage) in variant.stages.enumerated() {
            for block in 0..<stage.count {
                let name = "features.\(index + 1).\(block)"
                let stride = block == 0 ? stage.stride : 1
                value =
                    stage.isFused
                    ? try fusedBlock(name, value, size: stage.size, stride: stride)
                    : try self.block(name, value, size: stage.size, stride: stride)
            }
        }
        let last = "features.\(variant.stages.count + 1)"
        value = try graph.normalized(("\(last).0", "\(last).1"), value, size: 1, activation: activation)
        var member = TorchMember(
            name: "efficientnet", title: "EfficientNet-\(variant.name) (torchvision names)", graph: graph,
            input: input, output: value, geometry: "torchvision's")
        try member.appendClassifier()
        return member
    }

    private mutating func block(
        _ name: String, _ input: Value, size: Int, stride: Int
    ) throws(NetworkError) -> Value {
        var block = InvertedResidual(torchvision: name, names)
        guard block.squeeze != nil else {
            throw .missingParameter(
                name: "\(names.prefix)\(name).block.2.fc1.weight", neededBy: names.prefix + name)
        }
        block.squeeze?.activation = EfficientNet.activation
        return try graph.invertedResidual(
            block, input, size: size, stride: stride, activation: EfficientNet.activation)
    }

    /// A whole convolution, and a 1×1 one where the map was widened.
    private mutating func fusedBlock(
        _ name: String, _ input: Value, size: Int, stride: Int
    ) throws(NetworkError) -> Value {
        var value = try graph.normalized(
            ("\(name).block.0.0", "\(name).block.0.1"), input, size: size, stride: stride,
            activation: EfficientNet.activation)
        if names.hasConvolution("\(name).block.1.0") {
            value = try graph.normalized(("\(name).block.1.0", "\(name).block.1.1"), value, size: 1)
        }
        return stride == 1 ? graph.added(name, value, to: input) : value
    }
}
