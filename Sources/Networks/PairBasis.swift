/// The basis of a pair of convolution and norm.
///
/// Only a graph, the file's or one from outside, also proves that the two are adjacent; names, orders and counts never do.
package enum PairBasis: Sendable, Equatable {
    /// No other convolution can be the one.
    case proven(by: Proof)
    /// It may be another one.
    case assumed(because: Clue)

    /// A proof that excludes other convolutions.
    package enum Proof: String, Sendable, Equatable, CaseIterable {
        /// The graph: a configuration, or the names of a known family of networks.
        case graph
        /// Somebody who knows the graph gave the pair (`GivenPairs`).
        case given
        /// The file lists its layers in topological order, and no other layer before the norm is left for it.
        case order
        /// One layer of the file alone has as many outputs as the norm has channels.
        case count
    }

    /// A clue, without proof.
    package enum Clue: String, Sendable, Equatable, CaseIterable {
        /// Names: `layer3.conv1` and `layer3.bn1`, or neighbours in an `nn.Sequential`.
        case names
        /// Automatic numbers: `conv2d_7` and `batch_normalization_7`. A convolution without a norm shifts them.
        case numbers
    }

    /// Whether the pair holds where convolutions are known to stand directly before their norms.
    package var holdsIfAdjacent: Bool { self != .assumed(because: .numbers) }

    /// `graph`, `given`, `order`, `count`, `names` or `numbers`.
    package var word: String {
        switch self {
        case .proven(let proof): proof.rawValue
        case .assumed(let clue): clue.rawValue
        }
    }
}

/// A norm with an unknown position in the graph. Its input is a separate node.
package struct LooseNorm: Sendable, Equatable {
    /// Its index in `Network.nodes`.
    package var norm: Int
    /// The index of the convolution that may be the one before it, if there is one.
    package var convolution: Int?
    /// The basis of the pair; nil without a convolution.
    package var basis: PairBasis?

    /// A norm, and the convolution before it as far as it is known.
    package init(norm: Int, convolution: Int? = nil, basis: PairBasis? = nil) {
        self.norm = norm
        self.convolution = convolution
        self.basis = basis
    }
}

/// A norm, and the convolution before it if it is known.
package struct NormPair: Sendable, Equatable {
    /// The norm's layer.
    package var norm: String
    /// The convolution's layer; nil if several may be the one.
    package var convolution: String?
    /// The basis of the pair.
    package var basis: PairBasis?
    /// Whether the two are adjacent.
    package var adjacency: Adjacency

    /// Whether a norm reads its convolution's values themselves.
    package enum Adjacency: String, Sendable, Equatable, CaseIterable {
        /// The graph says so, or a pair from outside.
        case proven
        /// An option says so.
        case assumed
        /// Nothing says so.
        case unknown
        /// An option says so, but the norm's statistics contradict it.
        case contradicted
    }
}

extension Network {
    /// Norms after a convolution, and those that may be, by their indices.
    package var normPairs: [Int: NormPair] {
        var found: [Int: NormPair] = [:]
        for (norm, convolution) in ConvolutionNormPairs(self).convolutionBefore {
            found[norm] = NormPair(
                norm: nodes[norm].layer, convolution: nodes[convolution].layer,
                basis: .proven(by: givenNorms.contains(norm) ? .given : .graph), adjacency: .proven)
        }
        for loose in looseNorms {
            found[loose.norm] = NormPair(
                norm: nodes[loose.norm].layer, convolution: loose.convolution.map { nodes[$0].layer },
                basis: loose.basis, adjacency: .unknown)
        }
        return found
    }

    /// The network in which each of these norms reads its convolution.
    package func connecting(_ norms: [LooseNorm]) -> Network {
        var network = self
        for loose in norms {
            guard let convolution = loose.convolution else { continue }
            network.nodes[loose.norm].inputs = [convolution]
            network.looseNorms.removeAll { $0 == loose }
        }
        return network
    }

    /// Adds another network. The output stays this one's.
    mutating func append(_ other: Network) {
        let count = nodes.count
        nodes += other.nodes.map { node in
            Node(layer: node.layer, operation: node.operation, inputs: node.inputs.map { $0 + count })
        }
        givenNorms.formUnion(other.givenNorms.map { $0 + count })
        looseNorms += other.looseNorms.map {
            LooseNorm(norm: $0.norm + count, convolution: $0.convolution.map { $0 + count }, basis: $0.basis)
        }
    }
}
