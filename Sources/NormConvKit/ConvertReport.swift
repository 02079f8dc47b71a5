import Conversion

/// What a conversion did, for `--json`.
package struct ConvertReport: Codable, Sendable {
    /// The format version of this report.
    package var schemaVersion = 1
    /// The file that was read.
    package var input: String
    /// The file that was written; nil if nothing was.
    package var output: String?
    /// The path of the backup; nil if the output replaced no file.
    package var backup: String?
    /// What was recognised.
    package var architecture: String
    /// How it was converted, and the settings of every norm.
    package var conversion: ConversionNote
    /// Converted norms by number of channels.
    package var stages: [Stage]
    /// Convolutions whose weights were standardized.
    package var standardized: [String]
    /// Convolutions whose weights were not standardized, and why.
    package var leftAlone: [InspectReport.Exempt]
    /// Pairs of convolution and norm, certain or possible, with their basis, in topological order.
    package var pairs: [PairReport]
    /// Conventions that fill in what the file does not record.
    package var assumptions: [String]
    /// Convolutions that got a bias.
    package var biased: [String]
    /// Parameters that were left out.
    package var droppedParameters: [String]
    /// Other parts of the file that were left out.
    package var droppedParts: [String]
    /// Parameters of the input that the network does not use.
    package var unused: [String]
    /// What calibration on images did, if there was one.
    package var calibration: CalibrationReport?
    /// The warnings, each with all its layers.
    package var warnings: [String]

    /// The norms of one width.
    package struct Stage: Codable, Sendable {
        /// Channels of the norms.
        package var channels: Int
        /// Groups of each.
        package var groups: Int
        /// How many norms.
        package var norms: Int
        /// How many convolutions before them were standardized.
        package var standardized: Int
    }

    /// Describes a planned conversion, written to `output` if that is not nil.
    package init(
        _ model: Model, _ plan: ConversionPlan, note: ConversionNote,
        calibration: CalibrationReport? = nil, output: String?
    ) {
        self.calibration = calibration
        input = model.path
        self.output = output
        architecture = model.network.architecture
        conversion = note
        stages = plan.report.stages.map {
            Stage(
                channels: $0.channels, groups: $0.groups, norms: $0.norms, standardized: $0.standardized)
        }
        standardized = plan.report.standardized
        leftAlone = plan.report.leftAlone.map {
            InspectReport.Exempt(layer: $0.layer, reason: $0.reason.description)
        }
        pairs = plan.report.pairs.map(PairReport.init)
        assumptions = model.assumptions
        biased = plan.biasedConvolutions
        droppedParameters = plan.report.dropped
        droppedParts = model.checkpoint.leftOut
        unused = model.unusedParameters
        warnings = plan.report.open(calibration).map { $0.text(listing: .max) }
    }
}

extension ConversionReport {
    /// The warnings that a calibration, if there was one, does not make obsolete.
    package func open(_ calibration: CalibrationReport?) -> [ConversionWarning] {
        warnings.filter { calibration == nil || !$0.isAnsweredByCalibration }
    }
}
