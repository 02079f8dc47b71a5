import Calibration
import Conversion
import Networks

/// What a conversion did, for `--json`.
public struct ConvertReport: Codable, Sendable {
    /// The format version of this report.
    public var schemaVersion = 1
    /// The file that was read.
    public var input: String
    /// The file that was written; nil if nothing was.
    public var output: String?
    /// The path of the backup; nil if the output replaced no file.
    public var backup: String?
    /// What was recognised.
    public var architecture: String
    /// How it was converted, and the settings of every norm.
    package var conversion: ConversionNote
    /// The converted norms, in topological order.
    package var norms: [NormReport]
    /// The convolutions, in topological order.
    package var convolutions: [ConvolutionReport]
    /// Converted norms by number of channels.
    package var stages: [ConvertedStage]
    /// Convolutions whose weights were standardized.
    public var standardized: [String]
    /// Convolutions whose weights were not standardized, and why.
    package var leftAlone: [ExemptLayer]
    /// Pairs of convolution and norm, certain or possible, with their basis, in topological order.
    package var pairs: [PairReport]
    /// Layers that normconv does not compute, and after which moments start anew.
    package var momentsRestart: [UncomputedLayer]
    /// Conventions that fill in what the file does not record.
    public var assumptions: [String]
    /// Convolutions that got a bias.
    public var biased: [String]
    /// Parameters that were left out.
    public var droppedParameters: [String]
    /// Other parts of the file that were left out.
    public var droppedParts: [String]
    /// Parameters of the input that the network does not use.
    public var unused: [String]
    /// How the batch norms' statistics were estimated anew, if they were.
    package var refresh: RefreshReport?
    /// How well the new network is estimated to agree with the old one, if that was done.
    package var estimate: AgreementEstimate?
    /// Why it could not be.
    package var notEstimated: String?
    /// What calibration on images did, if there was one.
    public var calibration: CalibrationReport?
    /// The warnings, each with all its layers.
    public var warnings: [String]

    /// Describes a planned conversion, written to `output` if that is not nil.
    package init(
        _ model: Model, _ plan: ConversionPlan, note: ConversionNote,
        calibration: CalibrationReport? = nil, estimate: AgreementEstimate? = nil, output: String?
    ) {
        self.calibration = calibration
        self.estimate = estimate
        refresh = model.refresh
        input = model.path
        self.output = output
        architecture = model.network.architecture
        conversion = note
        norms = plan.normReports
        convolutions = plan.convolutionReports
        stages = plan.report.stages
        standardized = plan.report.standardized
        leftAlone = plan.report.leftAlone.map {
            ExemptLayer(layer: $0.layer, reason: $0.reason.description)
        }
        pairs = plan.report.pairs.map(PairReport.init)
        momentsRestart = plan.report.momentsRestart
        assumptions = model.assumptions
        biased = plan.biasedConvolutions
        droppedParameters = plan.report.dropped
        droppedParts = model.checkpoint.leftOut
        unused = model.unusedParameters
        warnings = plan.report.warnings(lossIsKnown: calibration != nil || estimate != nil).map {
            $0.text(listing: .max)
        }
    }
}

extension ConversionReport {
    /// The warnings without those of a loss that was measured or estimated.
    package func warnings(lossIsKnown: Bool) -> [ConversionWarning] {
        warnings.filter { !(lossIsKnown && $0.predictsLoss) }
    }
}
