/// What norms without running statistics are, in files that do not tell: PyTorch's `GroupNorm` and `InstanceNorm2d` have the
/// same parameters, and a `BatchNorm2d` that keeps no statistics has them as well.
public enum NormKind: Sendable, Equatable {
    /// This many groups of consecutive channels.
    case group(Int)
    /// Each channel by itself.
    case instance
    /// All channels together, over all positions: one group.
    case layer

    /// The settings of a norm; ε is PyTorch's 1e-5. `group` may not divide the channels, which is the caller's to check.
    func settings(channels: Int) -> GroupNormSettings {
        let groups =
            switch self {
            case .group(let count): count
            case .instance: channels
            case .layer: 1
            }
        return GroupNormSettings(groups: groups, epsilon: GroupNormSettings.convention.epsilon)
    }
}

extension NormKind: CustomStringConvertible {
    /// For people.
    public var description: String {
        switch self {
        case .group(let count): "group norms of \(count) groups"
        case .instance: "instance norms"
        case .layer: "group norms of one group"
        }
    }
}

extension Network {
    /// Layers of group normalizations, in topological order.
    var groupNormLayers: [String] {
        nodes.compactMap { if case .groupNorm = $0.operation { $0.layer } else { nil } }
    }
}
