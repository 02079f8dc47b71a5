import Networks

extension Planner {
    /// Norms of fewer channels may have no negative mean by chance.
    private static let fewestChannels = 8

    /// The network as the options take it: where they say that convolutions stand directly before their norms, norms that
    /// are not connected read theirs, but for those whose statistics contradict it.
    static func connected(
        _ network: Network, _ options: ConversionOptions, _ reader: ParameterReader
    ) throws -> (network: Network, contradicted: [Int: ConvolutionExemption]) {
        guard options.assumesAdjacent else { return (network, [:]) }
        var (connected, contradicted) = ([LooseNorm](), [Int: ConvolutionExemption]())
        for loose in network.looseNorms where loose.basis?.holdsIfAdjacent == true {
            guard let convolution = loose.convolution else { continue }
            if try isRectified(network.nodes[loose.norm], reader) {
                contradicted[convolution] = .contradicted(norm: network.nodes[loose.norm].layer)
            } else {
                connected.append(loose)
            }
        }
        return (network.connecting(connected), contradicted)
    }

    /// Whether a batch normalization's running means are those of values that are never negative. Statistics that nobody
    /// has updated, all 0, tell nothing.
    private static func isRectified(_ node: Node, _ reader: ParameterReader) throws -> Bool {
        guard case .batchNorm(let norm) = node.operation, norm.channels >= fewestChannels else {
            return false
        }
        let means = try reader.read(norm.mean, shape: [norm.channels], layer: node.layer).values
        return means.allSatisfy { $0 >= 0 } && means.contains { $0 > 0 }
    }

    /// Norms and what is before them, in topological order.
    static func reported(
        _ network: Network, connected: Network, _ contradicted: [Int: ConvolutionExemption]
    ) -> [NormPair] {
        var pairs = network.normPairs
        let stillLoose = Set(connected.looseNorms.map(\.norm))
        for loose in network.looseNorms {
            if !stillLoose.contains(loose.norm) {
                pairs[loose.norm]?.adjacency = .assumed
            } else if let convolution = loose.convolution, contradicted[convolution] != nil {
                pairs[loose.norm]?.adjacency = .contradicted
            }
        }
        return pairs.sorted { $0.key < $1.key }.map(\.value)
    }

    /// What is to be said of convolutions that may be before a norm and stay as they are, or may not stay so.
    var pairWarnings: [ConversionWarning] {
        let pairs = plan.report.pairs
        var warnings: [ConversionWarning] = []
        if options.assumesAdjacent, !pairs.contains(where: { $0.adjacency != .proven }) {
            warnings.append(.graphIsKnown)
        }
        let contradicted = pairs.filter { $0.adjacency == .contradicted }.map(\.norm)
        if !contradicted.isEmpty { warnings.append(.contradictedAdjacency(norms: contradicted)) }
        let unproven = pairs.filter { $0.adjacency == .unknown }
        guard !unproven.isEmpty, options.standardization != .off || options.addsBias else {
            return warnings
        }
        let wouldHold = unproven.contains { $0.basis?.holdsIfAdjacent == true }
        warnings.append(
            .unprovenPairs(
                norms: unproven.map(\.norm), isKeras: source.family == .keras,
                canBeAssumed: !options.assumesAdjacent && wouldHold))
        return warnings
    }
}
