import Tensors

/// Pre-activation bottleneck ResNets by the names and shapes of their parameters: Big Transfer (Kolesnikov et al. 2020)
/// with group norms and standardized convolutions, from timm (`resnetv2_50x1_bit`), BiT's `.npz` archives or its TF2
/// model's `.h5`; and timm's `resnetv2_50` with batch norms. Nil where the names are others.
///
/// A BiT network's convolutions standardize their kernels (`Convolution.standardization`).
package func recognizeBiT(
    parameters: ParameterTable, groupNorms: [String: GroupNormSettings]? = nil
) throws(NetworkError) -> Recognition? {
    guard let names = try BiTNames(parameters, groupNorms: groupNorms ?? [:]) else { return nil }
    var builder = BiTBuilder(names: names, isConverted: groupNorms != nil)
    let network = try builder.network()
    var assumptions = network.conventions(
        batchNorm: "PyTorch's default", groupNorm: groupNorms == nil ? "BiT's" : nil)
    if let epsilon = builder.standardization {
        assumptions.append(
            "weight standardization: ε \(epsilon), \(names.style == .timm ? "timm's" : "BiT's")")
    }
    return try Recognition(
        network, of: parameters, isInTrunk: names.isInTrunk,
        geometry: names.style == .timm ? "timm's" : "BiT's",
        assumptions: assumptions)
}

private struct BiTBuilder {
    let names: BiTNames
    private var graph: GraphBuilder<BiTNames>
    /// Group norms that are not from a conversion come with standardized convolutions.
    private let isBiT: Bool

    private typealias Value = GraphBuilder<BiTNames>.Value

    init(names: BiTNames, isConverted: Bool) {
        self.names = names
        graph = GraphBuilder(names: names)
        isBiT = !isConverted && names.parameter(.mean, of: "norm") == nil
        // timm's BiT models have 1e-8, the TensorFlow originals 1e-10.
        if isBiT { graph.standardization = names.style == .timm ? 1e-8 : 1e-10 }
    }

    var standardization: Double? { graph.standardization }

    mutating func network() throws(NetworkError) -> Network {
        let input = try graph.input(before: "stem.conv")
        var value = try graph.convolution("stem.conv", input, size: 7, stride: 2)
        let width = value.channels
        // No ReLU has come yet: BiT's zeros around the map take part in the maximum, timm's margins do not.
        if isBiT {
            value = graph.apply(.zeroPad(Margins(1)), "stem.pool", to: value)
            value = graph.maximumPool("stem.pool", value, margin: 0)
        } else {
            value = graph.maximumPool("stem.pool", value, margin: 1)
        }
        for (stage, blocks) in names.blocks.enumerated() {
            for block in 0..<blocks {
                value = try self.block(
                    "stages.\(stage).blocks.\(block)", value, stride: stage > 0 && block == 0 ? 2 : 1)
            }
        }
        value = graph.relu("norm", try graph.norm("norm", value))
        let depth = 2 + 3 * names.blocks.reduce(0, +)
        let hasHead = names.parameter(.kernel, of: "head.fc") != nil
        if hasHead {
            value = try graph.head("head.global_pool", "head.fc", value)
        }
        let title = isBiT ? "BiT R\(depth)x\(max(width / 64, 1))" : "ResNetV2-\(depth)"
        return Network(
            name: isBiT ? "bit_r\(depth)" : "resnetv2_\(depth)",
            architecture: "\(title) (\(names.style == .timm ? "timm" : "TensorFlow") names)"
                + (hasHead ? "" : ", without a classifier"),
            family: isBiT ? .bit : .torch,
            input: Network.Input(height: nil, width: nil, channels: input.channels), nodes: graph.nodes,
            output: value.node)
    }

    /// The norm and ReLU come first; a projection takes what they give, an identity what they were given.
    private mutating func block(_ name: String, _ input: Value, stride: Int) throws(NetworkError) -> Value {
        let active = graph.relu("\(name).norm1", try graph.norm("\(name).norm1", input))
        var shortcut = input
        if names.parameter(.kernel, of: "\(name).downsample.conv") != nil {
            shortcut = try graph.convolution("\(name).downsample.conv", active, size: 1, stride: stride)
        }
        var value = try graph.convolution("\(name).conv1", active, size: 1, stride: 1)
        value = graph.relu("\(name).norm2", try graph.norm("\(name).norm2", value))
        value = try graph.convolution("\(name).conv2", value, size: 3, stride: stride)
        value = graph.relu("\(name).norm3", try graph.norm("\(name).norm3", value))
        value = try graph.convolution("\(name).conv3", value, size: 1, stride: 1)
        guard value.channels == shortcut.channels, stride == 1 || shortcut.node != input.node else {
            throw .missingParameter(name: "\(name).downsample.conv", neededBy: name)
        }
        return Value(
            node: graph.append("\(name).add", .add, [value.node, shortcut.node]), channels: value.channels)
    }
}
