import Tensors

/// Norms with running statistics, and the convolutions that may be before them, by names and shapes alone. Nil where there
/// are no norms.
///
/// A convolution may belong to a norm (`LooseNorm`) where it has as many outputs as the norm has channels, and
/// - the order of the file or the number of such layers leaves no other one (`PairElimination`), or
/// - their names differ in the word for what they are (`conv2`/`bn2`, `branch_conv`/`branch_bn`) or by one in an
///   `nn.Sequential` (`3`/`4`), and both are in the same module or inner model, or
/// - Keras numbered them alike (`conv2d_3`/`batch_normalization_3`, also 1-D and 3-D ones), which is worth little.
///
/// Where proof and names disagree, there is no pair; nor where norms stand before the convolutions of their names
/// (pre-activation), as some number of channels shows (`PairEvidence`): their convolution has the number before (`conv1`
/// for `norm2`). Nothing here tells whether something stands between the two.
///
/// A given pair is taken as it is, and the norm reads its convolution.
///
/// - Parameters:
///   - groupNorms: Settings of converted norms by layer name, where a note has them.
///   - isTopological: Whether the file lists every layer after those that it reads.
///   - given: Pairs from outside; those of other layers are left out.
///   - modules: What the file records of its modules, by path.
func recognizePairs(
    _ parameters: ParameterTable, _ groupNorms: [String: GroupNormSettings]?, isTopological: Bool = false,
    given: GivenPairs? = nil, modules: [String: RecordedModule] = [:]
) -> Recognition? {
    let layers = NamedLayers(parameters, groupNorms ?? [:], modules: modules)
    var builder = PairBuilder(layers: layers, isTopological: isTopological, given: given)
    for norm in layers.norms { builder.append(norm) }
    guard builder.nodes.count > 1 else { return nil }
    var network = Network(
        name: "unknown", architecture: "unknown network, norms found by name",
        family: layers.isKeras ? .keras : .torch,
        input: Network.Input(height: nil, width: nil, channels: 3), nodes: builder.nodes,
        output: builder.nodes.count - 1)
    network.isComplete = false
    network.looseNorms = builder.looseNorms
    network.givenNorms = builder.givenNorms
    let used = Set(network.nodes.flatMap(\.operation.parameters))
    return Recognition(
        network: network, unused: parameters.names.filter { !used.contains($0) }, basis: .names,
        assumptions: network.conventions(
            batchNorm: layers.isKeras ? "Keras' default" : "PyTorch's default", groupNorm: nil))
}

/// Makes the nodes of norms and of their possible convolutions. None reads another but in given pairs.
private struct PairBuilder {
    let layers: NamedLayers
    private let elimination: PairElimination
    private let proof: PairBasis.Proof
    private let evidence: PairEvidence
    /// Norm → the convolution before it, as somebody gave it.
    private let given: [Int: Int]
    private let givenConvolutions: Set<Int>
    /// Layers that stand before some norm for sure.
    private let taken: Set<Int>
    private(set) var nodes = [Node(layer: "input", operation: .input, inputs: [])]
    private(set) var looseNorms: [LooseNorm] = []
    private(set) var givenNorms: Set<Int> = []
    /// Convolutions that have a node, by their places in the file.
    private var convolutions: [Int: Int] = [:]

    init(layers: NamedLayers, isTopological: Bool, given: GivenPairs?) {
        self.layers = layers
        let elimination = layers.elimination(isTopological: isTopological)
        self.elimination = elimination
        self.given = given.map(layers.placesHere) ?? [:]
        givenConvolutions = Set(self.given.values)
        let proven = elimination.layerBefore.filter { norm, layer in
            layers.layers[layer].mapChannels?.outputs == layers.layers[norm].channels
        }
        taken = givenConvolutions.union(proven.values)
        proof = isTopological ? .order : .count
        evidence = PairEvidence(layers)
    }

    mutating func append(_ place: Int) {
        let norm = layers.layers[place]
        guard let operation = layers.operation(of: norm) else { return }
        let (candidate, basis) = candidate(before: place) ?? (nil, nil)
        let node = candidate.flatMap { convolutionNode($0) }
        if given[place] != nil, let node {
            nodes.append(Node(layer: layers.name(of: norm), operation: operation, inputs: [node]))
            givenNorms.insert(nodes.count - 1)
            return
        }
        let index = append(layers.name(of: norm), operation)
        looseNorms.append(LooseNorm(norm: index, convolution: node, basis: node == nil ? nil : basis))
    }

    private mutating func convolutionNode(_ place: Int) -> Int? {
        if let node = convolutions[place] { return node }
        guard let convolution = layers.layers[place].convolution else { return nil }
        let node = append(layers.name(of: layers.layers[place]), .convolution(convolution))
        convolutions[place] = node
        return node
    }

    /// A node after an input of its own.
    private mutating func append(_ layer: String, _ operation: Operation) -> Int {
        nodes.append(Node(layer: "input of \(layer)", operation: .input, inputs: []))
        nodes.append(Node(layer: layer, operation: operation, inputs: [nodes.count - 1]))
        return nodes.count - 1
    }

    private func candidate(before place: Int) -> (place: Int, basis: PairBasis)? {
        if let convolution = given[place] { return (convolution, .proven(by: .given)) }
        let norm = layers.layers[place]
        guard let channels = norm.channels else { return nil }
        let last = elimination.layerBefore[place]
        if let last, layers.layers[last].mapChannels?.outputs != channels || givenConvolutions.contains(last)
        {
            return nil
        }
        let counterparts = layers.counterparts(of: place)
        let named =
            counterparts.first { evidence.accepts(place, behind: $0) }?.place
            ?? evidence.convolutionOfNumberBefore(place)
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
