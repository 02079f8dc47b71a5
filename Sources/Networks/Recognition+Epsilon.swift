import Tensors

extension Recognition {
    /// Sets ε of the batch norms: what the file records, else what was given, else what the source of a known family has.
    /// Otherwise the framework's default stays, as `assumptions` say.
    mutating func setEpsilons(_ facts: GivenFacts, of parameters: ParameterTable) {
        // A network that is known as a whole has its family's already.
        let conventions = network.isComplete ? nil : EpsilonConventions(parameters)
        var sources: [String] = []
        var someKeepDefault = false
        for index in network.nodes.indices {
            guard case .batchNorm(var norm) = network.nodes[index].operation else { continue }
            let layer = network.nodes[index].layer
            let recorded = facts.normEpsilons[Self.module(of: norm.mean)] ?? facts.normEpsilons[layer]
            if let stated = recorded, stated >= 0, stated.isFinite {
                norm.epsilon = stated
                statedEpsilons[layer] = stated
            } else if let given = facts.batchEpsilon {
                norm.epsilon = given
                statedEpsilons[layer] = given
                sources.append(Self.epsilonAssumption(given, "by option"))
            } else if let known = conventions?.epsilon(of: norm.mean) {
                norm.epsilon = known.epsilon
                sources.append(Self.epsilonAssumption(known.epsilon, known.source))
            } else {
                someKeepDefault = true
            }
            network.nodes[index].operation = .batchNorm(norm)
        }
        if !someKeepDefault { assumptions.removeAll { $0.hasPrefix(Self.epsilonPrefix) } }
        for line in sources where !assumptions.contains(line) { assumptions.insert(line, at: 0) }
    }

    /// The module of a parameter: `layer1.0.bn1` of `layer1.0.bn1.running_mean`.
    private static func module(of parameter: String) -> String {
        String(parameter[..<(parameter.lastIndex(of: ".") ?? parameter.startIndex)])
    }

    private static let epsilonPrefix = "batch norms: ε "

    private static func epsilonAssumption(_ epsilon: Double, _ source: String) -> String {
        "\(epsilonPrefix)\(epsilon), \(source)"
    }
}
