import Tensors
import Testing

@testable import Networks

/// What proves which convolution is the one before a norm, in files without a configuration.
@Suite("Proofs of pairs")
struct PairProofTests {
    /// Keras' CIFAR ResNet with one block in each of two stages, as a Functional model lists it: the shortcut's convolution
    /// has no norm.
    private let resNet = file([
        ("conv2d", [3, 3, 3, 16]), ("batch_normalization", [16]),
        ("conv2d_1", [3, 3, 16, 16]), ("batch_normalization_1", [16]),
        ("conv2d_2", [3, 3, 16, 16]), ("batch_normalization_2", [16]),
        ("conv2d_3", [3, 3, 16, 32]), ("batch_normalization_3", [32]),
        ("conv2d_4", [3, 3, 32, 32]), ("conv2d_5", [1, 1, 16, 32]), ("batch_normalization_4", [32]),
        ("conv2d_6", [3, 3, 32, 32]), ("batch_normalization_5", [32]),
    ])

    @Test("in topological order a norm has the one convolution that is left, and none of several")
    func order() throws {
        let pairs = try recognizeNames(parameters: resNet, isTopological: true).network.possiblePairs
        let order = PairBasis.proven(by: .order)
        #expect(
            pairs == [
                "batch_normalization": .init("conv2d", order),
                "batch_normalization_1": .init("conv2d_1", order),
                "batch_normalization_2": .init("conv2d_2", order),
                "batch_normalization_3": .init("conv2d_3", order),
                // The number is a clue where the order does not speak against it.
                "batch_normalization_4": .init("conv2d_4", .assumed(because: .numbers)),
                "batch_normalization_5": .init("conv2d_5", .assumed(because: .numbers)),
            ])
    }

    @Test("without an order, numbers prove nothing")
    func numbers() throws {
        let pairs = try recognizeNames(parameters: resNet).network.possiblePairs
        #expect(!pairs.isEmpty)
        #expect(pairs.values.allSatisfy { $0.basis == .assumed(because: .numbers) })
    }

    @Test("without an order, the only layer of a width is proven to be before the only norm of it")
    func count() throws {
        let found = try recognizeNames(
            parameters: file([
                ("conv2d_8", [3, 3, 3, 8]), ("conv2d_9", [3, 3, 8, 16]), ("conv2d_10", [3, 3, 16, 16]),
                ("conv2d_11", [3, 3, 16, 24]),
                ("batch_normalization_3", [8]), ("batch_normalization_4", [16]),
                ("batch_normalization_5", [24]), ("batch_normalization_6", [24]),
            ]))
        #expect(
            found.network.possiblePairs == ["batch_normalization_3": .init("conv2d_8", .proven(by: .count))])
        // All norms are there, with a convolution or without.
        #expect(found.network.looseNorms.count == 4)
    }

    /// Layers of 8 outputs that are no plain convolutions; a ninth output makes them another width.
    static let others: [(name: String, parameters: @Sendable (Int) -> [(String, [Int])])] = [
        ("depthwise_conv2d", { [("depthwise_kernel", [3, 3, $0, 1])] }),
        ("depthwise_conv2d", { [("kernel", [3, 3, $0, 1])] }),
        ("separable", { [("depthwise_kernel", [3, 3, 5, 1]), ("pointwise_kernel", [1, 1, 5, $0])] }),
        ("conv2d_transpose", { [("kernel", [2, 2, $0, 5])] }),
        ("conv2d_transpose", { [("0", [2, 2, $0, 5]), ("1", [$0])] }),
        ("up", { [("kernel", [2, 2, $0, 5]), ("bias", [$0])] }),
        ("dense", { [("kernel", [5, $0])] }),
        ("lstm", { [("kernel", [5, 4 * $0]), ("recurrent_kernel", [$0, 4 * $0]), ("bias", [4 * $0])] }),
        ("attention", { [("query_kernel", [5, 1, $0])] }),
    ]

    /// Convolutions of one and three dimensions.
    static let lines: [(name: String, parameters: @Sendable (Int) -> [(String, [Int])])] = [
        ("conv1d", { [("kernel", [3, 5, $0])] }),
        ("conv3d", { [("kernel", [3, 3, 3, 5, $0]), ("bias", [$0])] }),
    ]

    @Test(
        "anything with as many outputs may be before a norm, and prevents a proof",
        arguments: (others + lines).indices)
    func otherLayers(index: Int) throws {
        let other = (Self.others + Self.lines)[index]
        func pairs(_ outputs: Int, isTopological: Bool) throws -> [String: PossiblePair] {
            let stray = other.parameters(outputs).map { ("\(other.name)/\($0)", $1) }
            let own = Array(file([("conv2d_4", [3, 3, 3, 8])])) + Array(table(stray))
            let parameters = ParameterTable(own + Array(file([("batch_normalization_2", [8])])))
            return try recognizeNames(parameters: parameters, isTopological: isTopological).network
                .possiblePairs
        }
        for (isTopological, proof) in [(true, PairBasis.Proof.order), (false, .count)] {
            #expect(try pairs(8, isTopological: isTopological).isEmpty)
            // 11 is no extent of theirs that could be mistaken for 8.
            let proven = ["batch_normalization_2": PossiblePair("conv2d_4", .proven(by: proof))]
            #expect(try pairs(11, isTopological: isTopological) == proven)
        }
    }

    @Test(
        "the one layer that is left makes no pair where it is no plain convolution", arguments: others.indices
    )
    func soleOther(index: Int) throws {
        let other = Self.others[index]
        let stray = table(other.parameters(8).map { ("\(other.name)/\($0)", $1) })
        let parameters = ParameterTable(Array(stray) + Array(file([("batch_normalization_2", [8])])))
        for isTopological in [false, true] {
            let network = try recognizeNames(parameters: parameters, isTopological: isTopological).network
            #expect(network.possiblePairs.isEmpty && network.looseNorms.count == 1)
        }
    }

    @Test("convolutions of one and three dimensions are plain ones", arguments: lines.indices)
    func otherDimensions(index: Int) throws {
        let line = Self.lines[index]
        let layer = table(line.parameters(8).map { ("\(line.name)/\($0)", $1) })
        let parameters = ParameterTable(Array(layer) + Array(file([("batch_normalization_2", [8])])))
        for (isTopological, proof) in [(true, PairBasis.Proof.order), (false, .count)] {
            let network = try recognizeNames(parameters: parameters, isTopological: isTopological).network
            #expect(network.possiblePairs == ["batch_normalization_2": .init(line.name, .proven(by: proof))])
            let convolution = try #require(
                network.nodes.compactMap { node in
                    if case .convolution(let convolution) = node.operation { convolution } else { nil }
                }.first)
            #expect(convolution.kernelExtents == [Int](repeating: 3, count: index == 0 ? 1 : 3))
            #expect(convolution.kernelShape == Shape(line.parameters(8)[0].1))
        }
    }

    @Test("layers that are taken by as many norms are left to no later norm")
    func closedGroup() throws {
        let parameters = file([
            ("conv2d", [1, 1, 3, 8]), ("conv2d_1", [1, 1, 3, 8]), ("batch_normalization", [8]),
            ("batch_normalization_1", [8]), ("conv2d_7", [3, 3, 8, 8]), ("batch_normalization_2", [8]),
        ])
        let pairs = try recognizeNames(parameters: parameters, isTopological: true).network.possiblePairs
        #expect(pairs["batch_normalization_2"] == .init("conv2d_7", .proven(by: .order)))
        #expect(pairs["batch_normalization"]?.basis != .proven(by: .order))
        #expect(pairs["batch_normalization_1"]?.basis != .proven(by: .order))
    }

    @Test("where norms outnumber the layers before them, some stand elsewhere and nothing is proven")
    func tooManyNorms() throws {
        let parameters = file([
            ("conv2d_1", [3, 3, 3, 8]), ("batch_normalization_5", [8]), ("batch_normalization_6", [8]),
            ("conv2d_2", [3, 3, 8, 16]), ("batch_normalization_7", [16]),
        ])
        let pairs = try recognizeNames(parameters: parameters, isTopological: true).network.possiblePairs
        #expect(pairs == ["batch_normalization_7": .init("conv2d_2", .proven(by: .order))])
    }

    @Test("names that somebody gave and the order make a pair where they agree, and none where they do not")
    func disagreement() throws {
        func pairs(_ first: Int, _ second: Int) throws -> [String: PossiblePair] {
            let parameters = file([
                ("stage\(first)_conv", [3, 3, 3, 8]), ("stage1_bn", [8]),
                ("stage\(second)_conv", [3, 3, 8, 8]), ("stage2_bn", [8]),
            ])
            return try recognizeNames(parameters: parameters, isTopological: true).network.possiblePairs
        }
        let order = PairBasis.proven(by: .order)
        #expect(
            try pairs(1, 2) == [
                "stage1_bn": .init("stage1_conv", order), "stage2_bn": .init("stage2_conv", order),
            ])
        #expect(try pairs(2, 1).isEmpty)
    }

    @Test("connected, a norm reads its convolution, and the others stay loose")
    func connecting() throws {
        let network = try recognizeNames(parameters: resNet, isTopological: true).network
        let proven = network.looseNorms.filter { $0.basis == .proven(by: .order) }
        let connected = network.connecting(proven)
        let pairs = ConvolutionNormPairs(connected).convolutionBefore
        #expect(pairs == Dictionary(uniqueKeysWithValues: proven.map { ($0.norm, $0.convolution) }))
        #expect(connected.looseNorms == network.looseNorms.filter { !proven.contains($0) })
        for (index, node) in connected.nodes.enumerated() { #expect(node.inputs.allSatisfy { $0 < index }) }
    }

    @Test("what is said of a file of Keras is not about PyTorch")
    func words() throws {
        let found = try recognizeNames(parameters: resNet)
        #expect(found.assumptions.contains { $0.contains("keras.applications") })
        #expect(!found.assumptions.contains { $0.contains("PyTorch") })
        let error = #expect(throws: NetworkError.self) {
            try recognizeNames(parameters: file([("conv2d", [3, 3, 3, 8])]))
        }
        #expect(error?.description.contains("PyTorch") == false)
    }
}

/// Layers in this order: kernels by their extents, norms by their channels.
private func file(_ layers: [(String, [Int])]) -> ParameterTable {
    table(
        layers.flatMap { layer, extents -> [(String, [Int])] in
            extents.count > 1
                ? [("\(layer)/kernel", extents)]
                : ["gamma", "beta", "moving_mean", "moving_variance"].map { ("\(layer)/\($0)", extents) }
        })
}
