import Tensors

/// What was recognised, and what was left over.
package struct Recognition: Sendable, Equatable {
    /// The network.
    package var network: Network
    /// Names of parameters that the network does not use, in file order.
    package var unused: [String]
    /// How the network was recognised.
    package var basis: Basis
    /// What the file does not say and a convention had to: for people.
    package var assumptions: [String]

    /// Layers of norms without running statistics that nothing tells the kind of: 32 groups are a guess there.
    package var unknownNorms: [String] = []

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
    /// A network told by its names.
    ///
    /// - Parameters:
    ///   - isInTrunk: Whether a name is one of the network's own stem or stages.
    ///   - geometry: Whose strides, pools and activations it is taken to have: no name tells.
    ///   - unknownNorms: Layers of norms of which nothing tells the kind.
    /// - Throws: `NetworkError.unrecognized` where the network does not use such a parameter: ignoring it would make
    ///   another function.
    init(
        _ network: Network, of parameters: ParameterTable, isInTrunk: (String) -> Bool, geometry: String,
        assumptions: [String], unknownNorms: [String] = []
    ) throws(NetworkError) {
        let used = Set(network.nodes.flatMap(\.operation.parameters))
        let unused = parameters.names.filter { !used.contains($0) }
        if let stray = unused.first(where: isInTrunk) {
            throw .unrecognized(reason: "parameter '\(stray)' has no place in a plain ResNet")
        }
        self.init(
            network: network, unused: unused, basis: .names,
            assumptions: assumptions + ["strides, pools, activations: \(geometry)"])
        self.unknownNorms = unknownNorms
    }
}
