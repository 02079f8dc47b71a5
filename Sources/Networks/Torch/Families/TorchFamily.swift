import Tensors

/// A family of networks other than ResNets whose names and shapes in PyTorch prove the layers and their order.
struct TorchFamily: Sendable {
    /// Names that a member has.
    let marks: [NamedParts.Mark]
    /// The modules before the classifier. A parameter there that no layer uses shows that it is another network.
    let trunk: Set<Substring>
    /// Makes the member of the family that the file describes.
    let member: @Sendable (TorchNames) throws(NetworkError) -> TorchMember

    /// In the order in which they are tried.
    static let all: [TorchFamily] = [
        vgg, mobileNetV2, timmMobileNetV2, mobileNetV3, denseNet, efficientNet, timmEfficientNet,
        timmMobileNetV3, efficientNetPyTorch,
        regNet, timmRegNet,
        seNet, videoResNet,
    ]
}

/// A network of a family, from the names and shapes of its parameters.
struct TorchMember {
    /// The name in torchvision or timm: `vgg16_bn`.
    var name: String
    /// The name in prose, and whose names the parameters have: `VGG-16 (torchvision names)`.
    var title: String
    /// The layers, and the names that they are made from.
    var graph: GraphBuilder<TorchNames>
    /// The input.
    var input: GraphBuilder<TorchNames>.Value
    /// The output.
    var output: GraphBuilder<TorchNames>.Value
    /// Rows and columns of an image where the network takes one size alone.
    var side: Int?
    /// Dimensions of the input without the channels: 3 for volumes.
    var dimensions = 2
    /// Whose strides, pools and activations were assumed.
    var geometry: String
    /// Why it cannot be scored: networks that compute otherwise have the same names and shapes.
    var ambiguity: String?

    /// Appends the mean over all positions and the one fully connected layer behind it. A file without that layer, or with
    /// several that it could be, ends in a map.
    mutating func appendClassifier(after pool: String = "avgpool") throws(NetworkError) {
        let layers = ["classifier", "classifier.1", "fc", "fc.1", "head.fc", "last_linear", "_fc"].filter {
            graph.names.parameter(.kernel, of: $0) != nil
        }
        guard layers.count == 1 else {
            title += ", without a classifier"
            return
        }
        output = try graph.head(pool, layers[0], output)
    }
}

/// The member of a family that names and shapes prove. Nil where no family has such names.
///
/// Throws `NetworkError.unrecognized` where names are a family's and shapes or other names are not, for the file may be of
/// another network: then its norms may be converted one by one.
func recognizeTorchFamily(
    _ parameters: ParameterTable, _ groupNorms: [String: GroupNormSettings], _ kind: NormKind?,
    _ modules: [String: RecordedModule]
) throws(NetworkError) -> Recognition? {
    let dotted = parameters.names.map(TorchNames.dotted)
    var failure: NetworkError?
    for family in TorchFamily.all {
        guard let prefix = NamedParts.shortestPrefix(of: family.marks, in: dotted) else { continue }
        let names = try TorchNames(
            parameters, prefix: prefix, groupNorms: groupNorms, kind: kind, modules: modules)
        do {
            return try Recognition(family.member(names), of: family, in: parameters)
        } catch {
            failure = failure ?? error
        }
    }
    switch failure {
    case nil: return nil
    case .missingParameter, .wrongShape, .shapeMismatch:
        throw .unrecognized(reason: failure?.description ?? "")
    case .some(let error): throw error
    }
}

extension Recognition {
    fileprivate init(
        _ member: TorchMember, of family: TorchFamily, in parameters: ParameterTable
    ) throws(NetworkError) {
        let names = member.graph.names
        let network = Network(
            name: member.name, architecture: member.title, family: .torch,
            input: Network.Input(
                extents: Array(repeating: member.side, count: member.dimensions),
                channels: member.input.channels),
            nodes: member.graph.nodes, output: member.output.node)
        try self.init(
            network, of: parameters,
            isInTrunk: { names.module(of: $0).map(family.trunk.contains) ?? false }, title: member.title,
            geometry: member.geometry, assumptions: names.assumptions(of: network),
            unknownNorms: names.unknownNorms(of: network))
        let beside = unused.first {
            names.module(of: $0) != nil && parameters[$0]?.elementType.isFloat == true
        }
        if let reason = member.ambiguity
            ?? beside.map({ "parameter '\($0)' does not belong to a \(member.title)" })
        {
            self.network.isComplete = false
            assumptions.append(reason)
        }
    }
}
