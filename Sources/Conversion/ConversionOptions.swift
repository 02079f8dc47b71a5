/// Options of a conversion.
public struct ConversionOptions: Sendable, Equatable {
    /// The new norms.
    public var target: Target
    /// The number of groups; only used for the target `groupNorm`.
    public var groups: GroupPolicy
    /// The source of gamma and beta.
    public var initialization: Initialization
    /// Which convolutions get standardized weights.
    public var weightStandardization: WeightStandardization?
    /// The ε of weight standardization.
    public var standardizationEpsilon: StandardizationEpsilon
    /// ε of the new norms, added to the variance.
    public var epsilon: Double
    /// The height K of a constant of alternating sign that enters each new norm with the channels, in standard deviations:
    /// groups' variances then hardly vary from sample to sample. 0 for none; otherwise `addsBias` is needed, and weights are not
    /// standardized.
    public var steadiness: Double
    /// Gives a convolution before a norm a bias where it has none, so that every channel enters the norm with
    /// mean 0. Not with `copy`, which leaves biases alone.
    public var addsBias: Bool
    /// Assumes, if the graph is unknown, that norms directly follow the convolutions that they are paired with by names, order
    /// or number of channels (`PairBasis`). Otherwise such convolutions stay unchanged. Norms whose statistics contradict it
    /// are excluded. No effect if the graph is known.
    public var assumesAdjacent: Bool

    /// The defaults are the command's: GroupNorm of automatic groups, from stored statistics, with BiT's weight
    /// standardization.
    public init(
        target: Target = .groupNorm, groups: GroupPolicy = .auto,
        initialization: Initialization = .statistics,
        weightStandardization: WeightStandardization? = nil,
        standardizationEpsilon: StandardizationEpsilon = .bit, epsilon: Double = 1e-5, addsBias: Bool = false,
        steadiness: Double = 0, assumesAdjacent: Bool = false
    ) {
        self.target = target
        self.groups = groups
        self.initialization = initialization
        self.weightStandardization = weightStandardization
        self.standardizationEpsilon = standardizationEpsilon
        self.epsilon = epsilon
        self.addsBias = addsBias
        self.steadiness = steadiness
        self.assumesAdjacent = assumesAdjacent
    }

    /// Which convolutions get standardized weights, with the default of the target. Layers that standardize their weights
    /// themselves get the same weights as others: standardizing twice changes nothing.
    public var standardization: WeightStandardization {
        switch weightStandardization {
        case nil: target == .groupNorm ? .on : .off
        case .layers?: .on
        case let chosen?: chosen
        }
    }

    /// Throws `ConversionError.invalidOption` for a value out of range, or options that contradict each other.
    func check() throws(ConversionError) {
        guard epsilon > 0, epsilon.isFinite else {
            throw .invalidOption(name: "epsilon", found: "\(epsilon)", expected: "a positive number")
        }
        guard steadiness >= 0, steadiness.isFinite else {
            throw .invalidOption(
                name: "steadiness", found: "\(steadiness)", expected: "0 or a positive number")
        }
        guard steadiness == 0 || standardization == .off else {
            throw .invalidOption(
                name: "steadiness", found: "\(steadiness)", expected: "0 with standardized weights")
        }
        guard steadiness == 0 || target != .instanceNorm else {
            throw .invalidOption(
                name: "steadiness", found: "\(steadiness)", expected: "0 with one channel a group")
        }
        guard steadiness == 0 || addsBias else {
            throw .invalidOption(
                name: "steadiness", found: "\(steadiness)", expected: "0, or addsBias")
        }
        guard !addsBias || initialization != .copy else {
            throw .invalidOption(
                name: "addsBias", found: "true",
                expected: "false with initialization copy, which keeps biases")
        }
        guard weightStandardization != .layers || standardizationEpsilon != .paper else {
            throw .invalidOption(
                name: "standardizationEpsilon", found: "paper",
                expected: "bit or timm with layers, whose epsilon is inside the root")
        }
    }

    /// What takes batch normalization's place; all three are written as group normalization.
    public enum Target: String, Sendable, CaseIterable {
        /// Groups of channels, by policy.
        case groupNorm
        /// One group of all channels and positions (Wu & He 2018).
        case layerNorm
        /// One channel per group.
        case instanceNorm
    }

    /// Where the new scale and offset come from.
    public enum Initialization: String, Sendable, CaseIterable {
        /// Computed from the stored statistics, which keeps the function for typical images.
        case statistics
        /// As `statistics`, with what noise images tell about how channels vary together: filters reach zero mean at less loss,
        /// and have signs that keep groups' means steady. Takes a few passes over up to 64 images.
        case noise
        /// The old γ and β unchanged: a baseline that does not keep the function.
        case copy
    }

    /// Which convolutions get standardized weights (Qiao et al. 2019).
    public enum WeightStandardization: String, Sendable, CaseIterable {
        /// Those whose only consumer is a norm: it undoes their change of scale.
        case on
        /// As `on`, but convolutions that read the image stay as they are: a filter of mean 0 does not see its brightness.
        /// No effect if the graph is unknown.
        case automatic = "auto"
        /// None.
        case off
        /// All; those without a norm after them change the function.
        case all
        /// As `on`, and in Keras' layouts by layers that standardize their weights at every call, so that they go on in training.
        case layers = "layer"
    }

    /// The ε of weight standardization: every implementation has its own.
    public enum StandardizationEpsilon: String, Sendable, CaseIterable {
        /// Big Transfer: biased variance, 1e-10 inside the root.
        case bit
        /// timm's StdConv2d: biased variance, 1e-6 inside the root.
        case timm
        /// The original repository: unbiased standard deviation, 1e-5 added outside the root.
        case paper

        /// What is added to the biased variance inside the root. The paper's differs otherwise by a factor that is nearly
        /// the same for every filter of a layer, which a norm takes away.
        public var insideRoot: Double {
            switch self {
            case .bit, .paper: 1e-10
            case .timm: 1e-6
            }
        }
    }
}
