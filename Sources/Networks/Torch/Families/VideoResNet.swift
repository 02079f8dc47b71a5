import Tensors

extension TorchFamily {
    /// torchvision's ResNets of volumes (`torchvision.models.video`, Tran et al. 2018): R3D, MC3 and R(2+1)D of any depth of
    /// basic blocks.
    static let videoResNet = TorchFamily(
        marks: [
            NamedParts.Mark(block: "layer1.0.conv1.0.weight", stems: ["stem.0.weight"]),
            NamedParts.Mark(block: "layer1.0.conv1.0.0.weight", stems: ["stem.0.weight"]),
        ], trunk: ["stem", "layer1", "layer2", "layer3", "layer4"]
    ) { names throws(NetworkError) in
        var builder = VideoResNetBuilder(names)
        return try builder.member()
    }
}

private struct VideoResNetBuilder {
    private static let stages = 4

    private let names: TorchNames
    private var graph: GraphBuilder<TorchNames>

    private typealias Value = GraphBuilder<TorchNames>.Value

    init(_ names: TorchNames) {
        self.names = names
        graph = GraphBuilder(names: names)
    }

    mutating func member() throws(NetworkError) -> TorchMember {
        let input = try graph.input(before: "stem.0", dimensions: 3)
        var value = try stem(input)
        let counts = (1...Self.stages).map { stage in count { "layer\(stage).\($0)" } }
        for (stage, count) in zip(1..., counts) {
            for block in 0..<max(count, 1) {
                value = try basicBlock(
                    "layer\(stage).\(block)", value, stride: stage > 1 && block == 0 ? 2 : 1)
            }
        }
        let depth = 2 + 2 * counts.reduce(0, +)
        let kind: (name: String, title: String) =
            isFactorized("layer1.0.conv1")
            ? ("r2plus1d", "R(2+1)D")
            : kernel("layer2.0.conv1.0")?.first == 1 ? ("mc3", "MC3") : ("r3d", "R3D")
        var member = TorchMember(
            name: "\(kind.name)_\(depth)", title: "\(kind.title)-\(depth) (torchvision names)", graph: graph,
            input: input, output: value, geometry: "torchvision's")
        member.dimensions = 3
        try member.appendClassifier()
        return member
    }

    /// 3×7×7, or 1×7×7 and then 3×1×1; the rows and columns halved.
    private mutating func stem(_ input: Value) throws(NetworkError) -> Value {
        let isFactorized = kernel("stem.3") != nil
        var value = try convolution(
            "stem.0", input, [isFactorized ? 1 : 3, 7, 7], strides: [1, 2, 2])
        value = graph.relu("stem.2", try graph.norm("stem.1", value))
        guard isFactorized else { return value }
        value = try convolution("stem.3", value, [3, 1, 1], strides: [1, 1, 1])
        return graph.relu("stem.5", try graph.norm("stem.4", value))
    }

    private mutating func basicBlock(
        _ name: String, _ input: Value, stride: Int
    ) throws(NetworkError) -> Value {
        guard kernel("\(name).conv3.0") == nil else {
            throw .unrecognized(reason: "'\(names.prefix)\(name)' has a third convolution, expected two")
        }
        var value = try windows("\(name).conv1", input, stride: stride)
        value = graph.relu("\(name).conv1.2", try graph.norm("\(name).conv1.1", value))
        value = try windows("\(name).conv2", value, stride: 1)
        value = try graph.norm("\(name).conv2.1", value)
        var shortcut = input
        if stride != 1 || input.channels != value.channels {
            // Where the kernels see one map at a time, their number stays.
            let keepsDepth = !isFactorized("\(name).conv1") && kernel("\(name).conv1.0")?.first == 1
            shortcut = try convolution(
                "\(name).downsample.0", input, [1, 1, 1], strides: [keepsDepth ? 1 : stride, stride, stride])
            shortcut = try graph.norm("\(name).downsample.1", shortcut)
        }
        guard shortcut.channels == value.channels else {
            throw .shapeMismatch(
                layer: names.prefix + name, found: "a shortcut of \(shortcut.channels) channels",
                expected: "\(value.channels)")
        }
        let sum = graph.append("\(name).add", .add, [value.node, shortcut.node])
        return graph.relu("\(name).relu", Value(node: sum, channels: value.channels))
    }

    /// 3×3×3, 1×3×3, or 1×3×3 and then 3×1×1 with a norm and a ReLU between them.
    private mutating func windows(
        _ name: String, _ input: Value, stride: Int
    ) throws(NetworkError) -> Value {
        guard isFactorized(name) else {
            let depth = kernel("\(name).0")?.first == 1 ? 1 : 3
            return try convolution(
                "\(name).0", input, [depth, 3, 3], strides: [depth == 1 ? 1 : stride, stride, stride])
        }
        var value = try convolution("\(name).0.0", input, [1, 3, 3], strides: [1, stride, stride])
        value = graph.relu("\(name).0.2", try graph.norm("\(name).0.1", value))
        return try convolution("\(name).0.3", value, [3, 1, 1], strides: [stride, 1, 1])
    }

    /// A convolution whose margins are half the kernel.
    private mutating func convolution(
        _ layer: String, _ input: Value, _ size: [Int], strides: [Int]
    ) throws(NetworkError) -> Value {
        let (kernel, shape) = try graph.require(.kernel, of: layer)
        guard shape.rank == 5, shape[0] > 0, Array(shape.extents.dropFirst()) == [input.channels] + size
        else {
            throw .wrongShape(
                parameter: kernel, found: shape.description,
                expected: "outputs×" + ([input.channels] + size).map(String.init).joined(separator: "×"))
        }
        let convolution = Convolution(
            kernel: kernel, kernelLayout: .oihw, bias: try graph.optional(.bias, [shape[0]], of: layer),
            inputs: input.channels, outputs: shape[0], size: Extent(size), strides: Extent(strides),
            dilation: Extent(1), groups: 1, padding: .margins(Margins(size.map { ($0 / 2, $0 / 2) })),
            dimensions: 3)
        return Value(
            node: graph.append(layer, .convolution(convolution), [input.node]), channels: shape[0])
    }

    private func isFactorized(_ name: String) -> Bool { kernel("\(name).0.0") != nil }

    /// Depth, rows and columns of a kernel of volumes.
    private func kernel(_ layer: String) -> [Int]? {
        names.parameter(.kernel, of: layer).flatMap {
            $0.shape.rank == 5 ? Array($0.shape.extents.dropFirst(2)) : nil
        }
    }

    private func count(_ name: (Int) -> String) -> Int {
        var count = 0
        while ["conv1.0", "conv1.0.0"].contains(where: { kernel("\(name(count)).\($0)") != nil }) {
            count += 1
        }
        return count
    }
}
