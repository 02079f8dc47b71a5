import Tensors

/// The network that names and shapes describe, in files without a configuration: PyTorch's ResNets, pre-activation
/// ones with BiT, keras.applications. Where nothing fits, norms and the convolutions before them are found by their
/// names: enough to convert (`Network.isComplete` is then false). So it is where a file has norms beside the ResNet that
/// its names describe, or another ResNet: what such a file computes is not known.
///
/// - Parameter groupNorms: Settings of norms without statistics by layer name, where a note has them.
/// - Throws: `NetworkError.unrecognized` where there are no norms either; other cases where names are those of a known
///   network, and shapes are not.
public func recognizeNames(
    parameters: ParameterTable, groupNorms: [String: GroupNormSettings]? = nil
) throws(NetworkError) -> Recognition {
    do {
        return try recognizeResNet(parameters, groupNorms).withOthers(of: parameters, groupNorms)
    } catch {
        guard case .unrecognized(let reason) = error,
            let pairs = recognizePairs(parameters: parameters, reason: reason)
        else { throw error }
        return pairs
    }
}

private func recognizeResNet(
    _ parameters: ParameterTable, _ groupNorms: [String: GroupNormSettings]?
) throws(NetworkError) -> Recognition {
    if let found = try recognizeKerasResNet(parameters: parameters, groupNorms: groupNorms) { return found }
    if let found = try recognizeBiT(parameters: parameters, groupNorms: groupNorms) { return found }
    return try recognizeTorch(parameters: parameters, groupNorms: groupNorms)
}

extension Recognition {
    /// This network, with what else has norms in the file.
    fileprivate func withOthers(
        of parameters: ParameterTable, _ groupNorms: [String: GroupNormSettings]?
    ) -> Recognition {
        let unused = Set(unused)
        let rest = ParameterTable(parameters.filter { unused.contains($0.name) })
        let reason = "norms stand beside the \(network.architecture)"
        var whole = self
        let others =
            (try? recognizeResNet(rest, groupNorms))?.withOthers(of: rest, groupNorms)
            ?? recognizePairs(parameters: rest, reason: reason)
        if let others { whole.append(others) }
        let stray =
            whole.network.nodes[network.nodes.count...].first { $0.operation.isNorm }?.layer
            ?? whole.unused.lazy.compactMap(layerOfParameter).first { groupNorms?[$0] != nil }
        guard let stray else { return self }
        whole.network.isComplete = false
        whole.network.architecture += " and others"
        whole.assumptions.append("\(reason): '\(stray)'")
        return whole
    }

    /// Puts another network of the same file beside this one.
    private mutating func append(_ other: Recognition) {
        let count = network.nodes.count
        network.nodes += other.network.nodes.map { node in
            Node(layer: node.layer, operation: node.operation, inputs: node.inputs.map { $0 + count })
        }
        network.output = network.nodes.count - 1
        unused = other.unused
        assumptions += other.assumptions.filter { !assumptions.contains($0) }
    }
}

/// `neck.bn.weight` → `neck.bn`
private func layerOfParameter(_ name: String) -> String? {
    name.lastIndex { $0 == "." || $0 == "/" }.map { String(name[..<$0]) }
}

extension Operation {
    /// Whether it is one that a conversion makes or replaces.
    fileprivate var isNorm: Bool {
        switch self {
        case .batchNorm, .groupNorm: true
        default: false
        }
    }
}
