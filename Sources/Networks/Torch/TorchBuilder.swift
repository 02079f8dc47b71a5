import Tensors

/// Makes a ResNet's nodes from its parameters.
struct TorchBuilder {
    let names: TorchNames
    let layout: TorchLayout
    private var graph: GraphBuilder<TorchNames>

    private typealias Value = GraphBuilder<TorchNames>.Value

    init(names: TorchNames, layout: TorchLayout) {
        self.names = names
        self.layout = layout
        graph = GraphBuilder(names: names)
    }

    mutating func network() throws(NetworkError) -> Network {
        let input = try graph.input(before: layout.stem == .deep ? "conv1.0" : "conv1")
        var value = try stem(input)
        for (stage, blocks) in layout.blocks.enumerated() {
            for block in 0..<blocks {
                let stride = stage > 0 && block == 0 ? 2 : 1
                value = try self.block("layer\(stage + 1).\(block)", value, stride: stride)
            }
        }
        if let classifier = layout.classifier { value = try graph.head("avgpool", classifier, value) }
        return Network(
            name: "\(layout.hasSplitAttention ? "resnest" : "resnet")\(layout.depth)",
            architecture: layout.title(first3x3: first3x3), family: .torch,
            input: Network.Input(height: nil, width: nil, channels: input.channels), nodes: graph.nodes,
            output: value.node)
    }

    /// The first block's 3×3 convolution.
    private var first3x3: Convolution? {
        let layer = names.prefix + (layout.isBottleneck ? "layer1.0.conv2" : "layer1.0.conv1")
        guard case .convolution(let convolution) = graph.nodes.first(where: { $0.layer == layer })?.operation
        else { return nil }
        return convolution
    }

    private mutating func stem(_ input: Value) throws(NetworkError) -> Value {
        var value: Value
        switch layout.stem {
        case .plain:
            let size = names.kernelSize(of: "conv1") ?? 7
            value = try graph.convolution("conv1", input, size: size, stride: 2)
        case .small: value = try graph.convolution("conv1", input, size: 3, stride: 1)
        case .deep:
            // ResNet-D's nn.Sequential: conv, norm, ReLU, conv, norm, ReLU, conv.
            value = input
            for (index, stride) in [(0, 2), (3, 1)] {
                value = try graph.convolution("conv1.\(index)", value, size: 3, stride: stride)
                value = try graph.norm("conv1.\(index + 1)", value)
                value = graph.relu("conv1.\(index + 2)", value)
            }
            value = try graph.convolution("conv1.6", value, size: 3, stride: 1)
        }
        value = graph.relu("relu", try graph.norm("bn1", value))
        return layout.stem == .small ? value : graph.maximumPool("maxpool", value, margin: 1)
    }

    private mutating func block(_ name: String, _ input: Value, stride: Int) throws(NetworkError) -> Value {
        if layout.hasSplitAttention { return try splitAttentionBlock(name, input, stride: stride) }
        // Rows and columns, and stride, of each convolution.
        let convolutions = layout.isBottleneck ? [(1, 1), (3, stride), (1, 1)] : [(3, stride), (3, 1)]
        var value = input
        for (index, (size, stride)) in convolutions.enumerated() {
            if index > 0 { value = graph.relu("\(name).relu", value) }
            value = try graph.convolution("\(name).conv\(index + 1)", value, size: size, stride: stride)
            value = try graph.norm("\(name).bn\(index + 1)", value)
        }
        if layout.hasSqueeze {
            value = try graph.squeezeExcitation(SqueezeExcitation(name: "\(name).se"), value)
        }
        let shortcut = try shortcut(name, input, outputs: value.channels, stride: stride)
        value.node = graph.append("\(name).add", .add, [value.node, shortcut.node])
        return graph.relu("\(name).relu", value)
    }

    /// ResNeSt's: split attention, and where the stride is, the mean of 3×3 pixels, counting zeros around the map.
    private mutating func splitAttentionBlock(
        _ name: String, _ input: Value, stride: Int
    ) throws(NetworkError) -> Value {
        var value = try graph.convolution("\(name).conv1", input, size: 1, stride: 1)
        value = graph.relu("\(name).relu", try graph.norm("\(name).bn1", value))
        value = try graph.splitAttention(SplitAttention(name: "\(name).conv2"), value)
        if stride != 1 {
            value = graph.apply(.zeroPad(Margins(1)), "\(name).avd_last", to: value)
            let pool = Pool(kind: .average, size: Extent(3), strides: Extent(stride), padding: .valid)
            value = graph.apply(.pool(pool), "\(name).avd_last", to: value)
        }
        value = try graph.norm(
            "\(name).bn3", try graph.convolution("\(name).conv3", value, size: 1, stride: 1))
        let shortcut = try shortcut(name, input, outputs: value.channels, stride: stride)
        value.node = graph.append("\(name).add", .add, [value.node, shortcut.node])
        return graph.relu("\(name).relu", value)
    }

    private mutating func shortcut(
        _ name: String, _ input: Value, outputs: Int, stride: Int
    ) throws(NetworkError) -> Value {
        if case .projection(let submodule) = layout.shortcut {
            // A file may have a projection where the shapes agree without one.
            let isNeeded = stride != 1 || input.channels != outputs
            let place = "\(name).\(submodule)"
            if names["\(place).1.weight"] != nil, names["\(place).2.weight"] != nil {
                return try pooledProjection(place, input, outputs: outputs, stride: stride)
            }
            guard isNeeded || names["\(place).0.weight"] != nil else { return input }
            let projected = try graph.convolution("\(place).0", input, size: 1, stride: stride)
            return try norm("\(place).1", projected, outputs: outputs)
        }
        if stride == 1, input.channels == outputs { return input }
        // Option A: x[::2, ::2], and a quarter of the outputs as zeros on both sides.
        let margin = outputs / 4
        guard stride == 2, outputs == input.channels + 2 * margin else {
            throw .missingParameter(
                name: "\(names.prefix)\(name).downsample.0.weight", neededBy: names.prefix + name)
        }
        let everySecond = Pool(kind: .maximum, size: Extent(1), strides: Extent(2), padding: .valid)
        let sampled = graph.append("\(name).shortcut", .pool(everySecond), [input.node])
        let padded = graph.append("\(name).shortcut", .padChannels(before: margin, after: margin), [sampled])
        return Value(node: padded, channels: outputs)
    }

    /// ResNet-D: the mean of 2×2 pixels (at the border of those that are there), then a 1×1 convolution of stride 1.
    private mutating func pooledProjection(
        _ place: String, _ input: Value, outputs: Int, stride: Int
    ) throws(NetworkError) -> Value {
        var value = input
        if stride != 1 {
            let pool = Pool(
                kind: .average, size: Extent(stride), strides: Extent(stride), padding: .same)
            value = graph.apply(.pool(pool), "\(place).0", to: value)
        }
        value = try graph.convolution("\(place).1", value, size: 1, stride: 1)
        return try norm("\(place).2", value, outputs: outputs)
    }

    /// A shortcut's norm, as wide as the block.
    private mutating func norm(_ layer: String, _ value: Value, outputs: Int) throws(NetworkError) -> Value {
        try graph.norm(layer, Value(node: value.node, channels: outputs))
    }
}
