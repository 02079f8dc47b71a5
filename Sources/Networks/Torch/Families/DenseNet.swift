import Tensors

extension TorchFamily {
    /// DenseNet-BC (Huang et al. 2017) of any depth and growth in torchvision's and timm's names. `norm.1` for `norm1` is
    /// what torchvision's published files have.
    static let denseNet = TorchFamily(
        marks: ["conv1", "conv.1"].map {
            NamedParts.Mark(
                block: "features.denseblock1.denselayer1.\($0).weight", stems: ["features.conv0.weight"])
        }, trunk: ["features"]
    ) { names throws(NetworkError) in
        var builder = DenseNetBuilder(names)
        return try builder.member()
    }
}

private struct DenseNetBuilder {
    private static let blocks = 4

    private let names: TorchNames
    private var graph: GraphBuilder<TorchNames>
    /// Between a layer's word and its number: nothing or a dot.
    private let separator: String

    private typealias Value = GraphBuilder<TorchNames>.Value

    init(_ names: TorchNames) {
        self.names = names
        graph = GraphBuilder(names: names)
        separator = names["features.denseblock1.denselayer1.conv.1.weight"] == nil ? "" : "."
    }

    mutating func member() throws(NetworkError) -> TorchMember {
        let input = try graph.input(before: "features.conv0")
        var value = try graph.convolution("features.conv0", input, size: 7, stride: 2, groups: 1)
        value = graph.relu("features.relu0", try graph.norm("features.norm0", value))
        value = graph.maximumPool("features.pool0", value, margin: 1)
        var layers = 0
        for block in 1...Self.blocks {
            let name = "features.denseblock\(block)"
            let count = names.count { "\(name).denselayer\($0 + 1).conv\(separator)1" }
            for layer in 1...max(count, 1) { value = try denseLayer("\(name).denselayer\(layer)", value) }
            layers += count
            if block < Self.blocks { value = try transition("features.transition\(block)", value) }
        }
        value = graph.relu("relu", try graph.norm("features.norm5", value))
        // Two convolutions a layer, the first one, the transitions and the classifier.
        let depth = 2 * layers + Self.blocks + 1
        var member = TorchMember(
            name: "densenet\(depth)", title: "DenseNet-\(depth) (torchvision names)", graph: graph,
            input: input, output: value, geometry: "torchvision's")
        try member.appendClassifier()
        return member
    }

    /// The input with the layer's new channels behind it.
    private mutating func denseLayer(_ name: String, _ input: Value) throws(NetworkError) -> Value {
        var value = input
        for (number, size) in [(1, 1), (2, 3)] {
            let place = "\(separator)\(number)"
            value = graph.relu("\(name).relu\(place)", try graph.norm("\(name).norm\(place)", value))
            value = try graph.convolution("\(name).conv\(place)", value, size: size, stride: 1, groups: 1)
        }
        guard let channels = checkedSum([input.channels, value.channels]) else {
            throw .shapeMismatch(
                layer: names.prefix + name, found: "\(input.channels) and \(value.channels) channels",
                expected: "a sum that fits in memory")
        }
        let both = graph.append(name, .concatenate, [input.node, value.node])
        return Value(node: both, channels: channels)
    }

    private mutating func transition(_ name: String, _ input: Value) throws(NetworkError) -> Value {
        var value = graph.relu("\(name).relu", try graph.norm("\(name).norm", input))
        value = try graph.convolution("\(name).conv", value, size: 1, stride: 1, groups: 1)
        let pool = Pool(kind: .average, size: Extent(2), strides: Extent(2), padding: .valid)
        return graph.apply(.pool(pool), "\(name).pool", to: value)
    }
}
