/// Options of a conversion.
package struct ConversionOptions: Sendable, Equatable {
    /// The new norms.
    package var target: Target
    /// The number of groups; only used for the target `groupNorm`.
    package var groups: GroupPolicy
    /// The source of gamma and beta.
    package var initialization: Initialization
    /// Which convolutions get standardized weights.
    package var weightStandardization: WeightStandardization
    /// The ε of weight standardization.
    package var standardizationEpsilon: StandardizationEpsilon
    /// ε of the new norms, added to the variance.
    package var epsilon: Double
    /// Gives a convolution before a norm a bias where it has none, so that every channel enters the norm with
    /// mean 0. Not with `copy`, which leaves biases alone.
    package var addsBias: Bool
    /// Assumes, if the graph is unknown, that norms directly follow the convolutions that they are paired with by names, order
    /// or number of channels (`PairBasis`). Otherwise such convolutions stay unchanged. Norms whose statistics contradict it
    /// are excluded. No effect if the graph is known.
    package var assumesAdjacent: Bool

    /// The defaults are the command's: GroupNorm of automatic groups, from stored statistics, with BiT's weight
    /// standardization.
    package init(
        target: Target = .groupNorm, groups: GroupPolicy = .auto,
        initialization: Initialization = .statistics,
        weightStandardization: WeightStandardization = .on,
        standardizationEpsilon: StandardizationEpsilon = .bit, epsilon: Double = 1e-5, addsBias: Bool = false,
        assumesAdjacent: Bool = false
    ) {
        self.target = target
        self.groups = groups
        self.initialization = initialization
        self.weightStandardization = weightStandardization
        self.standardizationEpsilon = standardizationEpsilon
        self.epsilon = epsilon
        self.addsBias = addsBias
        self.assumesAdjacent = assumesAdjacent
    }

    /// The new norms; all three are written as group norms.
    package enum Target: String, Sendable, CaseIterable {
        /// Groups of channels, by policy.
        case groupNorm
        /// One group of all channels and positions (Wu & He 2018).
        case layerNorm
        /// One channel per group.
        case instanceNorm
    }

    /// Where the new scale and offset come from.
    package enum Initialization: String, Sendable, CaseIterable {
        /// Computed from the stored statistics, which keeps the function for typical images.
        case statistics
        /// The old γ and β unchanged: a baseline that does not keep the function.
        case copy
    }

    /// Which convolutions get standardized weights (Qiao et al. 2019).
    package enum WeightStandardization: String, Sendable, CaseIterable {
        /// Those whose only consumer is a norm: it undoes their change of scale.
        case on
        /// None.
        case off
        /// All; those without a norm after them change the function.
        case all
    }

    /// The ε of weight standardization: every implementation has its own.
    package enum StandardizationEpsilon: String, Sendable, CaseIterable {
        /// Big Transfer: biased variance, 1e-10 inside the root.
        case bit
        /// timm's StdConv2d: biased variance, 1e-6 inside the root.
        case timm
        /// The original repository: unbiased standard deviation, 1e-5 added outside the root.
        case paper

        /// What is added to the biased variance inside the root. The paper's differs otherwise by a factor that is nearly
        /// the same for every filter of a layer, which a norm takes away.
        package var insideRoot: Double {
            switch self {
            case .bit, .paper: 1e-10
            case .timm: 1e-6
            }
        }
    }
}
