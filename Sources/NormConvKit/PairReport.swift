import Networks

/// A norm, the convolution before it, and the basis of the pair.
package struct PairReport: Codable, Sendable, Equatable {
    /// The norm's layer.
    package var norm: String
    /// The convolution's layer; nil if it is unknown which of several it is.
    package var convolution: String?
    /// The basis of the pair: `graph`, `given` (`--pairs`), `order`, `count`, `names`, `numbers`, or `unknown`.
    package var pairing: String
    /// Whether the pair is proven: by the graph, given, by order or by count.
    package var isProven: Bool
    /// Whether the two are adjacent: `proven` (by the graph or given), `assumed`, `contradicted` (by statistics), or
    /// `unknown`.
    package var adjacency: String

    /// Describes a pair.
    package init(_ pair: NormPair) {
        norm = pair.norm
        convolution = pair.convolution
        pairing = pair.basis?.word ?? "unknown"
        isProven = if case .proven? = pair.basis { true } else { false }
        adjacency = pair.adjacency.rawValue
    }
}

extension [PairReport] {
    /// A summary of the proven and unproven pairs in a few lines; empty if the graph proves all.
    package var summary: [String] {
        guard contains(where: { $0.adjacency != "proven" || $0.pairing == PairBasis.Proof.given.rawValue })
        else {
            return []
        }
        var lines = ["Pairs of convolution and norm:"]
        for proof in PairBasis.Proof.allCases {
            let count = count { $0.pairing == proof.rawValue }
            if count == 0 { continue }
            switch proof {
            case .graph: lines.append("  \(count) proven by the graph")
            case .given: lines.append("  \(count) given")
            case .order, .count: lines.append("  \(count) proven by \(proof.rawValue)")
            }
        }
        for clue in PairBasis.Clue.allCases {
            let pairs = filter { $0.pairing == clue.rawValue }
            if pairs.isEmpty { continue }
            lines.append("  \(pairs.count) by \(clue.rawValue), not proven: \(pairs.examples)")
        }
        let alone = filter { $0.convolution == nil }
        if !alone.isEmpty { lines.append("  \(alone.count) without a known convolution: \(alone.examples)") }
        return lines + adjacencies
    }

    /// Convolutions that are not proven to directly precede a norm.
    package var openConvolutions: Set<String> {
        Set(filter { ["unknown", "contradicted"].contains($0.adjacency) }.compactMap(\.convolution))
    }

    private var adjacencies: [String] {
        let words: [NormPair.Adjacency] = [.unknown, .assumed, .contradicted]
        return words.compactMap { word in
            let pairs = filter { $0.adjacency == word.rawValue && $0.convolution != nil }
            if pairs.isEmpty { return nil }
            return switch word {
            case .assumed: "  \(pairs.count) assumed to be adjacent"
            case .contradicted: "  \(pairs.count) contradicted by the norm's statistics: \(pairs.examples)"
            default: "  \(pairs.count) not known to be adjacent"
            }
        }
    }

    /// Three at most.
    private var examples: String {
        let names = prefix(3).map { [$0.convolution, $0.norm].compactMap(\.self).joined(separator: " → ") }
        let rest = count > 3 ? " … and \(count - 3) more (all in --json)" : ""
        return names.joined(separator: ", ") + rest
    }
}
