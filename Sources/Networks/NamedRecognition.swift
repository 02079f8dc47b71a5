import Tensors

/// The network that names and shapes describe, in files without a configuration: PyTorch's ResNets, pre-activation
/// ones with BiT, keras.applications. Where nothing fits, norms are found by their names, and convolutions that may be
/// before them (`Network.looseNorms`): enough to convert (`Network.isComplete` is then false). So it is where a file has
/// norms beside the ResNet that its names describe, or other networks: what such a file computes is not known.
///
/// - Parameters:
///   - groupNorms: Settings of norms without statistics by layer name, where a note has them.
///   - kind: The kind of other norms without statistics, if it is known.
///   - isTopological: Whether the file lists every layer after those that it reads.
///   - isKeras: Whether it is a file of Keras.
///   - facts: What names do not tell: pairs, and ε of batch norms.
/// - Throws: `GivenPairError` where given pairs are not the file's; `NetworkError.unrecognized` where there are no norms
///   either; other cases where names are those of a known network, shapes are not, and norms cannot all be converted by
///   themselves.
package func recognizeNames(
    parameters: ParameterTable, groupNorms: [String: GroupNormSettings]? = nil, kind: NormKind? = nil,
    isTopological: Bool = false, isKeras: Bool = false, facts: GivenFacts = GivenFacts()
) throws -> Recognition {
    let layers = facts.pairs.map { _ in
        NamedLayers(parameters, groupNorms ?? [:], modules: facts.modules)
    }
    let given = try facts.pairs.flatMap { try layers?.places(of: $0) }
    let parts = NamedParts(parameters, groupNorms)
    let settings = PartSettings(
        kind: kind, isTopological: isTopological, isKeras: isKeras || parameters.hasKerasNames,
        given: facts.pairs, modules: facts.modules)
    var found = try recognizePart(parts.main, settings)
    let others = parts.others.filter(\.isNetwork)
    for part in others { found.append(try recognizePart(part, settings)) }
    if let first = others.first {
        found.refuseScores(
            "the file holds \(others.count.counted("more network")), the first at '\(first.prefix)'")
    }
    var givenNorms: Set<String> = []
    if let given, let layers {
        try found.network.check(given, in: layers)
        givenNorms = layers.parameters(ofNormsIn: given)
    }
    let used = Set(found.network.nodes.flatMap(\.operation.parameters))
    found.unused = parameters.names.filter { !used.contains($0) }
    found.take(facts.modules, given: givenNorms)
    found.setEpsilons(facts, of: parameters)
    return found
}

/// What is said of every network in a file.
private struct PartSettings {
    let kind: NormKind?
    let isTopological: Bool
    let isKeras: Bool
    let given: GivenPairs?
    let modules: [String: RecordedModule]
}

/// The one network among these parameters.
private func recognizePart(
    _ part: NamedParts.Part, _ settings: PartSettings
) throws(NetworkError) -> Recognition {
    do {
        return try recognizeResNet(part.parameters, part.groupNorms, settings)
            .withOtherNorms(of: part, settings)
    } catch {
        guard let reason = error.reasonForPairs(part.parameters),
            var pairs = recognizePairs(
                part.parameters, part.groupNorms, isTopological: settings.isTopological,
                given: settings.given,
                modules: settings.modules),
            error.isUnrecognized || pairs.hasAllStatistics
        else { throw error }
        pairs.assumptions.append("\(reason); norms are found by their names")
        return pairs
    }
}

private func recognizeResNet(
    _ parameters: ParameterTable, _ groupNorms: [String: GroupNormSettings]?, _ settings: PartSettings
) throws(NetworkError) -> Recognition {
    if let found = try recognizeKerasResNet(
        parameters: parameters, groupNorms: groupNorms, kind: settings.kind)
    {
        return found
    }
    if let found = try recognizeBiT(parameters: parameters, groupNorms: groupNorms) { return found }
    guard !settings.isKeras else {
        throw .unrecognized(
            reason:
                "a Keras file without a configuration, and names that are not those of keras.applications' ResNets or "
                + "Big Transfer")
    }
    return try recognizeTorch(
        parameters: parameters, groupNorms: groupNorms, kind: settings.kind, modules: settings.modules)
}

