import Tensors
import Testing

@testable import Networks

@Suite("Pairs of a ResNet whose file records one more module")
struct RecordedPairTests {
    private static let block = ["layer2.0.bn1", "layer2.0.bn2", "layer2.0.downsample.1"]

    /// The pairs that are not proven, with a module of this path and maybe another one, of some class, around it.
    private func unproven(
        _ stranger: String, in holder: (path: String, className: String)?, pairs: GivenPairs? = nil
    ) throws -> [String] {
        var modules = [
            stranger: RecordedModule(className: "Square", library: "own", isLeaf: true),
            "layer2.0.downsample": RecordedModule(
                className: "Sequential", library: "torch.nn.modules.container"),
        ]
        if let holder {
            modules[holder.path] = RecordedModule(className: holder.className, library: "own")
        }
        let found = try recognizeNames(
            parameters: table(TorchNetwork(blocks: [1, 1, 1, 1]).parameters()),
            facts: GivenFacts(pairs: pairs, modules: modules))
        #expect(!found.network.isComplete)
        #expect(found.contradictions.count == 1)
        #expect(
            found.network.looseNorms.allSatisfy {
                $0.basis == .assumed(because: .names)
                    && found.network.nodes[$0.norm].inputs == [$0.convolution]
            })
        return found.network.possiblePairs.keys.sorted()
    }

    @Test(
        "are proven where no block around them has it",
        arguments: [
            ("sq", nil, ["bn1"]),
            ("layer2.0.sq", nil, block),
            // A list, and a module without layers of the network, are called by the block around them.
            ("layer2.0.acts.0", ("layer2.0.acts", "ModuleList"), block),
            ("layer2.0.acts.0", ("layer2.0.acts", "Own"), block),
            // What is in a sequence may be called by the block around it, and by no other one.
            ("layer2.0.downsample.2", nil, block),
            ("layer2.0.downsample.2", ("layer2.0.downsample", "Own"), ["layer2.0.downsample.1"]),
            ("layer2.1", ("layer2", "Sequential"), ["bn1"]),
            ("layer2.1", ("layer2", "Own"), []),
        ] as [(String, (String, String)?, [String])])
    func pairs(stranger: String, holder: (String, String)?, expected: [String]) throws {
        #expect(try unproven(stranger, in: holder) == expected)
    }

    @Test(
        "what else a module records that its node does not compute is told",
        arguments: [
            ("BatchNorm2d", [RecordedModule.takesBatchStatistics: .flag(true)], "training mode"),
            ("BatchNorm2d", ["eps": .number(-1)], "eps of -1"),
            ("BatchNorm2d", [RecordedModule.hasHooks: .flag(true)], "forward hooks"),
            ("BatchNorm2d", [RecordedModule.takesBatchStatistics: .flag(false), "eps": .number(0)], nil),
        ] as [(String, [String: RecordedSetting], String?)])
    func norms(className: String, settings: [String: RecordedSetting], expected: String?) throws {
        let module = RecordedModule(
            className: className, library: "torch.nn.modules.batchnorm", settings: settings)
        let found = try recognizeNames(
            parameters: table(TorchNetwork(blocks: [1, 1, 1, 1]).parameters()),
            facts: GivenFacts(modules: ["layer2.0.bn1": module]))
        #expect(found.contradictions.isEmpty == (expected == nil))
        if let expected { #expect(found.contradictions.first?.contains(expected) == true) }
    }

    @Test("are proven where somebody gives them")
    func given() throws {
        let pair = GivenPairs.Pair(convolution: "layer2.0.conv2", norm: "layer2.0.bn2")
        let found = try unproven("layer2.0.sq", in: nil, pairs: GivenPairs([pair]))
        #expect(found == ["layer2.0.bn1", "layer2.0.downsample.1"])
    }
}
