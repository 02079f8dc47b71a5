import Tensors

/// The kind of ResNet, from names and shapes.
struct TorchLayout {
    /// Number of blocks in each of `layer1`, `layer2`, …
    var blocks: [Int]
    /// Whether blocks have three convolutions (1×1, 3×3, 1×1) rather than two 3×3.
    var isBottleneck: Bool
    /// Whether squeeze-and-excitation stands before each block's sum, as in timm's SE-ResNets.
    var hasSqueeze: Bool
    /// Whether split attention stands for each block's 3×3 convolution, as in ResNeSts.
    var hasSplitAttention: Bool
    /// The layers before the blocks.
    var stem: Stem
    /// The classifier's layer; nil in a backbone, or where it could be one of two.
    var classifier: String?
    /// The shortcut of the first block of a stage.
    var shortcut: Shortcut

    enum Stem: Equatable {
        /// 7×7 of stride 2, then a max pool.
        case plain
        /// ResNet-D: three 3×3, the first of stride 2, then a max pool.
        case deep
        /// CIFAR: 3×3 without stride and without a pool.
        case small

        /// The assumed source of strides and pools for such a stem.
        var geometry: String {
            switch self {
            case .plain: "torchvision's"
            case .deep: "timm's"
            case .small: "those of CIFAR ResNets (He et al. 2016)"
            }
        }
    }

    enum Shortcut: Equatable {
        /// A 1×1 convolution and a norm in this submodule: `downsample` or `shortcut`.
        case projection(String)
        /// Every second pixel, zero channels before and after.
        case zeroChannels
    }

    init(_ names: TorchNames) throws(NetworkError) {
        blocks = Self.blockCounts(names)
        isBottleneck = names["layer1.0.conv3.weight"] != nil
        hasSqueeze = names["layer1.0.se.fc1.weight"] != nil && names["layer1.0.se.fc2.weight"] != nil
        hasSplitAttention = names["layer1.0.conv2.conv.weight"] != nil
        let classifiers = Self.classifiers(names)
        classifier = classifiers.count == 1 ? classifiers[0] : nil
        let submodule = ["downsample", "shortcut"].first { submodule in
            names.all.contains { $0.hasPrefix("layer") && $0.contains(".\(submodule).") }
        }
        shortcut = submodule.map(Shortcut.projection) ?? .zeroChannels
        if names["conv1.0.weight"] != nil, names["conv1.6.weight"] != nil {
            guard blocks.count == 4 else {
                throw .unrecognized(
                    reason: "a stem of three convolutions with \(blocks.count) stages, expected 4")
            }
            stem = .deep
            return
        }
        guard let (kernel, shape) = names.parameter(.kernel, of: "conv1") else {
            throw .missingParameter(name: names.prefix + "conv1.weight", neededBy: names.prefix + "conv1")
        }
        guard shape.rank == 4 else {
            throw .wrongShape(
                parameter: kernel, found: shape.description, expected: "outputs×inputs×rows×columns")
        }
        switch (blocks.count, shape[2], shape[3], shortcut) {
        case (4, 7, 7, _): stem = .plain
        case (3, 3, 3, _), (4, 3, 3, .projection("shortcut")): stem = .small
        case (4, _, _, _) where names.recorded("conv1") != nil && names.recorded("maxpool") != nil:
            // The modules tell strides, and whether there is a pool.
            stem = .plain
        case (4, 3, 3, _):
            throw .unrecognized(
                reason:
                    "a 3×3 stem with four stages and no 'shortcut': the file does not record whether a max pool follows"
            )
        default:
            throw .unrecognized(
                reason: "a \(shape[2])×\(shape[3]) stem with \(blocks.count) stages, expected 7×7 with 4 "
                    + "(torchvision) or 3×3 with 3 or 4 (CIFAR)")
        }
    }

    /// torchvision's name, those of CIFAR ResNets, of Cadene's models and of fine-tuned ones; `fc.1` is after a dropout.
    private static func classifiers(_ names: TorchNames) -> [String] {
        ["fc", "linear", "last_linear", "classifier", "fc.1"].filter { layer in
            ["weight", "bias"].contains { names["\(layer).\($0)"] != nil }
                && (layer != "fc.1" || names.all.allSatisfy { !$0.hasPrefix("fc.") || $0.hasPrefix("fc.1.") })
        }
    }

    /// Blocks are numbered from 0; what stands after a gap is found as a stray parameter later.
    private static func blockCounts(_ names: TorchNames) -> [Int] {
        var counts: [Int] = []
        while names["layer\(counts.count + 1).0.conv1.weight"] != nil {
            let stage = counts.count + 1
            var count = 0
            while names["layer\(stage).\(count).conv1.weight"] != nil { count += 1 }
            counts.append(count)
        }
        return counts
    }

    /// The assumed source of strides, pools and activations.
    var geometry: String { hasSqueeze || hasSplitAttention ? "timm's" : stem.geometry }

    /// Layers with weights as papers count them: the stem, the blocks' convolutions, the classifier.
    var depth: Int { 2 + blocks.reduce(0, +) * (isBottleneck ? 3 : 2) }

    private var ending: String { classifier == nil ? ", without a classifier" : "" }

    /// `ResNet-50 (torchvision names)`, `ResNeXt-50 32x4d (torchvision names)`, `ResNet-20 (CIFAR)`.
    ///
    /// `first3x3` is the first block's 3×3 convolution; torchvision's plain bottlenecks are 64 wide there.
    func title(first3x3: Convolution?) -> String {
        var title = "ResNet-\(depth)"
        if isBottleneck, let first3x3 {
            if first3x3.groups > 1 {
                title = "ResNeXt-\(depth) \(first3x3.groups)x\(first3x3.outputs / first3x3.groups)d"
            } else if stem != .small, first3x3.outputs > 64, first3x3.outputs % 64 == 0 {
                title = "Wide ResNet-\(depth)-\(first3x3.outputs / 64)"
            }
        }
        if hasSqueeze { title = "SE-" + title }
        if hasSplitAttention { return "ResNeSt-\(depth) (timm names)" + ending }
        switch stem {
        case .plain: title += hasSqueeze ? " (timm names)" : " (torchvision names)"
        case .deep: title += "-D (timm names)"
        case .small: title += " (CIFAR)"
        }
        return title + ending
    }
}