extension ParameterTable {
    /// Whether kernels of another network may have this rank. Those of one and three dimensions (3 and 5) stand in files
    /// without maps' kernels.
    fileprivate func mayBeKernels(ofRank rank: Int) -> Bool {
        switch rank {
        case 1, 2, 4: true
        case 3, 5: !contains { $0.shape.rank == 4 }
        default: false
        }
    }

    /// Whether parameters have Keras' words for what they are.
    fileprivate var hasKerasNames: Bool {
        let words: Set<Substring> = ["kernel", "gamma", "beta", "moving_mean", "moving_variance"]
        return names.contains { name in
            let stem = name.hasSuffix(":0") ? name.dropLast(2) : name[...]
            return stem.lastIndex(of: "/").map { words.contains(stem[stem.index(after: $0)...]) } ?? false
        }
    }
}

extension Recognition {
    /// This network, with norms that the file, or its note, has beside it.
    fileprivate func withOtherNorms(of part: NamedParts.Part, _ settings: PartSettings) -> Recognition {
        let unused = Set(unused)
        let rest = ParameterTable(part.parameters.filter { unused.contains($0.name) })
        var whole = self
        let pairs = recognizePairs(
            rest, part.groupNorms, isTopological: settings.isTopological, given: settings.given,
            modules: settings.modules)
        if let pairs { whole.append(pairs) }
        if let norm = pairs?.network.nodes.last?.layer ?? whole.missingNorm(part.groupNorms) {
            whole.refuseScores("a norm is not part of the \(network.architecture): '\(norm)'")
        }
        return whole
    }

    /// A norm of the note's that is none of the network's: it may have been left without parameters.
    private func missingNorm(_ groupNorms: [String: GroupNormSettings]?) -> String? {
        var layers: Set<Substring> = []
        for node in network.nodes {
            layers.insert(node.layer[...])
            // The file may have got a prefix since.
            let parts = node.layer.split(separator: ".", maxSplits: 4, omittingEmptySubsequences: false)
            for part in parts.dropFirst() { layers.insert(node.layer[part.startIndex...]) }
        }
        return groupNorms?.keys.sorted().first { !layers.contains($0[...]) }
    }

    /// Adds another network of the same file. The output stays this one's.
    fileprivate mutating func append(_ other: Recognition) {
        network.append(other.network)
        assumptions += other.assumptions.filter { !assumptions.contains($0) }
        unknownNorms += other.unknownNorms
    }

    /// What the whole of the file computes is not known.
    fileprivate mutating func refuseScores(_ reason: String) {
        if network.isComplete { network.architecture += " and others" }
        network.isComplete = false
        assumptions.append(reason)
    }

    /// Whether every running mean and variance among the parameters is a norm's.
    fileprivate var hasAllStatistics: Bool {
        !unused.contains { name in
            ["running_mean", "running_var", "moving_mean", "moving_variance"].contains {
                name.hasSuffix($0) || name.hasSuffix("\($0):0")
            }
        }
    }
}

extension NetworkError {
    fileprivate var isUnrecognized: Bool {
        if case .unrecognized = self { true } else { false }
    }

    /// Why a network is another one than its names say; nil if it is none that could be converted norm by norm. Blocks of
    /// another kind have kernels of other sizes or of 1 or 3 dimensions, and norms of other widths; other ranks are damage.
    fileprivate func reasonForPairs(_ parameters: ParameterTable) -> String? {
        switch self {
        case .unrecognized(let reason): reason
        case .missingParameter, .shapeMismatch: description
        case .wrongShape(let name, _, _):
            parameters.mayBeKernels(ofRank: parameters[name]?.shape.rank ?? 0) ? description : nil
        default: nil
        }
    }
}
