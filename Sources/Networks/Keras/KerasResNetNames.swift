import Tensors

/// The layers of keras.applications' ResNets by name, in a file that holds only weights.
struct KerasResNetNames: LayerNames {
    /// Which of the three ways of naming.
    let style: Style
    private let parameters: KerasParameters
    private let groupNorms: [String: GroupNormSettings]
    private let kind: NormKind?
    private let layers: Set<String>

    /// How layers are named.
    enum Style: Equatable {
        /// ResNet50 and so on since 2019: `conv2_block1_1_conv`.
        case v1
        /// Before: `res2a_branch2a`.
        case old
        /// ResNet50V2 and so on: `conv2_block1_preact_bn`.
        case v2
    }

    /// Nil where the file has none of the names.
    init?(_ table: ParameterTable, groupNorms: [String: GroupNormSettings], kind: NormKind? = nil) {
        let parameters = KerasParameters(table)
        self.kind = kind
        self.parameters = parameters
        self.groupNorms = groupNorms
        layers = Set(table.names.compactMap { $0.split(separator: "/").first.map(String.init) })
        func has(_ layer: String) -> Bool {
            parameters.has("kernel", of: KerasPath(models: [], layer: layer))
        }
        if has("res2a_branch2a") {
            style = .old
        } else if has("conv2_block1_1_conv") {
            let norm = KerasPath(models: [], layer: "conv2_block1_preact_bn")
            style = parameters.has("beta", of: norm) ? .v2 : .v1
        } else {
            return nil
        }
    }

    var kernelLayout: KernelLayout { .hwio }
    var requiresAffine: Bool { false }

    /// keras.applications writes 1.001e-5; the old names come with Keras' default.
    var batchNormEpsilon: Double { style == .old ? 1e-3 : 1.001e-5 }

    func parameter(_ role: LayerRole, of layer: String) -> (name: String, shape: Shape)? {
        let path = KerasPath(models: [], layer: layer)
        guard let name = try? parameters.name(role.kerasName, of: path), let shape = parameters.shape(name)
        else { return nil }
        return (name, shape)
    }

    func expectedName(_ role: LayerRole, of layer: String) -> String { "\(layer)/…/\(role.kerasName)" }

    func layerName(_ layer: String) -> String { layer }

    /// The settings in the file's note or from the user; otherwise 32 groups, a guess.
    func groupNorm(_ layer: String, channels: Int) throws(NetworkError) -> GroupNormSettings {
        if let settings = groupNorms[layer] ?? kind?.settings(channels: channels) { return settings }
        return try .guess(layer: layer, channels: channels)
    }

    /// The classifier, under the names of its versions.
    var classifier: String? {
        ["predictions", "probs", "fc1000"].first { parameter(.kernel, of: $0) != nil }
    }

    /// Whether a name in the file is one of the stem's or the blocks'.
    func isInTrunk(_ name: String) -> Bool {
        guard let layer = name.split(separator: "/").first else { return false }
        return layer.contains(style == .old ? "_branch" : "_block") || Self.outsideBlocks.contains(layer)
    }

    private static let outsideBlocks: Set<Substring> = [
        "conv1", "bn_conv1", "scale_conv1", "conv1_conv", "conv1_bn", "post_bn",
    ]

    /// A block's name and those of its layers: 0 is the shortcut, 1 to 3 the convolutions in their order.
    struct Block {
        /// `conv2_block1`, or `2a` in the old style.
        let name: String
        fileprivate let isOld: Bool
        private static let branches = ["1", "2a", "2b", "2c"]

        func convolution(_ index: Int) -> String {
            isOld ? "res\(name)_branch\(Self.branches[index])" : "\(name)_\(index)_conv"
        }

        func norm(_ index: Int) -> String {
            isOld ? "bn\(name)_branch\(Self.branches[index])" : "\(name)_\(index)_bn"
        }
    }

    /// The blocks of a stage (2 to 5) in their order.
    func blocks(ofStage stage: Int) -> [Block] {
        guard style == .old else {
            var blocks: [Block] = []
            while layers.contains("conv\(stage)_block\(blocks.count + 1)_1_conv") {
                blocks.append(Block(name: "conv\(stage)_block\(blocks.count + 1)", isOld: false))
            }
            return blocks
        }
        // Letters in ResNet50 (a, b, c, …); one letter and numbers in the deeper ones (a, b1, b2, …).
        let (head, tail) = ("res\(stage)", "_branch2a")
        let suffixes = layers.filter { $0.hasPrefix(head) && $0.hasSuffix(tail) }
            .map { String($0.dropFirst(head.count).dropLast(tail.count)) }
        let ordered = suffixes.sorted {
            ($0.prefix(1), Int($0.dropFirst()) ?? 0) < ($1.prefix(1), Int($1.dropFirst()) ?? 0)
        }
        return ordered.map { Block(name: "\(stage)\($0)", isOld: true) }
    }
}

extension LayerRole {
    /// Keras' name of such a parameter.
    var kerasName: String {
        switch self {
        case .kernel, .bias, .gamma, .beta: rawValue
        case .mean: "moving_mean"
        case .variance: "moving_variance"
        case .counter: "count"
        }
    }
}
