import Tensors

extension TorchFamily {
    /// EfficientNet B0 to B7 in the names of the package `efficientnet_pytorch`, which segmentation models have as well.
    ///
    /// It pads as TensorFlow does for images of the variant's own size, whatever size an image has.
    static let efficientNetPyTorch = TorchFamily(
        marks: [
            NamedParts.Mark(block: "_blocks.0._depthwise_conv.weight", stems: ["_conv_stem.weight"])
        ], trunk: ["_conv_stem", "_bn0", "_blocks", "_conv_head", "_bn1"]
    ) { names throws(NetworkError) in
        let count = names.count { "_blocks.\($0)._depthwise_conv" }
        let variant = try EfficientNet.of(names, blocks: count, last: "_conv_head")
        var names = names
        names.convention = EfficientNet.packageConvention
        var builder = EfficientNetPyTorchBuilder(variant, names)
        return try builder.member()
    }
}

private struct EfficientNetPyTorchBuilder {
    private let variant: EfficientNet
    private let names: TorchNames
    private var graph: GraphBuilder<TorchNames>
    /// Rows and columns of the map for an image of the variant's own size.
    private var side: Int

    init(_ variant: EfficientNet, _ names: TorchNames) {
        (self.variant, self.names) = (variant, names)
        graph = GraphBuilder(names: names)
        side = variant.side
    }

    mutating func member() throws(NetworkError) -> TorchMember {
        let activation = EfficientNet.activation
        let input = try graph.input(before: "_conv_stem")
        var value = try graph.normalized(
            ("_conv_stem", "_bn0"), input, size: 3, stride: 2, padding: padding(size: 3, stride: 2),
            activation: activation)
        var place = 0
        for stage in variant.stages {
            for number in 0..<stage.count {
                let stride = number == 0 ? stage.stride : 1
                var block = InvertedResidual(efficientNetPyTorch: "_blocks.\(place)", names)
                block.squeeze?.activation = activation
                value = try graph.invertedResidual(
                    block, value, size: stage.size, stride: stride,
                    padding: padding(size: stage.size, stride: stride), activation: activation)
                place += 1
            }
        }
        value = try graph.normalized(("_conv_head", "_bn1"), value, size: 1, activation: activation)
        var member = TorchMember(
            name: "efficientnet", title: "EfficientNet-\(variant.name) (efficientnet_pytorch names)",
            graph: graph, input: input, output: value,
            geometry: "efficientnet_pytorch's for images of \(variant.side)×\(variant.side)")
        try member.appendClassifier(after: "_avg_pooling")
        return member
    }

    /// TensorFlow's margins on a map of the current extents, which then become those of the output.
    private mutating func padding(size: Int, stride: Int) -> Padding {
        let margins = Padding.same.resolvedMargins(
            of: Extent(side), size: Extent(size), strides: Extent(stride))
        side = (side + stride - 1) / stride
        return .margins(margins)
    }
}
