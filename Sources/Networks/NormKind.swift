/// What norms without running statistics are, in files that do not tell: PyTorch's `GroupNorm` and `InstanceNorm2d` have the
/// same parameters, and a `BatchNorm2d` that keeps no statistics has them as well.
package enum NormKind: Sendable, Equatable {
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
    package var description: String {
        switch self {
        case .group(let count): "GroupNorm with \(count) groups"
        case .instance: "InstanceNorm"
        case .layer: "GroupNorm with one group"
        }
    }
}

extension GroupNormSettings {
    /// 32 groups, where they fit. What makes use of it has to say that it is a guess (`Recognition.unknownNorms`).
    static func guess(layer: String, channels: Int) throws(NetworkError) -> GroupNormSettings {
        guard channels % convention.groups == 0 else { throw .unknownGroups(of: layer) }
        return convention
    }
}

extension NetworkError {
    /// A norm without running statistics and without a note.
    static func unknownGroups(of layer: String) -> NetworkError {
        .unsupportedSetting(
            layer: layer, setting: "number of groups",
            found: "not recorded (without running statistics it is not a batch norm)",
            expected: "the note in files that normconv wrote, or --norm group, instance or layer")
    }
}

extension Network {
    /// Layers of group normalizations, in topological order.
    var groupNormLayers: [String] {
        nodes.compactMap { if case .groupNorm = $0.operation { $0.layer } else { nil } }
    }
}
