import Tensors

/// Settings of a group norm that PyTorch's names do not record.
package struct GroupNormSettings: Sendable, Equatable {
    /// Number of groups.
    package var groups: Int
    /// ε, added to the variance.
    package var epsilon: Double

    /// Settings of one norm.
    package init(groups: Int, epsilon: Double) {
        self.groups = groups
        self.epsilon = epsilon
    }
}

/// The network that PyTorch's parameter names and shapes describe: a ResNet, or a member of another `TorchFamily`.
///
/// Of ResNets it takes torchvision's and timm's family (ResNet, ResNeXt and Wide ResNet of any depth: 7×7 stem or ResNet-D's three
/// 3×3, `layer1`–`layer4`, `downsample` with or without a pool before it) and CIFAR ResNets: `layer1`–`layer3` with shortcuts of `shortcut`, `downsample` or no parameters
/// (He et al. 2016, option A), or `layer1`–`layer4` with `shortcut`. Names may have a prefix (`module.`) and `/` for
/// dots. Strides are torchvision's: the first block of `layer2` and later, on the 3×3 (the first 3×3 of a basic
/// block).
///
/// - Parameters:
///   - groupNorms: Settings of norms without running statistics, keyed by layer name (`layer1.0.bn1`).
///   - modules: What the file records of its modules, by path.
///   - kind: What they are where no settings are recorded. Without either they are taken to be group norms of 32
///     groups, where these fit: a guess (`Recognition.unknownNorms`).
/// - Throws: `NetworkError`, also where a parameter inside the trunk has no place in a plain ResNet, for ignoring it
///   would make another function.
package func recognizeTorch(
    parameters: ParameterTable, groupNorms: [String: GroupNormSettings]? = nil, kind: NormKind? = nil,
    modules: [String: RecordedModule] = [:]
) throws(NetworkError) -> Recognition {
    let prefix = NamedParts.shortestPrefix(of: [.torch], in: parameters.names.map(TorchNames.dotted))
    if prefix == nil, let found = try recognizeTorchFamily(parameters, groupNorms ?? [:], kind, modules) {
        return found
    }
    guard let prefix else {
        throw .unrecognized(
            reason: "no parameters named conv1.weight and layer1.0.conv1.weight, as PyTorch's ResNets have")
    }
    let names = try TorchNames(
        parameters, prefix: prefix, groupNorms: groupNorms ?? [:], kind: kind, modules: modules)
    let layout = try TorchLayout(names)
    var builder = TorchBuilder(names: names, layout: layout)
    let network = try builder.network()
    return try Recognition(
        network, of: parameters, isInTrunk: names.isInTrunk, geometry: layout.geometry,
        assumptions: names.assumptions(of: network), unknownNorms: names.unknownNorms(of: network))
}

/// Parameters by their dotted names, without their common prefix.
struct TorchNames {
    /// What stands before the network's own names in the file: nothing, or for example `module.`.
    let prefix: String
    /// The recorded settings of norms without running statistics.
    let groupNorms: [String: GroupNormSettings]
    /// Their kind if nothing is recorded.
    private let kind: NormKind?
    /// ε of batch norms, and whose convention it is.
    var convention = EpsilonConventions.Convention(epsilon: 1e-5, source: "PyTorch's default")
    /// What the file records of its modules, by path.
    private let modules: [String: RecordedModule]
    private let parameters: ParameterTable
    /// Dotted name without the prefix → name in the file.
    private var stored: [String: String] = [:]

    init(
        _ parameters: ParameterTable, prefix: String, groupNorms: [String: GroupNormSettings],
        kind: NormKind?, modules: [String: RecordedModule] = [:]
    ) throws(NetworkError) {
        self.parameters = parameters
        self.modules = modules
        self.prefix = prefix
        self.groupNorms = groupNorms
        self.kind = kind
        let dotted = parameters.names.map(Self.dotted)
        for (name, dotted) in zip(parameters.names, dotted) where dotted.hasPrefix(prefix) {
            let short = String(dotted.dropFirst(prefix.count))
            if let other = stored.updateValue(name, forKey: short) {
                throw .ambiguousParameter(name: short, neededBy: short, candidates: [other, name])
            }
        }
    }

    static func dotted(_ name: String) -> String {
        String(name.map { $0 == "/" ? "." : $0 })
    }

    /// The name in the file; nil if there is none.
    subscript(_ name: String) -> String? { stored[name] }

