import Tensors

extension TorchFamily {
    /// VGG (Simonyan & Zisserman 2015) in torchvision's, timm's or CIFAR models' names, with norms or without.
    ///
    /// `features` numbers convolutions, norms, ReLUs and pools, so that the gaps between convolutions tell what stands
    /// between them.
    static let vgg = TorchFamily(marks: VGGBuilder.marks, trunk: ["features", "pre_logits"]) {
        names throws(NetworkError) in
        var builder = VGGBuilder(names)
        return try builder.member()
    }
}

private struct VGGBuilder {
    /// Convolutions of each stage: the paper's networks A, B, D and E.
    private static let stages = [
        [1, 1, 2, 2, 2], [2, 2, 2, 2, 2], [2, 2, 3, 3, 3], [2, 2, 4, 4, 4],
    ]

    /// The first convolution and the last one.
    static let marks = [
        NamedParts.Mark(
            block: "features.0.weight",
            stems: stages.flatMap { counts in
                [true, false].map { "features.\(places(counts, hasNorms: $0).joined().last ?? 0).weight" }
            })
    ]

    /// Rows and columns of maps before the classifier at most: images of 2048 pixels.
    private static let largestMap = 64

    private let names: TorchNames
    private var graph: GraphBuilder<TorchNames>
    private let hasNorms: Bool

    private typealias Value = GraphBuilder<TorchNames>.Value

    init(_ names: TorchNames) {
        self.names = names
        graph = GraphBuilder(names: names)
        hasNorms = names.parameter(.gamma, of: "features.1") != nil
    }

    /// The numbers of convolutions in `features`. Each is followed by a ReLU, with a norm before it or none; each stage
    /// by a pool.
    private static func places(_ counts: [Int], hasNorms: Bool) -> [[Int]] {
        var next = 0
        return counts.map { count in
            defer { next += 1 }
            return (0..<count).map { _ in
                defer { next += hasNorms ? 3 : 2 }
                return next
            }
        }
    }

    mutating func member() throws(NetworkError) -> TorchMember {
        let convolutions = Set(names.all.compactMap(Self.convolution).filter(names.hasConvolution))
        let candidates = Self.stages.map { Self.places($0, hasNorms: hasNorms) }
        guard
            let stages = candidates.first(where: { Set($0.joined().map { "features.\($0)" }) == convolutions }
            )
        else {
            throw .unrecognized(
                reason:
                    "\(convolutions.count) convolutions named 'features', expected those of a VGG of 11, 13, 16 or "
                    + "19 layers")
        }
        let input = try graph.input(before: "features.0")
        var value = input
        var width = 0
        for (stage, places) in stages.enumerated() {
            for place in places { value = try convolution(place, value) }
            if stage == 0 { width = value.channels }
            guard value.channels == width << min(stage, 3) else {
                throw .unrecognized(
                    reason: "stage \(stage + 1) of 'features' has \(value.channels) channels, expected "
                        + "\(width << min(stage, 3)) as in a VGG")
            }
            let pool = Pool(kind: .maximum, size: Extent(2), strides: Extent(2), padding: .valid)
            value = graph.apply(.pool(pool), "features.\((places.last ?? 0) + (hasNorms ? 3 : 2))", to: value)
        }
        return try withClassifier(input, value, depth: stages.joined().count + 3)
    }

    /// `features.7` of `features.7.weight`.
    private static func convolution(_ name: String) -> String? {
        guard name.hasPrefix("features."), name.hasSuffix(".weight") else { return nil }
        return String(name.dropLast(".weight".count))
    }

    private mutating func convolution(_ place: Int, _ input: Value) throws(NetworkError) -> Value {
        var value = try graph.convolution("features.\(place)", input, size: 3, stride: 1, groups: 1)
        if hasNorms { value = try graph.norm("features.\(place + 1)", value) }
        return graph.relu("features.\(place + (hasNorms ? 2 : 1))", value)
    }

    // MARK: Classifier

    private mutating func withClassifier(
        _ input: Value, _ features: Value, depth: Int
    ) throws(NetworkError) -> TorchMember {
        var member = TorchMember(
            name: "vgg\(depth)" + (hasNorms ? "_bn" : ""), title: "VGG-\(depth) (torchvision names)",
            graph: graph, input: input, output: features, geometry: "torchvision's")
        // Five pools halve the image.
        if names["pre_logits.fc1.weight"] != nil {
            member.title = "VGG-\(depth) (timm names)"
            member.geometry = "timm's"
            let size = names.kernelSize(of: "pre_logits.fc1") ?? 0
            member.side = min(size, Self.largestMap) << 5
            member.output = try convolutionalClassifier(features, size: size)
        } else if names["classifier.0.weight"] != nil, names["classifier.6.weight"] != nil {
            let side = try mapSide(features)
            if side > 1 { member.side = side << 5 }
            member.output = try linearClassifier(features, side: side)
        } else if names.parameter(.kernel, of: "classifier")?.shape.rank == 2 {
            member.output = try graph.head("avgpool", "classifier", features)
        } else {
            member.title += ", without a classifier"
        }
        member.graph = graph
        return member
    }

    /// Rows and columns of the maps that the first of three fully connected layers takes: 7 in torchvision's networks, for
    /// images of 224, and 1 in those for CIFAR.
    private func mapSide(_ features: Value) throws(NetworkError) -> Int {
        let (name, shape) = try graph.require(.kernel, of: "classifier.0")
        let side = shape.rank == 2 ? Int((Double(shape[1] / features.channels)).squareRoot()) : 0
        guard (1...Self.largestMap).contains(side), shape[1] == features.channels * side * side else {
            throw .wrongShape(
                parameter: name, found: shape.description,
                expected: "outputs×(\(features.channels) channels of a square map)")
        }
        return side
    }

    /// torchvision's pool to 7×7 changes nothing in images of the one size that the network takes.
    private mutating func linearClassifier(_ features: Value, side: Int) throws(NetworkError) -> Value {
        var value: Value
        if side == 1 {
            value = graph.relu("classifier.1", try graph.head("avgpool", "classifier.0", features))
        } else {
            value = graph.relu("classifier.1", try graph.denseOnMap("classifier.0", features, side: side))
            value = graph.apply(.flatten, "classifier.1", to: value)
        }
        value = graph.relu("classifier.4", try graph.dense("classifier.3", value))
        return try graph.dense("classifier.6", value)
    }

    private mutating func convolutionalClassifier(
        _ features: Value, size: Int
    ) throws(NetworkError) -> Value {
        var value = try graph.convolution(
            "pre_logits.fc1", features, size: size, stride: 1, padding: .valid, groups: 1)
        value = graph.relu("pre_logits.act1", value)
        value = try graph.convolution("pre_logits.fc2", value, size: 1, stride: 1, groups: 1)
        value = graph.relu("pre_logits.act2", value)
        guard names.parameter(.kernel, of: "head.fc") != nil else { return value }
        return try graph.head("head.global_pool", "head.fc", value)
    }
}
