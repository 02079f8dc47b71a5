extension TorchFamily {
    /// RegNetX and RegNetY (Radosavovic et al. 2020) of any depth and width in torchvision's names.
    static let regNet = TorchFamily(
        marks: [
            NamedParts.Mark(
                block: "trunk_output.block1.block1-0.f.a.0.weight", stems: ["stem.0.weight"])
        ], trunk: ["stem", "trunk_output"]
    ) { names throws(NetworkError) in
        var builder = RegNetBuilder(names, .torchvision)
        return try builder.member()
    }

    /// The same in timm's names.
    static let timmRegNet = TorchFamily(
        marks: [NamedParts.Mark(block: "s1.b1.conv1.conv.weight", stems: ["stem.conv.weight"])],
        trunk: ["stem", "s1", "s2", "s3", "s4", "final_conv"]
    ) { names throws(NetworkError) in
        var builder = RegNetBuilder(names, .timm)
        return try builder.member()
    }
}

private struct RegNetBuilder {
    /// Whose names the parameters have.
    enum Style: String { case torchvision, timm }

    private static let stages = 4

    private let names: TorchNames
    private let style: Style
    private var graph: GraphBuilder<TorchNames>

    private typealias Value = GraphBuilder<TorchNames>.Value

    init(_ names: TorchNames, _ style: Style) {
        (self.names, self.style) = (names, style)
        graph = GraphBuilder(names: names)
    }

    mutating func member() throws(NetworkError) -> TorchMember {
        let stem = layers("stem")
        let input = try graph.input(before: stem.convolution)
        var value = try graph.normalized(stem, input, size: 3, stride: 2, activation: .relu)
        let counts = (1...Self.stages).map { stage in
            names.count { layers(part(1, of: block(stage, $0))).convolution }
        }
        let hasSqueeze = names["\(squeeze(block(1, 0))).fc1.weight"] != nil
        for (stage, count) in zip(1..., counts) {
            for place in 0..<max(count, 1) {
                value = try bottleneck(
                    block(stage, place), value, stride: place == 0 ? 2 : 1, hasSqueeze: hasSqueeze)
            }
        }
        let kind = hasSqueeze ? "Y" : "X"
        var member = TorchMember(
            name: "regnet_\(kind.lowercased())",
            title:
                "RegNet\(kind), \(counts.map(String.init).joined(separator: "-")) blocks (\(style.rawValue) names)",
            graph: graph, input: input, output: value, geometry: "\(style.rawValue)'s")
        try member.appendClassifier(after: style == .timm ? "head.global_pool" : "avgpool")
        return member
    }

    /// A 1×1 convolution, one of 3×3 in groups, squeeze-and-excitation in RegNetY, a 1×1 convolution; the input is added,
    /// projected where extents differ.
    private mutating func bottleneck(
        _ name: String, _ input: Value, stride: Int, hasSqueeze: Bool
    ) throws(NetworkError) -> Value {
        var value = try graph.normalized(layers(part(1, of: name)), input, size: 1, activation: .relu)
        value = try graph.normalized(
            layers(part(2, of: name)), value, size: 3, stride: stride, groups: nil, activation: .relu)
        if hasSqueeze { value = try graph.squeezeExcitation(SqueezeExcitation(name: squeeze(name)), value) }
        value = try graph.normalized(layers(part(3, of: name)), value, size: 1)
        var shortcut = input
        if stride != 1 || input.channels != value.channels {
            let projection = layers(style == .timm ? "\(name).downsample" : "\(name).proj")
            shortcut = try graph.normalized(projection, input, size: 1, stride: stride)
        }
        guard shortcut.channels == value.channels else {
            throw .shapeMismatch(
                layer: names.prefix + name, found: "a shortcut of \(shortcut.channels) channels",
                expected: "\(value.channels)")
        }
        let sum = graph.append("\(name).add", .add, [value.node, shortcut.node])
        return graph.relu("\(name).activation", Value(node: sum, channels: value.channels))
    }

    // MARK: Names

    private func block(_ stage: Int, _ place: Int) -> String {
        switch style {
        case .torchvision: "trunk_output.block\(stage).block\(stage)-\(place)"
        case .timm: "s\(stage).b\(place + 1)"
        }
    }

    /// The first, second or third convolution with its norm.
    private func part(_ number: Int, of block: String) -> String {
        switch style {
        case .torchvision: "\(block).f.\(["a", "b", "c"][number - 1])"
        case .timm: "\(block).conv\(number)"
        }
    }

    private func squeeze(_ block: String) -> String { style == .timm ? "\(block).se" : "\(block).f.se" }

    private func layers(_ module: String) -> InvertedResidual.Layers {
        style == .timm ? ("\(module).conv", "\(module).bn") : ("\(module).0", "\(module).1")
    }
}
