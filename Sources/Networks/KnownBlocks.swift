/// Blocks of widespread libraries whose names do not tell what stands before a norm, but whose sources do.
struct KnownBlock {
    /// Norm → the convolution that it reads, by their names in the block.
    let pairs: [String: String]
    /// Other names that the block always has.
    var others: Set<String> = []
    /// A name that a module around the block has.
    var around: String?

    /// Blocks with more norms first.
    static let all = [
        // timm's InvertedResidual, DepthwiseSeparableConv, EdgeResidual and EfficientNets.
        KnownBlock(pairs: ["bn1": "conv_pw", "bn2": "conv_dw", "bn3": "conv_pwl"]),
        KnownBlock(pairs: ["bn1": "conv_dw", "bn2": "conv_pw"]),
        KnownBlock(pairs: ["bn1": "conv_exp", "bn2": "conv_pwl"]),
        KnownBlock(pairs: ["bn1": "conv"], around: "conv_stem"),
        KnownBlock(pairs: ["bn1": "conv_stem", "bn2": "conv_head"], others: ["blocks"]),
        KnownBlock(pairs: ["bn1": "conv_stem", "norm_head": "conv_head"], others: ["blocks"]),
        KnownBlock(pairs: ["bn1": "conv_stem"], others: ["blocks"]),
        // timm's SeparableConvNormAct, SeparableConv2d (Xception), SEModule, SelectiveKernelAttn, SplitAttn and
        // GhostBottleneck.
        KnownBlock(pairs: ["bn": "conv_pw"], others: ["conv_dw"]),
        KnownBlock(pairs: ["bn_dw": "conv_dw", "bn_pw": "conv_pw"]),
        KnownBlock(pairs: ["bn": "fc1"], others: ["fc2"]),
        KnownBlock(pairs: ["bn": "fc_reduce"], others: ["fc_select"]),
        KnownBlock(pairs: ["bn0": "conv", "bn1": "fc1"], others: ["fc2"]),
        KnownBlock(pairs: ["bn_dw": "conv_dw"], others: ["ghost1", "ghost2"]),
        // EfficientNet-PyTorch.
        KnownBlock(pairs: ["_bn0": "_expand_conv", "_bn1": "_depthwise_conv", "_bn2": "_project_conv"]),
        KnownBlock(pairs: ["_bn1": "_depthwise_conv", "_bn2": "_project_conv"]),
        KnownBlock(pairs: ["_bn0": "_conv_stem", "_bn1": "_conv_head"], others: ["_blocks"]),
    ]

    /// Layers directly in a block at most.
    private static let mostLayers = 8

    /// The block that a module is: it has all names, and no other norms.
    static func matching(
        _ module: NamedModules.Module, isNorm: (Int) -> Bool, isAround: (String) -> Bool
    ) -> KnownBlock? {
        guard module.layers.count <= mostLayers else { return nil }
        let norms = module.layers.filter { isNorm($0.value) }.keys
        return all.first { block in
            norms.allSatisfy { block.pairs[$0] != nil }
                && block.others.union(block.pairs.keys).union(block.pairs.values).isSubset(
                    of: module.children)
                && block.around.map(isAround) ?? true
        }
    }
}
