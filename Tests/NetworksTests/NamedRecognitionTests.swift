import Tensors
import Testing

@testable import Networks

/// Files that hold more than the one ResNet that their names describe.
@Suite("What stands beside a ResNet that is known by its names")
struct NamedRecognitionTests {
    private let trunk = TorchTests.resNet20
    private static func norm(_ layer: String, _ channels: Int) -> [(String, [Int])] {
        ["weight", "bias", "running_mean", "running_var"].map { ("\(layer).\($0)", [channels]) }
    }

    private func norms(_ recognition: Recognition) -> [String] {
        recognition.network.nodes.compactMap { node in
            switch node.operation {
            case .batchNorm, .groupNorm: node.layer
            default: nil
            }
        }
    }

    @Test("a norm beside the trunk is converted with its convolution, and the whole is not run")
    func neck() throws {
        let whole = table(trunk.parameters() + [("neck.0.weight", [8, 64, 1, 1])] + Self.norm("neck.1", 8))
        let alone = try recognizeTorch(parameters: whole)
        let found = try recognizeNames(parameters: whole)
        #expect(!found.network.isComplete)
        // The trunk is the one that it is without a neck: its norms are converted as well as there.
        #expect(Array(found.network.nodes.prefix(alone.network.nodes.count)) == alone.network.nodes)
        #expect(norms(found) == norms(alone) + ["neck.1"])
        #expect(found.network.possiblePairs == ["neck.1": .init("neck.0", .proven(by: .count))])
        // The trunk's pairs are the graph's, and the neck's is not.
        let trunkPairs = ConvolutionNormPairs(found.network).convolutionBefore
        #expect(trunkPairs == ConvolutionNormPairs(alone.network).convolutionBefore)
        #expect(found.unused.isEmpty)
        #expect(found.network.architecture == "ResNet-20 (CIFAR) and others")
        #expect(found.assumptions.last == "a norm is not part of the ResNet-20 (CIFAR): 'neck.1'")
    }

    @Test("a norm between the trunk and its classifier is no network that could be run")
    func bottleneck() throws {
        let found = try recognizeNames(
            parameters: table(trunk.parameters() + Self.norm("bottleneck", 64)))
        #expect(!found.network.isComplete)
        #expect(norms(found).last == "bottleneck")
    }

    @Test(
        "of several networks each is converted, and none is run",
        arguments: [["", "ema."], ["encoder_q.", "encoder_k."], ["a.", "b.", "c."]])
    func several(prefixes: [String]) throws {
        let found = try recognizeNames(
            parameters: table(prefixes.flatMap { trunk.parameters(prefix: $0) }))
        #expect(!found.network.isComplete)
        let one = try norms(recognizeTorch(parameters: table(trunk.parameters())))
        #expect(Set(norms(found)) == Set(prefixes.flatMap { prefix in one.map { prefix + $0 } }))
        #expect(norms(found).count == one.count * prefixes.count)
        // All of them with what came before, not as loose pairs.
        #expect(found.network.nodes.filter { $0.operation == .input }.count == prefixes.count)
        #expect(found.unused.isEmpty)
    }

    @Test("a converted norm beside the trunk is told by the note")
    func converted() throws {
        var trunk = trunk
        trunk.hasStatistics = false
        let settings = GroupNormSettings(groups: 4, epsilon: 1e-5)
        let own = trunk.parameters()
        let layers = own.map(\.0).filter { $0.contains("bn") && $0.hasSuffix(".weight") }.map {
            $0.dropLast(7)
        }
        var note = Dictionary(uniqueKeysWithValues: layers.map { (String($0), settings) })
        #expect(try recognizeNames(parameters: table(own), groupNorms: note).network.isComplete)
        // As it was before somebody put the network into another module.
        let inside = table(trunk.parameters(prefix: "module."))
        #expect(try recognizeNames(parameters: inside, groupNorms: note).network.isComplete)

        note["neck"] = settings
        // Without a scale and an offset nothing is left of it but the note.
        for beside in [[("neck.weight", [64]), ("neck.bias", [64])], []] {
            let found = try recognizeNames(parameters: table(own + beside), groupNorms: note)
            #expect(!found.network.isComplete)
            #expect(found.assumptions.last == "a norm is not part of the ResNet-20 (CIFAR): 'neck'")
            #expect(norms(found).contains("neck") == !beside.isEmpty)
        }
    }

