import OrderedJSON
import Tensors
import Testing

@testable import Networks

/// What somebody knows beside a file's names: pairs, and ε of batch norms.
@Suite("Pairs and ε from outside")
struct GivenFactsTests {
    private let parameters = table(
        [
            ("a.weight", [8, 3, 3, 3]), ("b.weight", [8, 8, 3, 3]), ("c.weight", [4, 8, 1, 1]),
            ("d.weight", [4, 8]),
        ]
            + ["x", "y"].flatMap { norm in
                ["weight", "bias", "running_mean", "running_var"].map { ("net.\(norm).\($0)", [8]) }
            })

    private func recognized(_ json: String) throws -> Network {
        let given = try GivenPairs(json: JSON.parse(json))
        return try recognizeNames(parameters: parameters, facts: GivenFacts(pairs: given)).network
    }

    @Test(
        "given pairs are proven and adjacent, in either form",
        arguments: [
            #"[{"conv": "b", "norm": "net.x"}, {"norm": "net.y", "conv": "a"}]"#,
            #"{"b": "net.x", "a": "net.y"}"#,
        ])
    func forms(json: String) throws {
        let network = try recognized(json)
        #expect(network.looseNorms.isEmpty && !network.isComplete)
        let given = PairBasis.proven(by: .given)
        #expect(
            Set(network.normPairs.values.map { [$0.norm, $0.convolution] }) == [
                ["net.x", "b"], ["net.y", "a"],
            ])
        #expect(network.normPairs.values.allSatisfy { $0.basis == given && $0.adjacency == .proven })
        #expect(ConvolutionNormPairs(network).exemptions.isEmpty)
        for (index, node) in network.nodes.enumerated() { #expect(node.inputs.allSatisfy { $0 < index }) }
    }

    @Test("a convolution that is given to one norm is no other's, and the others stay as they are")
    func taken() throws {
        // Names pair conv and bn; the given pair takes conv away.
        let parameters = table(
            [("m.conv.weight", [8, 3, 3, 3]), ("m.other.weight", [8, 8, 3, 3])]
                + ["bn", "extra"].flatMap { norm in
                    ["running_mean", "running_var"].map { ("m.\(norm).\($0)", [8]) }
                })
        let plain = try recognizeNames(parameters: parameters).network
        #expect(plain.possiblePairs["m.bn"]?.convolution == "m.conv")
        let given = try GivenPairs([.init(convolution: "m.conv", norm: "m.extra")])
        let network = try recognizeNames(parameters: parameters, facts: GivenFacts(pairs: given)).network
        #expect(network.possiblePairs.isEmpty && network.looseNorms.count == 1)
        #expect(network.normPairs.values.contains { $0.norm == "m.extra" && $0.convolution == "m.conv" })
    }

    private static let pair = GivenPairs.Pair(convolution: "a", norm: "net.x")

