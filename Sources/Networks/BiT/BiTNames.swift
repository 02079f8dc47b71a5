import Tensors

/// Parameters of a pre-activation ResNet under timm's names (`stages.0.blocks.0.conv1`), whatever they are called in
/// the file: by timm, by BiT's archives (`resnet/block1/unit01/a/standardized_conv2d`), or by BiT's TensorFlow 2 model.
struct BiTNames: LayerNames {
    let style: Style
    /// Layer and role under timm's names → name in the file.
    private var stored: [String: String] = [:]
    /// The prefix of timm's names in the file.
    private let prefix: String
    private let parameters: ParameterTable
    private let groupNorms: [String: GroupNormSettings]

    enum Style: Equatable {
        /// PyTorch: timm's `resnetv2` models.
        case timm
        /// TensorFlow: BiT's `.npz` and its TF2 model's `.h5`.
        case tensorFlow
    }

    /// Nil where the file has none of the names.
    init?(_ parameters: ParameterTable, groupNorms: [String: GroupNormSettings]) throws(NetworkError) {
        self.parameters = parameters
        self.groupNorms = groupNorms
        style =
            parameters.names.contains { $0.hasSuffix("stages.0.blocks.0.conv1.weight") } ? .timm : .tensorFlow
        let stem = "stem.conv.weight"
        let prefix =
            parameters.names.first { $0.hasSuffix(stem) }.map { String($0.dropLast(stem.count)) } ?? ""
        self.prefix = prefix
        for name in parameters.names {
            let key = style == .timm ? Self.timmKey(name.dropFirst(prefix.count)) : Self.tensorFlowKey(name)
            guard let key, style == .tensorFlow || name.hasPrefix(prefix) else { continue }
            if let other = stored.updateValue(name, forKey: key) {
                throw .ambiguousParameter(name: key, neededBy: key, candidates: [other, name])
            }
        }
        guard stored["stem.conv/kernel"] != nil, stored["stages.0.blocks.0.conv1/kernel"] != nil else {
            return nil
        }
    }

    /// `stages.0.blocks.0.norm1.weight` → `stages.0.blocks.0.norm1/gamma`
    private static func timmKey(_ name: Substring) -> String? {
        guard let dot = name.lastIndex(of: ".") else { return nil }
        let layer = name[..<dot]
        let isNorm = layer.split(separator: ".").last?.hasPrefix("norm") == true
        let role: LayerRole
        switch name[name.index(after: dot)...] {
        case "weight": role = isNorm ? .gamma : .kernel
        case "bias": role = isNorm ? .beta : .bias
        case "running_mean": role = .mean
        case "running_var": role = .variance
        case "num_batches_tracked": role = .counter
        default: return nil
        }
        return "\(layer)/\(role.rawValue)"
    }

    /// `resnet/block1/unit01/a/group_norm/gamma` → `stages.0.blocks.0.norm1/gamma`. The TF2 model's file repeats parts
    /// in front: the last `block1` or `root_block` counts.
    private static func tensorFlowKey(_ name: String) -> String? {
        var parts = name.split(separator: "/").map { String($0.hasSuffix(":0") ? $0.dropLast(2) : $0[...]) }
        guard let last = parts.popLast(), let role = LayerRole(rawValue: last) else { return nil }
        if let start = parts.lastIndex(of: "root_block") {
            return parts[start...] == ["root_block", "standardized_conv2d"]
                ? "stem.conv/\(role.rawValue)" : nil
        }
        if let start = parts.lastIndex(where: { $0.hasPrefix("block") }) {
            guard let block = Int(parts[start].dropFirst("block".count)), parts.count > start + 2,
                parts[start + 1].hasPrefix("unit"), let unit = Int(parts[start + 1].dropFirst("unit".count)),
                let layer = unitLayers[parts[(start + 2)...].joined(separator: "/")]
            else { return nil }
            return "stages.\(block - 1).blocks.\(unit - 1).\(layer)/\(role.rawValue)"
        }
        switch parts.last {
        case "group_norm": return "norm/\(role.rawValue)"
        case "conv2d" where parts.contains("head"), "dense" where parts.contains("head"):
            return "head.fc/\(role.rawValue)"
        default: return nil
        }
    }

    private static let unitLayers = [
        "a/group_norm": "norm1", "a/standardized_conv2d": "conv1", "b/group_norm": "norm2",
        "b/standardized_conv2d": "conv2", "c/group_norm": "norm3", "c/standardized_conv2d": "conv3",
        "a/proj/standardized_conv2d": "downsample.conv", "a/proj/group_norm": "downsample.norm",
    ]

    /// Whether a name in the file is one of the stem's, the stages' or the last norm's.
    func isInTrunk(_ name: String) -> Bool {
        switch style {
        case .timm:
            let part = name.hasPrefix(prefix) ? name.dropFirst(prefix.count).prefix { $0 != "." } : ""
            return ["stem", "stages", "norm"].contains(part)
        case .tensorFlow:
            return name.split(separator: "/").contains {
                $0 == "root_block" || $0.hasPrefix("block") && Int($0.dropFirst("block".count)) != nil
            }
        }
    }

    /// Number of blocks in each stage.
    var blocks: [Int] {
        var counts: [Int] = []
        while true {
            var count = 0
            while stored["stages.\(counts.count).blocks.\(count).conv1/kernel"] != nil { count += 1 }
            if count == 0 { return counts }
            counts.append(count)
        }
    }

    var kernelLayout: KernelLayout { style == .timm ? .oihw : .hwio }
    var batchNormEpsilon: Double { 1e-5 }
    var requiresAffine: Bool { true }

    func parameter(_ role: LayerRole, of layer: String) -> (name: String, shape: Shape)? {
        guard let name = stored["\(layer)/\(role.rawValue)"], let shape = parameters[name]?.shape else {
            return nil
        }
        return (name, shape)
    }

    func expectedName(_ role: LayerRole, of layer: String) -> String {
        style == .timm ? "\(prefix)\(layer).\(role.torchName)" : "\(layer) (\(role.rawValue))"
    }

    func layerName(_ layer: String) -> String { style == .timm ? prefix + layer : layer }

    func groupNorm(_ layer: String, channels: Int) throws(NetworkError) -> GroupNormSettings {
        groupNorms[layerName(layer)] ?? groupNorms[layer] ?? .convention
    }
}