    @Test("averages of the weights are no network, before a conversion and after it")
    func averages() throws {
        var converted = trunk
        converted.hasStatistics = false
        let averages = converted.parameters(prefix: "ema.")
        let found = try recognizeNames(parameters: table(averages + trunk.parameters(prefix: "model.")))
        #expect(found.network.isComplete)
        #expect(found.unused == averages.map(\.0))
        let note = Dictionary(
            uniqueKeysWithValues: norms(found).map { ($0, GroupNormSettings(groups: 4, epsilon: 1e-5)) })
        let after = try recognizeNames(
            parameters: table(averages + converted.parameters(prefix: "model.")), groupNorms: note)
        #expect(after.network.isComplete)
        #expect(after.unused == found.unused)
    }

    @Test("two networks keep the groups of each", arguments: [1, 2])
    func settings(width: Int) throws {
        func parameters(_ prefix: String, _ width: Int) -> [(String, [Int])] {
            var parameters = [(prefix + "stem.conv.weight", [width, 3, 7, 7])]
            func norm(_ layer: String) {
                parameters += ["weight", "bias"].map { ("\(prefix)\(layer).\($0)", [width]) }
            }
            let block = "stages.0.blocks.0."
            for index in 1...3 {
                norm(block + "norm\(index)")
                let size = index == 2 ? 3 : 1
                parameters.append((prefix + block + "conv\(index).weight", [width, width, size, size]))
            }
            norm("norm")
            return parameters
        }
        let names = ["stages.0.blocks.0.norm1", "stages.0.blocks.0.norm2", "stages.0.blocks.0.norm3", "norm"]
        var note: [String: GroupNormSettings] = [:]
        for name in names {
            note["a." + name] = GroupNormSettings(groups: width, epsilon: 1e-5)
            note["b." + name] = GroupNormSettings(groups: 4, epsilon: 1e-5)
        }
        let found = try recognizeNames(
            parameters: table(parameters("a.", 8) + parameters("b.", 16)), groupNorms: note)
        let groups = found.network.nodes.reduce(into: [String: Int]()) { groups, node in
            if case .groupNorm(let norm) = node.operation { groups[node.layer] = norm.groups }
        }
        #expect(groups == note.mapValues(\.groups))
        #expect(!found.network.isComplete)
    }

    @Test("blocks of another kind are paired, where every norm can be")
    func otherBlocks() throws {
        // Res2Net's names.
        let parameters = trunk.parameters().map { name, shape in
            (name.replacing("layer1.0.conv2.", with: "layer1.0.convs.0."), shape)
        }
        let found = try recognizeNames(parameters: table(parameters))
        #expect(!found.network.isComplete)
        #expect(norms(found).count == 19)
        #expect(found.assumptions.last?.contains("'layer1.0.conv2.weight' is not in the file") == true)

        let damaged = parameters.filter { $0.0 != "layer2.0.bn1.running_var" }
        #expect(throws: NetworkError.self) { try recognizeNames(parameters: table(damaged)) }
        let flat = trunk.parameters().map { name, shape in
            (name, name == "conv1.weight" ? [16, 3, 9] : shape)
        }
        #expect(throws: NetworkError.self) { try recognizeNames(parameters: table(flat)) }
    }

    @Test("what has no norms leaves the network as it is")
    func others() throws {
        let found = try recognizeNames(
            parameters: table(trunk.parameters() + [("projection.weight", [128, 64]), ("scale", [])]))
        #expect(found.network.isComplete)
        #expect(found.unused == ["projection.weight", "scale"])
    }
}
