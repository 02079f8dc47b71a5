import Tensors
import Testing

@testable import Networks

/// Norms without running statistics: group norms, instance norms, batch norms that keep none.
@Suite("Norms that no file tells the kind of")
struct NormKindTests {
    private let narrow: ParameterTable = {
        var file = TorchTests.resNet20
        file.hasStatistics = false
        return table(file.parameters())
    }()
    private let wide: ParameterTable = {
        var file = TorchNetwork(blocks: [1, 1, 1, 1])
        file.hasStatistics = false
        return table(file.parameters())
    }()

    private func norms(_ network: Network) -> [GroupNorm] {
        network.nodes.compactMap { if case .groupNorm(let norm) = $0.operation { norm } else { nil } }
    }

    @Test("their kind is unknown where neither a note nor the caller tells, and known where one does")
    func unknown() throws {
        let guess = try recognizeNames(parameters: wide)
        #expect(guess.unknownNorms == guess.network.groupNormLayers)
        #expect(guess.unknownNorms.first == "bn1" && guess.unknownNorms.count == 12)
        #expect(guess.assumptions.contains { $0.contains("32 groups") && $0.contains("a guess") })

        let told = try recognizeNames(parameters: wide, kind: .group(8))
        #expect(told.unknownNorms.isEmpty)
        #expect(norms(told.network).allSatisfy { $0.groups == 8 && $0.epsilon == 1e-5 })

        let note = Dictionary(
            uniqueKeysWithValues: guess.unknownNorms.map { ($0, GroupNormSettings(groups: 4, epsilon: 1e-3)) }
        )
        // What the file says counts.
        for kind in [nil, NormKind.instance] {
            let noted = try recognizeNames(parameters: wide, groupNorms: note, kind: kind)
            #expect(noted.unknownNorms.isEmpty)
            #expect(norms(noted.network).allSatisfy { $0.groups == 4 && $0.epsilon == 1e-3 })
        }
    }

    @Test(
        "an instance norm has a group for each channel, a layer norm one",
        arguments: [NormKind.instance, .layer])
    func kinds(kind: NormKind) throws {
        let found = norms(try recognizeNames(parameters: narrow, kind: kind).network)
        #expect(found.count == 19)
        for norm in found { #expect(norm.groups == (kind == .layer ? 1 : norm.channels)) }
    }

    @Test("groups that do not divide the channels are refused by the layer's name")
    func division() {
        let error = #expect(throws: NetworkError.self) {
            try recognizeNames(parameters: narrow, kind: .group(5))
        }
        #expect(error?.description.contains("'bn1'") == true)
        #expect(error?.description.contains("divisor of 16") == true)
    }

    @Test("a network of batch norms has no unknown ones, nor has Big Transfer, whose names tell")
    func known() throws {
        #expect(try recognizeNames(parameters: table(TorchTests.resNet20.parameters())).unknownNorms.isEmpty)
        let unit = "resnet/block1/unit01/"
        var bit: [(String, [Int])] = [("resnet/root_block/standardized_conv2d/kernel", [7, 7, 3, 64])]
        for (part, kernel) in [("a", [1, 1, 64, 64]), ("b", [3, 3, 64, 64]), ("c", [1, 1, 64, 64])] {
            bit.append((unit + part + "/standardized_conv2d/kernel", kernel))
            bit += ["gamma", "beta"].map { (unit + part + "/group_norm/" + $0, [64]) }
        }
        bit += ["gamma", "beta"].map { ("resnet/group_norm/" + $0, [64]) }
        let found = try recognizeNames(parameters: table(bit))
        #expect(found.network.family == .bit && found.unknownNorms.isEmpty)
        #expect(norms(found.network).map(\.groups) == [32, 32, 32, 32])
    }
}
