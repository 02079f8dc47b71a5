/// The number of groups of a norm. A group holds consecutive channels.
public enum GroupPolicy: Sendable, Hashable {
    /// 32 (Wu & He 2018) where there are at least 64 channels and 32 divides them; otherwise the largest divisor
    /// up to 32 that leaves at least 8 channels a group, or 1.
    case auto
    /// This many groups; an error if they do not divide the channels.
    case count(Int)
    /// This many channels per group; an error if they do not divide the channels.
    case perGroup(Int)
    /// As many channels per group as divide the channels and are nearest to this many, by their ratio, and at least half as many;
    /// one group where there are none.
    case near(Int)
    /// gcd(32, channels), as Opacus does.
    case gcd

    /// The number of groups for a norm of `channels` channels; `layer` is named in errors.
    package func groups(channels: Int, layer: String) throws(ConversionError) -> Int {
        switch self {
        case .auto:
            if channels >= 64, channels % 32 == 0 { return 32 }
            let candidates = stride(from: 32, to: 1, by: -1)
            return candidates.first { channels % $0 == 0 && channels / $0 >= 8 } ?? 1
        case .count(let groups):
            guard groups > 0, channels % groups == 0 else {
                throw .groupsDoNotDivide(layer: layer, channels: channels, groups: groups)
            }
            return groups
        case .perGroup(let size):
            guard size > 0, channels % size == 0 else {
                throw .groupSizeDoesNotDivide(layer: layer, channels: channels, size: size)
            }
            return channels / size
        case .near(let size):
            guard size > 0 else {
                throw .groupSizeDoesNotDivide(layer: layer, channels: channels, size: size)
            }
            // Of two that are as near, the larger: fewer groups keep more.
            func distance(_ found: Int) -> Double { Double(max(found, size)) / Double(min(found, size)) }
            let sizes = (1...max(channels, 1)).reversed().filter { channels % $0 == 0 && 2 * $0 >= size }
            return channels / (sizes.min { distance($0) < distance($1) } ?? max(channels, 1))
        case .gcd:
            return greatestCommonDivisor(32, channels)
        }
    }
}

extension GroupPolicy: CustomStringConvertible {
    /// As the command spells it: `auto`, `32`, `size:8`, `near:16`, `gcd`.
    public var description: String {
        switch self {
        case .auto: "auto"
        case .count(let groups): "\(groups)"
        case .perGroup(let size): "size:\(size)"
        case .near(let size): "near:\(size)"
        case .gcd: "gcd"
        }
    }
}

extension ConversionOptions {
    /// The number of groups for a norm of `channels` channels; `layer` is named in errors.
    package func groups(channels: Int, layer: String) throws(ConversionError) -> Int {
        switch target {
        case .groupNorm: try groups.groups(channels: channels, layer: layer)
        case .layerNorm: 1
        case .instanceNorm: channels
        }
    }
}

/// The largest number that divides both; the other one where one is 0.
package func greatestCommonDivisor(_ left: Int, _ right: Int) -> Int {
    right == 0 ? left : greatestCommonDivisor(right, left % right)
}
