import Tensors

/// keras.applications' ResNets from the names and shapes of their weights alone, which old and new files have in
/// common; nil if the names are others.
///
/// Source: `keras/src/applications/resnet.py`. In V1 the stride is that of a stage's first 1×1 convolutions; in V2
/// that of the 3×3 in a stage's *last* block. Files without a classifier (`notop`) give a network that ends in the
/// last map.
package func recognizeKerasResNet(
    parameters: ParameterTable, groupNorms: [String: GroupNormSettings]? = nil, kind: NormKind? = nil
) throws(NetworkError) -> Recognition? {
    guard let names = KerasResNetNames(parameters, groupNorms: groupNorms ?? [:], kind: kind) else {
        return nil
    }
    var builder = KerasResNetBuilder(names: names)
    let network = try builder.network()
    return try Recognition(
        network, of: parameters, isInTrunk: names.isInTrunk, geometry: "keras.applications'",
        assumptions: network.conventions(
            batchNorm: names.style == .old ? "Keras' default" : "keras.applications' value",
            groupNorm: groupNorms == nil ? "a guess: the convention of Wu & He 2018" : nil, kind: kind),
        unknownNorms: kind == nil ? network.groupNormLayers.filter { groupNorms?[$0] == nil } : [])
}

private struct KerasResNetBuilder {
    let names: KerasResNetNames
    private var graph: GraphBuilder<KerasResNetNames>

    private typealias Value = GraphBuilder<KerasResNetNames>.Value

    init(names: KerasResNetNames) {
        self.names = names
        graph = GraphBuilder(names: names)
    }

    mutating func network() throws(NetworkError) -> Network {
        let stem = names.style == .old ? "conv1" : "conv1_conv"
        let input = try graph.input(before: stem)
        var value = graph.apply(.zeroPad(Margins(3)), "conv1_pad", to: input)
        value = try graph.convolution(stem, value, size: 7, stride: 2, padding: .valid)
        if names.style != .v2 {
            value = try graph.norm(names.style == .old ? "bn_conv1" : "conv1_bn", value)
            value = graph.relu("conv1_relu", value)
        }
        value = graph.apply(.zeroPad(Margins(1)), "pool1_pad", to: value)
        value = graph.maximumPool("pool1_pool", value, margin: 0)
        var depth = 2
        for stage in 2...5 {
            let blocks = names.blocks(ofStage: stage)
            guard !blocks.isEmpty else {
                throw .unrecognized(reason: "keras.applications' names without a stage \(stage)")
            }
            for (index, block) in blocks.enumerated() {
                let isStrided =
                    names.style == .v2
                    ? stage < 5 && index == blocks.count - 1 : stage > 2 && index == 0
                value = try self.block(block, value, stride: isStrided ? 2 : 1)
                depth += 3
            }
        }
        if names.style == .v2 {
            value = graph.relu("post_relu", try graph.norm("post_bn", value))
        }
        let version = names.style == .v2 ? "V2" : names.style == .old ? ", old names" : ""
        let hasHead = names.classifier != nil
        if let classifier = names.classifier {
            value = try graph.head("avg_pool", classifier, value)
            value = graph.apply(.activation(.softmax), classifier, to: value)
        }
        return Network(
            name: "resnet\(depth)",
            architecture: "ResNet-\(depth)\(version) (keras.applications)"
                + (hasHead ? "" : ", without a classifier"),
            family: names.style == .v2 ? .kerasResNetV2 : .kerasResNet,
            input: Network.Input(height: nil, width: nil, channels: input.channels), nodes: graph.nodes,
            output: value.node)
    }

    private mutating func block(
        _ block: KerasResNetNames.Block, _ input: Value, stride: Int
    ) throws(NetworkError) -> Value {
        names.style == .v2
            ? try preActivationBlock(block, input, stride: stride)
            : try plainBlock(block, input, stride: stride)
    }

    private mutating func plainBlock(
        _ block: KerasResNetNames.Block, _ input: Value, stride: Int
    ) throws(NetworkError) -> Value {
        var shortcut = input
        if names.parameter(.kernel, of: block.convolution(0)) != nil {
            shortcut = try graph.convolution(block.convolution(0), input, size: 1, stride: stride)
            shortcut = try graph.norm(block.norm(0), shortcut)
        }
        var value = input
        for (index, (size, stride)) in [(1, stride), (3, 1), (1, 1)].enumerated() {
            if index > 0 { value = graph.relu("\(block.name)_\(index)_relu", value) }
            value = try graph.convolution(block.convolution(index + 1), value, size: size, stride: stride)
            value = try graph.norm(block.norm(index + 1), value)
        }
        return try sum(block, value, shortcut, isActivated: true)
    }

    private mutating func preActivationBlock(
        _ block: KerasResNetNames.Block, _ input: Value, stride: Int
    ) throws(NetworkError) -> Value {
        let active = graph.relu(
            "\(block.name)_preact_relu", try graph.norm("\(block.name)_preact_bn", input))
        var shortcut = input
        if names.parameter(.kernel, of: block.convolution(0)) != nil {
            shortcut = try graph.convolution(block.convolution(0), active, size: 1, stride: stride)
        } else if stride > 1 {
            let pool = Pool(
                kind: .maximum, size: Extent(1), strides: Extent(stride), padding: .valid)
            shortcut = graph.apply(.pool(pool), "\(block.name)_max_pooling", to: input)
        }
        var value = try graph.convolution(block.convolution(1), active, size: 1, stride: 1)
        value = graph.relu("\(block.name)_1_relu", try graph.norm(block.norm(1), value))
        value = graph.apply(.zeroPad(Margins(1)), "\(block.name)_2_pad", to: value)
        value = try graph.convolution(block.convolution(2), value, size: 3, stride: stride, padding: .valid)
        value = graph.relu("\(block.name)_2_relu", try graph.norm(block.norm(2), value))
        value = try graph.convolution(block.convolution(3), value, size: 1, stride: 1)
        return try sum(block, value, shortcut, isActivated: false)
    }

    private mutating func sum(
        _ block: KerasResNetNames.Block, _ value: Value, _ shortcut: Value, isActivated: Bool
    ) throws(NetworkError) -> Value {
        guard value.channels == shortcut.channels else {
            throw .shapeMismatch(
                layer: block.name, found: "\(shortcut.channels) channels beside \(value.channels)",
                expected: "as many")
        }
        let node = graph.append("\(block.name)_add", .add, [shortcut.node, value.node])
        let added = Value(node: node, channels: value.channels)
        return isActivated ? graph.relu("\(block.name)_out", added) : added
    }
}
