import Conversion
import Training

/// What an experiment trains: the network as it is, or converted in one of several ways.
package enum ExperimentArm: Sendable, Hashable, CustomStringConvertible {
    /// Batch norms, in one of three modes: `bn`, `bn-eval`, `bn-frozen`; with statistics that are re-estimated on the training
    /// images first: `bn-frozen:refreshed`.
    case batchNorms(BatchNormMode, isRefreshed: Bool = false)
    /// Group norms whose gamma and beta come from the statistics: `gn`, `gn+ws`.
    case groupNorms(standardized: Bool, start: Start)
    /// Gamma and beta copied, filters standardized, as most tools do: `copy`.
    case copied
    /// Gamma 1 and beta 0, as Opacus does: `reset`.
    case reset

    /// How group norms begin.
    package enum Start: Sendable, Hashable {
        /// From the stored statistics.
        case statistics
        /// Fitted to the training images without labels: `gn:calibrated`.
        case calibrated
        /// Fitted to images like those that the network was trained on: `gn:source`.
        case source
        /// Fitted to the training images, to the network whose statistics were re-estimated on these images before: `gn:refreshed`.
        case refreshed
        /// With a constant of alternating sign, so many deviations high, before each norm: `gn:steady`, `gn:steady=32`.
        case steady(Double)
    }

    /// Those of an experiment, where none are named.
    package static let usual: [ExperimentArm] = [
        "bn", "bn-frozen", "bn-frozen:refreshed", "gn", "gn+ws", "gn+ws:calibrated", "gn+ws:refreshed",
        "gn:steady", "copy", "reset",
    ].compactMap(ExperimentArm.init(parsing:))

    /// The accepted texts.
    package static let forms =
        "bn, bn-eval, bn-frozen, bn:refreshed, bn-eval:refreshed, bn-frozen:refreshed, gn, gn+ws, gn:calibrated, gn+ws:calibrated, "
        + "gn:source, gn+ws:source, gn:refreshed, gn+ws:refreshed, gn:steady, gn:steady=K, copy, reset"

    /// Parses one of `forms`; nil for another text.
    package init?(parsing text: String) {
        switch text {
        case "bn": self = .batchNorms(.batch)
        case "bn-eval": self = .batchNorms(.running)
        case "bn-frozen": self = .batchNorms(.frozen)
        case "bn:refreshed": self = .batchNorms(.batch, isRefreshed: true)
        case "bn-eval:refreshed": self = .batchNorms(.running, isRefreshed: true)
        case "bn-frozen:refreshed": self = .batchNorms(.frozen, isRefreshed: true)
        case "copy": self = .copied
        case "reset": self = .reset
        default:
            let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard ["gn", "gn+ws"].contains(parts[0]) else { return nil }
            let standardized = parts[0] == "gn+ws"
            switch parts.count == 1 ? "statistics" : String(parts[1]) {
            case "statistics" where parts.count == 1:
                self = .groupNorms(standardized: standardized, start: .statistics)
            case "source": self = .groupNorms(standardized: standardized, start: .source)
            case "calibrated": self = .groupNorms(standardized: standardized, start: .calibrated)
            case "refreshed": self = .groupNorms(standardized: standardized, start: .refreshed)
            case "steady" where !standardized: self = .groupNorms(standardized: false, start: .steady(8))
            case let start where start.hasPrefix("steady=") && !standardized:
                guard let height = Double(start.dropFirst(7)), height > 0, height.isFinite else { return nil }
                self = .groupNorms(standardized: false, start: .steady(height))
            default: return nil
            }
        }
    }

    /// As it is parsed.
    package var description: String {
        switch self {
        case .batchNorms(let mode, let isRefreshed):
            let name =
                switch mode {
                case .batch: "bn"
                case .running: "bn-eval"
                case .frozen: "bn-frozen"
                }
            return isRefreshed ? name + ":refreshed" : name
        case .copied: return "copy"
        case .reset: return "reset"
        case .groupNorms(let standardized, let start):
            let name = standardized ? "gn+ws" : "gn"
            switch start {
            case .statistics: return name
            case .calibrated: return name + ":calibrated"
            case .source: return name + ":source"
            case .refreshed: return name + ":refreshed"
            case .steady(8): return name + ":steady"
            case .steady(let height):
                return name + ":steady=" + (Int(exactly: height).map(String.init) ?? "\(height)")
            }
        }
    }

    /// What batch norms do in training.
    var batchNorms: BatchNormMode { if case .batchNorms(let mode, _) = self { mode } else { .frozen } }

    /// Whether statistics are re-estimated on the training images before all else.
    var isRefreshed: Bool {
        switch self {
        case .batchNorms(_, let isRefreshed): isRefreshed
        case .groupNorms(_, .refreshed): true
        default: false
        }
    }

    /// Whether the network is fitted to the training images.
    var isCalibrated: Bool {
        switch self {
        case .groupNorms(_, .calibrated), .groupNorms(_, .refreshed): true
        default: false
        }
    }

    /// Whether the network is fitted to images like those that it was trained on.
    package var readsSource: Bool { if case .groupNorms(_, .source) = self { true } else { false } }

    /// The conversion's options; nil where batch norms stay.
    func conversionOptions(groups: GroupPolicy) -> ConversionOptions? {
        switch self {
        case .batchNorms: nil
        case .groupNorms(let standardized, .steady(let height)):
            ConversionOptions(
                groups: groups, weightStandardization: standardized ? .on : .off, addsBias: true,
                steadiness: height)
        case .groupNorms(let standardized, _):
            ConversionOptions(groups: groups, weightStandardization: standardized ? .on : .off)
        case .copied:
            ConversionOptions(groups: groups, initialization: .copy, weightStandardization: .on)
        case .reset:
            ConversionOptions(groups: groups, initialization: .copy, weightStandardization: .off)
        }
    }
}
