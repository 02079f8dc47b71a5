import Tensors

extension TorchFamily {
    /// SE-ResNet, SE-ResNeXt (50 layers and more) and SENet-154 (Hu et al. 2018) in the names of Cadene's pretrained models:
    /// timm's `legacy_seresnet50`, segmentation models' `se_resnet50`.
    static let seNet = TorchFamily(
        marks: [
            NamedParts.Mark(block: "layer1.0.se_module.fc1.weight", stems: ["layer0.conv1.weight"])
        ], trunk: ["layer0", "layer1", "layer2", "layer3", "layer4"]
    ) { names throws(NetworkError) in
        var builder = SENetBuilder(names)
        return try builder.member()
    }
}

private struct SENetBuilder {
    private static let stages = 4

    private let names: TorchNames
    private var graph: GraphBuilder<TorchNames>

    private typealias Value = GraphBuilder<TorchNames>.Value

    init(_ names: TorchNames) {
        self.names = names
        graph = GraphBuilder(names: names)
    }

    mutating func member() throws(NetworkError) -> TorchMember {
        let input = try graph.input(before: "layer0.conv1")
        var value = try stem(input)
        let counts = (1...Self.stages).map { stage in names.count { "layer\(stage).\($0).conv3" } }
        for (stage, count) in zip(1..., counts) {
            for block in 0..<max(count, 1) {
                value = try bottleneck(
                    "layer\(stage).\(block)", value, stride: stage > 1 && block == 0 ? 2 : 1)
            }
        }
        let isDeep = names.hasConvolution("layer0.conv3")
        let depth = (isDeep ? 4 : 2) + 3 * counts.reduce(0, +)
        let groups = groups("layer1.0.conv2")
        let kind = isDeep ? "SENet" : groups == 1 ? "SE-ResNet" : "SE-ResNeXt"
        var member = TorchMember(
            name: "senet\(depth)", title: "\(kind)-\(depth) (Cadene's names)", graph: graph, input: input,
            output: value, geometry: "Cadene's (pretrained-models.pytorch)")
        try member.appendClassifier(after: "global_pool")
        return member
    }

    /// One 7×7 convolution, or three 3×3 ones, and a pool whose last windows may reach over the border (Caffe's rule).
    private mutating func stem(_ input: Value) throws(NetworkError) -> Value {
        let isDeep = names.hasConvolution("layer0.conv3")
        var value = try graph.normalized(
            ("layer0.conv1", "layer0.bn1"), input, size: isDeep ? 3 : 7, stride: 2, activation: .relu)
        for number in isDeep ? [2, 3] : [] {
            value = try graph.normalized(
                ("layer0.conv\(number)", "layer0.bn\(number)"), value, size: 3, activation: .relu)
        }
        let margins = Margins(top: 0, bottom: 1, left: 0, right: 1)
        let pool = Pool(kind: .maximum, size: Extent(3), strides: Extent(2), padding: .margins(margins))
        return graph.apply(.pool(pool), "layer0.pool0", to: value)
    }

    /// The stride is on the 3×3 convolution where that is grouped, else on the first one.
    private mutating func bottleneck(
        _ name: String, _ input: Value, stride: Int
    ) throws(NetworkError) -> Value {
        let isGrouped = groups("\(name).conv2") > 1
        var value = try graph.normalized(
            ("\(name).conv1", "\(name).bn1"), input, size: 1, stride: isGrouped ? 1 : stride,
            activation: .relu)
        value = try graph.normalized(
            ("\(name).conv2", "\(name).bn2"), value, size: 3, stride: isGrouped ? stride : 1, groups: nil,
            activation: .relu)
        value = try graph.normalized(("\(name).conv3", "\(name).bn3"), value, size: 1)
        value = try graph.squeezeExcitation(SqueezeExcitation(name: "\(name).se_module"), value)
        var shortcut = input
        if stride != 1 || input.channels != value.channels {
            let projection = "\(name).downsample.0"
            shortcut = try graph.normalized(
                (projection, "\(name).downsample.1"), input, size: names.kernelSize(of: projection) ?? 1,
                stride: stride)
        }
        guard shortcut.channels == value.channels else {
            throw .shapeMismatch(
                layer: names.prefix + name, found: "a shortcut of \(shortcut.channels) channels",
                expected: "\(value.channels)")
        }
        let sum = graph.append("\(name).add", .add, [value.node, shortcut.node])
        return graph.relu("\(name).relu", Value(node: sum, channels: value.channels))
    }

    /// Groups of a convolution with as many inputs as outputs.
    private func groups(_ layer: String) -> Int {
        guard let shape = names.parameter(.kernel, of: layer)?.shape, shape.rank == 4, shape[1] > 0 else {
            return 1
        }
        return shape[0] / shape[1]
    }
}
