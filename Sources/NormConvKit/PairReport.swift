import Networks

/// A norm and the convolution before it, and what says so.
public struct PairReport: Codable, Sendable, Equatable {
    /// The norm's layer.
    public var norm: String
    /// The convolution's layer; nil where nothing tells which of several it is.
    public var convolution: String?
    /// What says that it is this convolution: `graph`, `order`, `count`, `names`, `numbers`, or `unknown`.
    public var pairing: String
    /// Whether no other convolution can be the one: by the graph, by order, by count.
    public var isProven: Bool
    /// Whether nothing stands between the two: `proven` (by the graph), `assumed`, `contradicted` (by statistics), or
    /// `unknown`.
    public var adjacency: String

    /// Describes a pair.
    public init(_ pair: NormPair) {
        norm = pair.norm
        convolution = pair.convolution
        pairing = pair.basis?.word ?? "unknown"
        isProven = if case .proven? = pair.basis { true } else { false }
        adjacency = pair.adjacency.rawValue
    }
}

extension [PairReport] {
    /// Which pairs are proven, by what, and which are not, in a few lines for people; none where the graph tells all.
    public var summary: [String] {
        let open = filter { $0.adjacency != "proven" }
        guard !open.isEmpty else { return [] }
        var parts: [String] = []
        for proof in PairBasis.Proof.allCases {
            let count = count { $0.pairing == proof.rawValue }
            if count > 0 { parts.append("\(count) proven by \(proof == .graph ? "the graph" : proof.rawValue)") }
        }
        for clue in PairBasis.Clue.allCases {
            let pairs = filter { $0.pairing == clue.rawValue }
            if !pairs.isEmpty { parts.append("\(pairs.count) by \(clue.rawValue), not proven\(pairs.examples)") }
        }
        let alone = filter { $0.convolution == nil }
        if !alone.isEmpty { parts.append("\(alone.count) unknown\(alone.examples)") }
        return ["Pairs of convolution and norm: \(parts.joined(separator: "; "))"] + adjacency
    }

    /// Convolutions that nothing proves to stand directly before a norm.
    public var openConvolutions: Set<String> {
        Set(filter { ["unknown", "contradicted"].contains($0.adjacency) }.compactMap(\.convolution))
    }

    private var adjacency: [String] {
        ["unknown", "assumed", "contradicted"].compactMap { word in
            let pairs = filter { $0.adjacency == word && $0.convolution != nil }
            if pairs.isEmpty { return nil }
            let whether =
                switch word {
                case "unknown": "Not known whether something stands between"
                case "assumed": "Assumed that nothing stands between"
                default: "Assumed so, and contradicted by the norm's statistics"
                }
            return "\(whether): \(pairs.count)\(word == "contradicted" ? pairs.examples : "")"
        }
    }

    /// Three at most.
    private var examples: String {
        let names = prefix(3).map { [$0.convolution, $0.norm].compactMap(\.self).joined(separator: " → ") }
        let rest = count > 3 ? " … and \(count - 3) more (all in --json)" : ""
        return " (\(names.joined(separator: ", "))\(rest))"
    }
}
