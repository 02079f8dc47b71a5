import Tensors

/// Norms with running statistics, and the convolutions that may be before them, by names and shapes alone. Nil where there
/// are no norms.
///
/// A convolution may belong to a norm (`LooseNorm`) where it has as many outputs as the norm has channels, and
/// - the order of the file or the number of such layers leaves no other one (`PairElimination`), or
/// - their names differ in the word for what they are (`conv2`/`bn2`, `branch_conv`/`branch_bn`) or by one in an
///   `nn.Sequential` (`3`/`4`), and both are in the same module or inner model, or
/// - Keras numbered them alike (`conv2d_3`/`batch_normalization_3`), which is worth little.
///
/// Where proof and names disagree, there is no pair; nor in networks whose norms stand before the convolutions of their
/// names (pre-activation), as some number of channels shows. Nothing here tells whether something stands between the two.
///
/// - Parameters:
///   - groupNorms: Settings of converted norms by layer name, where a note has them.
///   - isTopological: Whether the file lists every layer after those that it reads.
func recognizePairs(
    _ parameters: ParameterTable, _ groupNorms: [String: GroupNormSettings]?, isTopological: Bool = false
) -> Recognition? {
    let layers = NamedLayers(parameters, groupNorms ?? [:])
    var builder = PairBuilder(layers: layers, isTopological: isTopological)
    for norm in layers.norms { builder.append(norm) }
    guard !builder.looseNorms.isEmpty else { return nil }
    var network = Network(
        name: "unknown", architecture: "unknown network, norms found by name",
        family: layers.isKeras ? .keras : .torch,
        input: Network.Input(height: nil, width: nil, channels: 3), nodes: builder.nodes,
        output: builder.nodes.count - 1)
    network.isComplete = false
    network.looseNorms = builder.looseNorms
    let used = Set(network.nodes.flatMap(\.operation.parameters))
    return Recognition(
        network: network, unused: parameters.names.filter { !used.contains($0) }, basis: .names,
        assumptions: network.conventions(
            batchNorm: layers.isKeras ? "Keras' default" : "PyTorch's default", groupNorm: nil))
}

/// Makes the nodes of norms and of their possible convolutions, none of which reads another.
private struct PairBuilder {
    let layers: NamedLayers
    private let elimination: PairElimination
    private let proof: PairBasis.Proof
    private let followingNorms: Set<String>
    /// Layers that stand before some norm for sure.
    private let taken: Set<Int>
    private(set) var nodes = [Node(layer: "input", operation: .input, inputs: [])]
    private(set) var looseNorms: [LooseNorm] = []
    /// Convolutions that have a node, by their places in the file.
    private var convolutions: [Int: Int] = [:]

    init(layers: NamedLayers, isTopological: Bool) {
        self.layers = layers
        elimination = layers.elimination(isTopological: isTopological)
        taken = Set(elimination.layerBefore.values)
        proof = isTopological ? .order : .count
        followingNorms = layers.patternsOfFollowing()
    }

    mutating func append(_ place: Int) {
        let norm = layers.layers[place]
        guard let operation = layers.operation(of: norm) else { return }
        var loose = LooseNorm(norm: 0)
        if let (candidate, basis) = candidate(before: place),
            let convolution = layers.layers[candidate].convolution
        {
            let name = layers.name(of: layers.layers[candidate])
            loose.convolution = convolutions[candidate] ?? append(name, .convolution(convolution))
            loose.basis = basis
            convolutions[candidate] = loose.convolution
        }
        loose.norm = append(layers.name(of: norm), operation)
        looseNorms.append(loose)
    }

    /// A node after an input of its own.
    private mutating func append(_ layer: String, _ operation: Operation) -> Int {
        nodes.append(Node(layer: "input of \(layer)", operation: .input, inputs: []))
        nodes.append(Node(layer: layer, operation: operation, inputs: [nodes.count - 1]))
        return nodes.count - 1
    }

    private func candidate(before place: Int) -> (place: Int, basis: PairBasis)? {
        let norm = layers.layers[place]
        guard let channels = norm.channels else { return nil }
        let last = elimination.layerBefore[place]
        if let last, layers.layers[last].mapChannels?.outputs != channels { return nil }
        let counterparts = layers.counterparts(of: norm)
        let named = counterparts.first { layers.layers[$0].mapChannels?.outputs == channels }
            .flatMap { followingNorms.contains(NamedLayers.pattern(norm.path)) ? $0 : nil }
        let isAutomatic = NamedLayers.isAutomatic(norm.path)
        if !isAutomatic, !counterparts.isEmpty {
            // Names tell of a convolution that the norm cannot stand behind, or of another one than the proof.
            guard let named, last == nil || last == named else { return nil }
        }
        if let last { return (last, .proven(by: proof)) }
        guard let named, !taken.contains(named), elimination.candidates?[place]?.contains(named) ?? true
        else {
            return nil
        }
        return (named, .assumed(because: isAutomatic ? .numbers : .names))
    }
}
