import Conversion

/// Options of a conversion by what there is to convert with; `Documentation/Calibration.md` has the figures behind them.
package enum ConversionRecipe: String, Sendable, CaseIterable {
    /// From stored statistics alone, in a moment.
    case fast
    /// From stored statistics and noise images, in seconds to a minute.
    case dataFree = "data-free"
    /// Calibrated on images without labels, in minutes.
    case best

    /// 16 channels a group: Wu & He found them as accurate as 32 groups, and narrow layers lose less of what their channels mean.
    package var groups: GroupPolicy { .near(16) }

    /// Where gamma, beta and filters come from, before a calibration.
    package var initialization: ConversionOptions.Initialization { self == .dataFree ? .noise : .statistics }

    /// Which weights are standardized: a calibration makes up for what the first convolution loses.
    package var weightStandardization: ConversionOptions.WeightStandardization {
        self == .best ? .on : .automatic
    }

    /// Whether it needs images.
    package var calibrates: Bool { self == .best }
}
