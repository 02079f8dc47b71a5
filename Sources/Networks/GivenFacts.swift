import Tensors

/// What somebody knows of a network that the names in its file do not tell.
package struct GivenFacts: Sendable, Equatable {
    /// Pairs of convolution and norm that are adjacent.
    package var pairs: GivenPairs?
    /// ε of the batch norms, 0 or more.
    package var batchEpsilon: Double?
    /// ε of batch norms by their modules' names in the file, where it records them (a pickled module), or by layer (the
    /// note of a conversion).
    package var normEpsilons: [String: Double]
    /// Classes and settings of modules by path, where the file records them.
    package var modules: [String: RecordedModule]

    /// Facts from outside the names; none by default.
    package init(
        pairs: GivenPairs? = nil, batchEpsilon: Double? = nil, normEpsilons: [String: Double] = [:],
        modules: [String: RecordedModule] = [:]
    ) {
        self.pairs = pairs
        self.batchEpsilon = batchEpsilon
        self.normEpsilons = normEpsilons
        self.modules = modules
    }
}
