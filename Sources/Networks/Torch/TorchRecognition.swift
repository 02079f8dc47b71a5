import Tensors

/// What a file without statistics cannot tell of a group normalization: PyTorch's names carry neither.
public struct GroupNormSettings: Sendable, Equatable {
    /// Number of groups.
    public var groups: Int
    /// ε, added to the variance.
    public var epsilon: Double

    /// Settings of one norm.
    public init(groups: Int, epsilon: Double) {
        self.groups = groups
        self.epsilon = epsilon
    }
}

/// The ResNet that PyTorch's parameter names and shapes describe.
///
/// Takes torchvision's family (ResNet, ResNeXt and Wide ResNet of any depth: 7×7 stem, `layer1`–`layer4`,
/// `downsample`) and CIFAR ResNets: `layer1`–`layer3` with shortcuts of `shortcut`, `downsample` or no parameters
/// (He et al. 2016, option A), or `layer1`–`layer4` with `shortcut`. Names may have a prefix (`module.`) and `/` for
/// dots. Strides are torchvision's: the first block of `layer2` and later, on the 3×3 (the first 3×3 of a basic
/// block).
///
/// - Parameter groupNorms: Settings of norms without running statistics, keyed by layer name (`layer1.0.bn1`).
/// - Throws: `NetworkError`, also where a parameter inside the trunk has no place in a plain ResNet, for ignoring it
///   would make another function.
public func recognizeTorch(
    parameters: ParameterTable, groupNorms: [String: GroupNormSettings]? = nil
) throws(NetworkError) -> Recognition {
    let names = try TorchNames(parameters)
    let layout = try TorchLayout(names)
    var builder = TorchBuilder(names: names, layout: layout, groupNorms: groupNorms ?? [:])
    let network = try builder.network()
    let used = Set(network.nodes.flatMap(\.operation.parameters))
    let unused = parameters.names.filter { !used.contains($0) }
    if let stray = unused.first(where: names.isInTrunk) {
        throw .unrecognized(reason: "parameter '\(stray)' has no place in a plain ResNet")
    }
    return Recognition(network: network, unused: unused)
}

/// Parameters by their dotted names, without what is common in front of them.
struct TorchNames {
    /// What stands before `conv1.weight` in the file: empty, or for example `module.`.
    let prefix: String
    private let parameters: ParameterTable
    /// Dotted name without the prefix → name in the file.
    private var stored: [String: String] = [:]

    init(_ parameters: ParameterTable) throws(NetworkError) {
        self.parameters = parameters
        let dotted = parameters.names.map(Self.dotted)
        let all = Set(dotted)
        let suffix = "layer1.0.conv1.weight"
        let prefixes = dotted.filter { $0.hasSuffix(suffix) }.map { String($0.dropLast(suffix.count)) }
            .filter { ($0.isEmpty || $0.hasSuffix(".")) && all.contains($0 + "conv1.weight") }
        guard let prefix = prefixes.min(by: { ($0.utf8.count, $0) < ($1.utf8.count, $1) }) else {
            throw .unrecognized(
                reason:
                    "no parameters named conv1.weight and layer1.0.conv1.weight, as PyTorch's ResNets have")
        }
        self.prefix = prefix
        for (name, dotted) in zip(parameters.names, dotted) where dotted.hasPrefix(prefix) {
            let short = String(dotted.dropFirst(prefix.count))
            if let other = stored.updateValue(name, forKey: short) {
                throw .ambiguousParameter(name: short, neededBy: short, candidates: [other, name])
            }
        }
    }

    private static func dotted(_ name: String) -> String {
        String(name.map { $0 == "/" ? "." : $0 })
    }

    /// The name in the file; nil where there is none.
    subscript(_ name: String) -> String? { stored[name] }

    /// Dotted names without the prefix, in no order.
    var all: Dictionary<String, String>.Keys { stored.keys }

    /// The name and shape of a parameter that `layer` cannot do without.
    func require(_ name: String, for layer: String) throws(NetworkError) -> (name: String, shape: Shape) {
        guard let stored = stored[name], let shape = parameters[stored]?.shape else {
            throw .missingParameter(name: prefix + name, neededBy: prefix + layer)
        }
        return (stored, shape)
    }

    /// The name of a parameter of exactly this shape.
    func require(_ name: String, _ extents: [Int], for layer: String) throws(NetworkError) -> String {
        let (stored, shape) = try require(name, for: layer)
        guard shape.extents == extents else {
            throw .wrongShape(
                parameter: stored, found: shape.description,
                expected: extents.isEmpty ? "scalar" : extents.map(String.init).joined(separator: "×"))
        }
        return stored
    }

    /// Like `require`, or nil where the file has no such parameter.
    func optional(_ name: String, _ extents: [Int], for layer: String) throws(NetworkError) -> String? {
        stored[name] == nil ? nil : try require(name, extents, for: layer)
    }

    /// Whether a name in the file is one of the stem's or the stages'.
    func isInTrunk(_ name: String) -> Bool {
        let dotted = Self.dotted(name)
        guard dotted.hasPrefix(prefix), let part = dotted.dropFirst(prefix.count).split(separator: ".").first
        else { return false }
        return part == "conv1" || part == "bn1" || part.hasPrefix("layer")
    }
}