    /// What the file records of a module.
    func recorded(_ module: String) -> RecordedModule? { modules[prefix + module] }

    /// Dotted names without the prefix, in no order.
    var all: Dictionary<String, String>.Keys { stored.keys }

    /// The module of the network that a parameter in the file belongs to; nil if it stands outside.
    func module(of name: String) -> Substring? {
        let dotted = Self.dotted(name)
        return dotted.hasPrefix(prefix) ? dotted.dropFirst(prefix.count).prefix { $0 != "." } : nil
    }

    /// Whether a name in the file is one of a ResNet's stem or stages.
    func isInTrunk(_ name: String) -> Bool {
        guard let module = module(of: name) else { return false }
        return ["conv1", "bn1", "maxpool"].contains(module)
            || module.hasPrefix("layer") && Int(module.dropFirst("layer".count)) != nil
    }

    /// Whether the file has a kernel of a convolution for this layer.
    func hasConvolution(_ layer: String) -> Bool { parameter(.kernel, of: layer)?.shape.rank == 4 }

    /// Rows of a convolution's kernel; nil if there is no such convolution.
    func kernelSize(of layer: String) -> Int? {
        parameter(.kernel, of: layer).flatMap { $0.shape.rank == 4 ? $0.shape[2] : nil }
    }
}

extension TorchNames: LayerNames {
    var kernelLayout: KernelLayout { .oihw }
    var requiresAffine: Bool { true }
    var batchNormEpsilon: Double { convention.epsilon }

    func parameter(_ role: LayerRole, of layer: String) -> (name: String, shape: Shape)? {
        guard let name = stored["\(layer).\(role.torchName)"], let shape = parameters[name]?.shape else {
            return nil
        }
        return (name, shape)
    }

    func expectedName(_ role: LayerRole, of layer: String) -> String {
        "\(prefix)\(layer).\(role.torchName)"
    }

    func layerName(_ layer: String) -> String { prefix + layer }

    /// The settings in the file's note or from the user; otherwise the convention of timm and torchvision: a guess.
    func groupNorm(_ layer: String, channels: Int) throws(NetworkError) -> GroupNormSettings {
        if let settings = groupNorms[prefix + layer] ?? groupNorms[layer] ?? recorded(layer)?.groupNorm {
            return settings
        }
        if let kind { return kind.settings(channels: channels) }
        guard groupNorms.isEmpty else { throw .unknownGroups(of: prefix + layer) }
        return try .guess(layer: prefix + layer, channels: channels)
    }

    /// Norms of which neither the file nor its reader says what they are.
    func unknownNorms(of network: Network) -> [String] {
        guard groupNorms.isEmpty, kind == nil else { return [] }
        return network.groupNormLayers.filter { modules[$0]?.groupNorm == nil }
    }

    /// Settings that PyTorch files do not record.
    func assumptions(of network: Network) -> [String] {
        let isGuess = groupNorms.isEmpty && !unknownNorms(of: network).isEmpty
        return network.conventions(
            batchNorm: convention.source,
            groupNorm: isGuess ? "a guess: the convention of Wu & He 2018 and of timm" : nil,
            kind: kind)
    }
}

extension LayerRole {
    /// PyTorch's name of such a parameter.
    var torchName: String {
        switch self {
        case .kernel, .gamma: "weight"
        case .bias, .beta: "bias"
        case .mean: "running_mean"
        case .variance: "running_var"
        case .counter: "num_batches_tracked"
        }
    }
}

extension GroupNormSettings {
    /// 32 groups, ε 1e-5: the paper's, PyTorch's and timm's.
    static let convention = GroupNormSettings(groups: 32, epsilon: 1e-5)
}

extension Network {
    /// Which settings of its norms come from a convention; nil if the file records them. `kind` is what somebody said
    /// of group norms.
    func conventions(batchNorm: String?, groupNorm: String?, kind: NormKind? = nil) -> [String] {
        var found: [String] = []
        for node in nodes {
            switch node.operation {
            case .batchNorm(let norm):
                if let batchNorm { found.append("batch norms: ε \(norm.epsilon), \(batchNorm)") }
            case .groupNorm(let norm):
                if let kind {
                    found.append("\(kind), by option: ε \(norm.epsilon), PyTorch's default")
                } else if let groupNorm {
                    found.append("group norms: \(norm.groups) groups, ε \(norm.epsilon), \(groupNorm)")
                }
            default: break
            }
        }
        return found.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }
}