    @Test(
        "pairs that are not the file's are refused, by name",
        arguments: [
            (
                #"{"a": "net.x", "b": "net.x"}"#,
                .duplicate(layer: "net.x", first: pair, second: .init(convolution: "b", norm: "net.x"))
            ),
            (
                #"[{"conv": "a", "norm": "net.x"}, {"conv": "a", "norm": "net.y"}]"#,
                .duplicate(layer: "a", first: pair, second: .init(convolution: "a", norm: "net.y"))
            ),
            (
                #"{"a": "x"}"#,
                .noSuchLayer(
                    layer: "x", pair: .init(convolution: "a", norm: "x"), expected: "norm", similar: "net.x")
            ),
            (
                #"{"module.a": "net.x"}"#,
                .noSuchLayer(
                    layer: "module.a", pair: .init(convolution: "module.a", norm: "net.x"),
                    expected: "plain convolution", similar: "a")
            ),
            (
                #"{"a": "b"}"#,
                .noSuchLayer(
                    layer: "b", pair: .init(convolution: "a", norm: "b"), expected: "norm", similar: nil)
            ),
            (
                #"{"d": "net.x"}"#,
                .noSuchLayer(
                    layer: "d", pair: .init(convolution: "d", norm: "net.x"), expected: "plain convolution",
                    similar: nil)
            ),
            (
                #"{"c": "net.x"}"#,
                .wrongChannels(pair: .init(convolution: "c", norm: "net.x"), found: 4, expected: 8)
            ),
            (#"[["a", "net.x"]]"#, .malformed(object: "entry 1", expected: #"{"conv": NAME, "norm": NAME}"#)),
            (
                #"[{"conv": "a", "norm": "net.x", "more": 1}]"#,
                .malformed(object: "entry 1", expected: #"{"conv": NAME, "norm": NAME}"#)
            ),
            (#"{"a": 1}"#, .malformed(object: "'a'", expected: "the name of a norm")),
            (
                "3",
                .malformed(
                    object: "the pairs", expected: #"[{"conv": NAME, "norm": NAME}, …] or {NAME: NAME, …}"#)
            ),
        ] as [(String, GivenPairError)])
    func errors(json: String, expected: GivenPairError) throws {
        let error = #expect(throws: GivenPairError.self) { try recognized(json) }
        #expect(error == expected)
        #expect(error?.description.isEmpty == false)
    }

    @Test("pairs of a graph may be given again, and others are refused")
    func graph() throws {
        let parameters = table(TorchTests.resNet20.parameters())
        func recognize(_ convolution: String, _ norm: String) throws -> Network {
            let given = try GivenPairs([.init(convolution: convolution, norm: norm)])
            return try recognizeNames(parameters: parameters, facts: GivenFacts(pairs: given)).network
        }
        #expect(try recognize("layer1.0.conv1", "layer1.0.bn1").isComplete)
        let error = #expect(throws: GivenPairError.self) { try recognize("layer1.0.conv2", "layer1.0.bn1") }
        #expect(
            error
                == .contradictsGraph(
                    pair: .init(convolution: "layer1.0.conv2", norm: "layer1.0.bn1"), found: "layer1.0.conv1")
        )
    }

    @Test("ε is what the file records, then what was given, then the framework's default")
    func epsilon() throws {
        func found(_ facts: GivenFacts) throws -> (epsilons: [String: Double], assumed: [String]) {
            let found = try recognizeNames(parameters: parameters, facts: facts)
            return (found.network.epsilons, found.assumptions.filter { $0.hasPrefix("batch norms") })
        }
        let plain = try found(GivenFacts())
        #expect(plain.epsilons == ["net.x": 1e-5, "net.y": 1e-5])
        #expect(plain.assumed == ["batch norms: ε 1e-05, PyTorch's default"])
        let given = try found(GivenFacts(batchEpsilon: 0.25))
        #expect(given.epsilons == ["net.x": 0.25, "net.y": 0.25])
        #expect(given.assumed == ["batch norms: ε 0.25, by option"])
        let stated = try found(GivenFacts(normEpsilons: ["net.x": 0.5]))
        #expect(stated.epsilons == ["net.x": 0.5, "net.y": 1e-5])
        #expect(stated.assumed == plain.assumed)
        let all = try found(GivenFacts(normEpsilons: ["net.x": 0.5, "net.y": 0.5]))
        #expect(all.assumed.isEmpty)
        let resNet = try recognizeNames(
            parameters: table(TorchTests.resNet20.parameters()), facts: GivenFacts(batchEpsilon: 0))
        #expect(Set(resNet.network.epsilons.values) == [0] && resNet.network.isComplete)
    }

    @Test("names and shapes that prove a family give its ε, and only to its norms")
    func families() throws {
        func found(_ layers: [(String, [Int])]) throws -> [String: Double] {
            try recognizeNames(
                parameters: table(
                    layers.flatMap { layer, extents -> [(String, [Int])] in
                        extents.count > 1
                            ? [("\(layer).weight", extents)]
                            : ["weight", "running_mean", "running_var"].map { ("\(layer).\($0)", extents) }
                    })
            ).network.epsilons
        }
        // torchvision's MobileNetV3 as a backbone, with a head of its own.
        func mobileNet(_ inputs: Int) -> [(String, [Int])] {
            [
                ("backbone.0.0", [16, 3, 3, 3]), ("backbone.0.1", [16]),
                ("backbone.1.block.0.0", [16, inputs, 3, 3]), ("backbone.1.block.0.1", [16]),
                ("classifier.0", [8, 16, 1, 1]), ("classifier.1", [8]),
            ]
        }
        #expect(
            try found(mobileNet(1))
                == ["backbone.0.1": 1e-3, "backbone.1.block.0.1": 1e-3, "classifier.1": 1e-5])
        #expect(try Set(found(mobileNet(16)).values) == [1e-5])
        // EfficientNets of one naming: V2 has fused blocks, B5 more features than B4.
        func efficientNet(_ inputs: Int, _ features: Int) -> [(String, [Int])] {
            [
                ("features.0.0", [48, 3, 3, 3]), ("features.0.1", [48]),
                ("features.1.0.block.0.0", [48, inputs, 3, 3]), ("features.1.0.block.0.1", [48]),
                ("features.8.0", [features, 448, 1, 1]), ("features.8.1", [features]),
            ]
        }
        #expect(try Set(found(efficientNet(1, 1792)).values) == [1e-5])
        #expect(try Set(found(efficientNet(1, 2048)).values) == [1e-3])
        #expect(try Set(found(efficientNet(48, 1280)).values) == [1e-3])
    }
}

extension Network {
    /// ε of the batch norms by layer.
    fileprivate var epsilons: [String: Double] {
        nodes.reduce(into: [:]) { found, node in
            if case .batchNorm(let norm) = node.operation { found[node.layer] = norm.epsilon }
        }
    }
}
