import Tensors

extension Recognition {
    /// Takes over what the file's modules record of a network that its names tell. Where they record what the network cannot
    /// express, it is not scored, and names do not prove that a norm directly follows its convolution, if somebody does not say
    /// so: `given` are the parameters of such norms.
    mutating func take(_ modules: [String: RecordedModule], given: Set<String> = []) {
        guard !modules.isEmpty, network.isComplete else { return }
        let comparison = ModuleComparison(network, modules)
        differsFromFamily = comparison.network != network || !comparison.contradictions.isEmpty
        network = comparison.network
        contradictions = comparison.contradictions
        if !contradictions.isEmpty { network.isComplete = false }
        for pair in comparison.doubtfulPairs {
            if network.nodes[pair.norm].operation.parameters.contains(where: given.contains) {
                network.givenNorms.insert(pair.norm)
            } else {
                network.looseNorms.append(pair)
            }
        }
        let prefix = Self.geometryPrefix
        assumptions = assumptions.map { line in
            line.hasPrefix(prefix)
                ? "order of layers, and functions that no module records: \(line.dropFirst(prefix.count))"
                : line
        }
    }

    /// What a recognition by names assumes of a network's layers.
    static let geometryPrefix = "strides, pools, activations: "
}
