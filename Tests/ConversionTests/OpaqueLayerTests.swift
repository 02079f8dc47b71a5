import Networks
import Tensors
import Testing

@testable import Conversion

@Suite("Conversion around layers that are not computed")
struct OpaqueLayerTests {
    private static let opaque = Operation.opaque(OpaqueLayer(className: "Lambda"))
    private static let options = ConversionOptions(groups: .count(2))

    /// conv (4 → 4) – norm; behind `before`, if there is something.
    private func block(after before: (inout Example) -> Void, groups: Int = 1) -> Example {
        var example = Example(channels: 4)
        before(&example)
        example.convolution("conv", 4, 4, noise(4 * 4 / groups * 9, seed: 3), groups: groups)
        example.batchNorm(
            "bn", gamma: [1, 2, 3, 4], beta: [0, 1, 0, -1], mean: [1, -2, 3, 5], variance: [1, 4, 1, 2])
        return example
    }

    /// A block of its own, whose moments would be known without what is behind it.
    private func stem(_ example: inout Example, behind operation: Networks.Operation) {
        example.convolution("stem", 4, 4, noise(4 * 4 * 9))
        example.batchNorm(
            "stem_bn", gamma: [1, 2, 3, 4], beta: [2, 1, 2, 3], mean: [0, 1, 0, 1],
            variance: [1, 1, 1, 1])
        example.node("act", operation)
    }

    private func plan(_ example: Example, _ options: ConversionOptions = options) throws -> ConversionPlan {
        try planConversion(of: example.network, parameters: example.table, options: options)
    }

    @Test("behind one, a convolution is treated like the network's first")
    func restart() throws {
        let alone = block { _ in }
        let behind = block { stem(&$0, behind: Self.opaque) }
        let known = block { stem(&$0, behind: .activation(.relu)) }
        let (first, second, third) = (try plan(alone), try plan(behind), try plan(known))
        for name in ["conv.weight", "bn.weight", "bn.bias"] {
            let values = try second.values(of: name, in: behind.table)
            #expect(try values == first.values(of: name, in: alone.table), "\(name)")
            #expect(try values != third.values(of: name, in: known.table), "\(name)")
        }
        #expect(second.report.momentsRestart.map(\.description) == ["act (Lambda)"])
        #expect(third.report.momentsRestart.isEmpty)
        #expect(second.report.standardized == ["stem", "conv"])
        #expect(try plan(behind, plainOptions()).report.momentsRestart.isEmpty)
    }

    @Test("a norm behind one converts by its statistics alone")
    func norm() throws {
        var example = Example(channels: 4)
        example.node("lambda", Self.opaque)
        example.batchNorm(
            "bn", gamma: [1, 2, 3, 4], beta: [0, 1, 0, -1], mean: [1, 2, 3, 5], variance: [1, 4, 1, 2])
        let plan = try plan(example)
        let gamma = try #require(try plan.values(of: "bn.weight", in: example.table))
        let beta = try #require(try plan.values(of: "bn.bias", in: example.table))
        // First group: m = 1.5, v = 2.5 + 0.25.
        #expect(abs(gamma[1] - 2 * Float(2.75 / 4).squareRoot()) < 1e-4)
        #expect(abs(beta[1] - (1 + 2 * (1.5 - 2) / 2)) < 1e-4)
    }

    @Test("a convolution that one reads keeps its weights")
    func consumer() throws {
        var example = Example(channels: 4)
        example.convolution("conv", 4, 4, noise(4 * 4 * 9))
        example.node("act", Self.opaque)
        example.batchNorm(
            "bn", gamma: nil, beta: nil, mean: [1, 2, 3, 5], variance: [1, 4, 1, 2])
        let plan = try plan(example)
        #expect(plan.edits["conv.weight"] == nil)
        #expect(plan.report.leftAlone.map(\.layer) == ["conv"])
        #expect(plan.report.leftAlone[0].reason == .exempt(.opaque(layer: "act", className: "Lambda")))
    }

    @Test("a grouped convolution behind one keeps its weights: its statistics do not tell its input's mean")
    func grouped() throws {
        let example = block(after: { $0.node("act", Self.opaque) }, groups: 2)
        let plan = try plan(example)
        #expect(plan.edits["conv.weight"] == nil)
        #expect(plan.report.leftAlone.map(\.reason) == [.unknownInput])
        #expect(plan.norms.map(\.layer) == ["bn"])
        var all = Self.options
        all.weightStandardization = .all
        #expect(try self.plan(example, all).report.standardized == ["conv"])
    }

    @Test("moments stay unknown through a convolution without a norm")
    func withoutNorm() throws {
        let example = block { example in
            example.node("act", Self.opaque)
            example.convolution("plain", 4, 4, noise(4 * 4 * 9), bias: [1, 2, 3, 4])
            example.node("relu", .activation(.relu))
        }
        let alone = block { _ in }
        let values = try plan(example).values(of: "conv.weight", in: example.table)
        #expect(try values == plan(alone).values(of: "conv.weight", in: alone.table))
    }

    @Test("the shortest input mean is taken where there are more inputs than outputs")
    func inputMeanOfFewOutputs() throws {
        // 1, 2, 2 · E = 9 has the shortest solution 1, 2, 2; the second filter adds 0, 1, −1 · E = 0.
        let convolution = Convolution(
            kernel: "k", kernelLayout: .oihw, bias: nil, inputs: 3, outputs: 2, size: Extent(1),
            strides: Extent(1), dilation: Extent(1), groups: 1, padding: .same)
        let geometry = try #require(KernelGeometry(convolution))
        let kernel = Tensor(shape: [2, 3, 1, 1], values: [1, 2, 2, 0, 1, -1])
        let found = try #require(inputMean(kernel, geometry, outputMean: [9, 0]))
        for (left, right) in zip(found, [1.0, 2, 2]) { #expect(abs(left - right) < 1e-7) }
        // And one filter alone.
        var single = convolution
        single.outputs = 1
        let one = try #require(KernelGeometry(single))
        let filter = Tensor(shape: [1, 3, 1, 1], values: [1, 2, 2])
        let alone = try #require(inputMean(filter, one, outputMean: [9]))
        for (left, right) in zip(alone, [1.0, 2, 2]) { #expect(abs(left - right) < 1e-7) }
    }

    @Test("a norm along another axis keeps it, and nothing is known of the channels behind it")
    func axis() throws {
        var example = block { _ in }
        guard case .batchNorm(var norm) = example.nodes[2].operation else { return }
        norm.axis = 1
        example.nodes[2].operation = .batchNorm(norm)
        example.convolution("conv2", 4, 4, noise(4 * 4 * 9, seed: 5))
        example.batchNorm("bn2", gamma: nil, beta: nil, mean: [1, 0, 0, 1], variance: [1, 1, 1, 1])
        let plan = try plan(example)
        guard case .groupNorm(let converted) = plan.network.nodes[2].operation else {
            Issue.record("\(plan.network.nodes[2])")
            return
        }
        #expect((converted.axis, converted.groups) == (1, 2))
        #expect(plan.report.leftAlone.map(\.reason) == [.exempt(.otherAxis(layer: "bn"))])
        #expect(plan.report.momentsRestart.map(\.layer) == ["bn"])
    }
}
