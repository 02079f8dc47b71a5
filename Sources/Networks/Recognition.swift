import Tensors

/// The recognised network, and the unused parameters.
package struct Recognition: Sendable, Equatable {
    /// The network.
    package var network: Network
    /// Names of parameters that the network does not use, in file order.
    package var unused: [String]
    /// How the network was recognised.
    package var basis: Basis
    /// Conventions that fill in what the file does not record, as text.
    package var assumptions: [String]

    /// Norms without running statistics of unknown kind: their 32 groups are a guess.
    package var unknownNorms: [String] = []
    /// ε of batch norms by layer, where the file records it or somebody gave it.
    package var statedEpsilons: [String: Double] = [:]

    /// What modules in the file record and the network cannot express, a line each.
    package var contradictions: [String] = []
    /// Whether modules in the file record something else than the network's family has.
    package var differsFromFamily = false

    /// What a network was recognised by.
    package enum Basis: String, Sendable, Codable {
        /// A configuration of layers.
        case configuration
        /// Names and shapes of parameters.
        case names
    }

    /// A network and the names in the file that it does not use.
    package init(
        network: Network, unused: [String], basis: Basis = .configuration, assumptions: [String] = []
    ) {
        self.network = network
        self.unused = unused
        self.basis = basis
        self.assumptions = assumptions
    }
    /// A network recognised by its names.
    ///
    /// - Parameters:
    ///   - isInTrunk: Whether a name is one of the network's own stem or stages.
    ///   - title: What the network is, in the error.
    ///   - geometry: The assumed source of strides, pools and activations, which names do not record.
    ///   - unknownNorms: Norms of unknown kind.
    /// - Throws: `NetworkError.unrecognized` where the network does not use such a parameter: ignoring it would make
    ///   another function.
    init(
        _ network: Network, of parameters: ParameterTable, isInTrunk: (String) -> Bool,
        title: String = "plain ResNet", geometry: String, assumptions: [String], unknownNorms: [String] = []
    ) throws(NetworkError) {
        let used = Set(network.nodes.flatMap(\.operation.parameters))
        let unused = parameters.names.filter { !used.contains($0) }
        if let stray = unused.first(where: isInTrunk) {
            throw .unrecognized(reason: "parameter '\(stray)' does not belong to a \(title)")
        }
        self.init(
            network: network, unused: unused, basis: .names,
            assumptions: assumptions + ["\(Self.geometryPrefix)\(geometry)"])
        self.unknownNorms = unknownNorms
    }
}
