import Conversion

/// What a conversion did, for machines.
public struct ConvertReport: Codable, Sendable {
    /// The form of this report.
    public var schemaVersion = 1
    /// The file that was read.
    public var input: String
    /// The file that was written; nil where nothing was.
    public var output: String?
    /// Where the old file is that the output replaced; nil where it replaced none.
    public var backup: String?
    /// What was recognised.
    public var architecture: String
    /// How it was converted, and the settings of every norm.
    package var conversion: ConversionNote
    /// Converted norms by number of channels.
    public var stages: [Stage]
    /// Convolutions whose weights were standardized.
    public var standardized: [String]
    /// Convolutions whose weights were left as they are, and why.
    package var leftAlone: [InspectReport.Exempt]
    /// Norms behind a convolution, or that may be, and what says so, in topological order.
    package var pairs: [PairReport]
    /// What the file does not say and a convention had to.
    public var assumptions: [String]
    /// Convolutions that got a bias.
    public var biased: [String]
    /// Parameters that were left out.
    public var droppedParameters: [String]
    /// Other parts of the file that were left out.
    public var droppedParts: [String]
    /// Parameters of the input that the network does not use.
    public var unused: [String]
    /// What calibration on images did, if there was one.
    public var calibration: CalibrationReport?
    /// What the user should know, with all layers that it is about.
    public var warnings: [String]

    /// The norms of one width.
    public struct Stage: Codable, Sendable {
        /// Channels of the norms.
        public var channels: Int
        /// Groups of each.
        public var groups: Int
        /// How many norms.
        public var norms: Int
        /// How many convolutions before them were standardized.
        public var standardized: Int
    }

    /// Describes a conversion that is worked out, and written where `output` is not nil.
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
    /// The warnings that a calibration has not answered, if there was one.
    package func open(_ calibration: CalibrationReport?) -> [ConversionWarning] {
        warnings.filter { calibration == nil || !$0.isAnsweredByCalibration }
    }
}
