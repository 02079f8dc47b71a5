import Tensors

extension Recognition {
    /// Takes over what the file's modules record of a network that its names tell. Where they record what the network cannot
    /// express, it is not scored.
    mutating func take(_ modules: [String: RecordedModule]) {
        guard !modules.isEmpty, network.isComplete else { return }
        let comparison = ModuleComparison(network, modules)
        differsFromFamily = comparison.network != network || !comparison.contradictions.isEmpty
        network = comparison.network
        contradictions = comparison.contradictions
        if !contradictions.isEmpty { network.isComplete = false }
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
