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
        let pairs = ConvolutionNormPairs(found.network).convolutionBefore
        let neck = try #require(found.network.nodes.firstIndex { $0.layer == "neck.1" })
        #expect(pairs[neck].map { found.network.nodes[$0].layer } == "neck.0")
        #expect(found.unused.isEmpty)
        #expect(found.network.architecture == "ResNet-20 (CIFAR) and others")
        #expect(found.assumptions.last == "norms stand beside the ResNet-20 (CIFAR): 'neck.1'")
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
        let layers = own.filter { $0.1.count == 1 }.map {
            String($0.0.dropLast($0.0.hasSuffix("bias") ? 5 : 7))
        }
        var note = Dictionary(layers.map { ($0, settings) }) { first, _ in first }
        note["neck"] = settings
        let beside = [("neck.weight", [64]), ("neck.bias", [64])]
        let found = try recognizeNames(parameters: table(own + beside), groupNorms: note)
        #expect(!found.network.isComplete)
        #expect(found.assumptions.last == "norms stand beside the ResNet-20 (CIFAR): 'neck'")
        #expect(try recognizeNames(parameters: table(own), groupNorms: note).network.isComplete)
    }

    @Test("what has no norms leaves the network as it is")
    func others() throws {
        let found = try recognizeNames(
            parameters: table(trunk.parameters() + [("projection.weight", [128, 64]), ("scale", [])]))
        #expect(found.network.isComplete)
        #expect(found.unused == ["projection.weight", "scale"])
    }
}
