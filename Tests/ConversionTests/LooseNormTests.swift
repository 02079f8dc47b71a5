import Networks
import Tensors
import Testing

@testable import Conversion

/// Conversions of networks whose graph does not say what stands before a norm.
@Suite("Norms and convolutions that may belong together")
struct LooseNormTests {
    private static let channels = 8
    private static let means: [Float] = [0.5, -1, 2, 0.25, -0.5, 1, -2, 0]
    private static let variances: [Float] = [1, 2, 0.5, 3, 1.5, 0.25, 4, 1]
    private static let gammas: [Float] = [1, 2, -1, 0.5, 1.5, 1, -2, 3]
    private static let betas: [Float] = [0, 1, -1, 0.5, 2, -2, 0.25, 0]

    /// A convolution and a norm after inputs of their own, or the norm behind the convolution where there is no basis.
    private func example(
        _ basis: PairBasis?, means: [Float] = means, bias: [Float]? = noise(channels, seed: 7)
    ) -> (network: Network, table: ParameterTable) {
        var example = Example(channels: 3)
        example.size = nil
        let first = example.node("input of conv", .input, [])
        let weights = noise(Self.channels * 27).map { $0 + 0.2 }
        let convolution = example.convolution("conv", 3, Self.channels, weights, bias: bias, from: first)
        let second = basis == nil ? convolution : example.node("input of bn", .input, [])
        let norm = example.batchNorm(
            "bn", gamma: Self.gammas, beta: Self.betas, mean: means, variance: Self.variances, from: second)
        var network = example.network
        network.isComplete = false
        network.looseNorms = basis.map { [LooseNorm(norm: norm, convolution: convolution, basis: $0)] } ?? []
        return (network, example.table)
    }

    private func plan(
        _ example: (network: Network, table: ParameterTable), _ options: ConversionOptions
    ) throws -> ConversionPlan {
        try planConversion(of: example.network, parameters: example.table, options: options)
    }

    static let bases: [PairBasis] = [
        .proven(by: .order), .proven(by: .count), .assumed(because: .names), .assumed(because: .numbers),
    ]
    static let manners: [ConversionOptions] = [
        ConversionOptions(groups: .perGroup(4)),
        ConversionOptions(groups: .perGroup(4), weightStandardization: .off),
        ConversionOptions(groups: .perGroup(4), weightStandardization: .all),
        ConversionOptions(groups: .perGroup(4), weightStandardization: .off, addsBias: true),
        ConversionOptions(groups: .perGroup(4), addsBias: true),
    ]

    @Test(
        "whatever pairs them, only the norm's scale and offset change: to the closed form", arguments: bases,
        manners)
    func untouched(basis: PairBasis, options: ConversionOptions) throws {
        for bias in [noise(Self.channels, seed: 7), nil] {
            let example = example(basis, bias: bias)
            let plan = try plan(example, options)
            #expect(Set(plan.edits.names) == ["bn.weight", "bn.bias", "bn.running_mean", "bn.running_var"])
            #expect(plan.biasedConvolutions.isEmpty && plan.report.standardized.isEmpty)
            let expected = Self.closedForm(groups: 2)
            let gamma = try #require(try plan.values(of: "bn.weight", in: example.table))
            let beta = try #require(try plan.values(of: "bn.bias", in: example.table))
            for channel in 0..<Self.channels {
                #expect(abs(Double(gamma[channel]) - expected.gamma[channel]) < 1e-5)
                #expect(abs(Double(beta[channel]) - expected.beta[channel]) < 1e-5)
            }
        }
    }

    @Test("with one group and plain weights the convolution's bias stays as well")
    func layerNorm() throws {
        let example = example(.proven(by: .order))
        let plan = try plan(example, ConversionOptions(target: .layerNorm, weightStandardization: .off))
        #expect(plan.edits["conv.bias"] == nil && plan.edits["conv.weight"] == nil)
        let gamma = try #require(try plan.values(of: "bn.weight", in: example.table))
        let expected = Self.closedForm(groups: 1).gamma
        for channel in 0..<Self.channels { #expect(abs(Double(gamma[channel]) - expected[channel]) < 1e-5) }
    }

    @Test(
        "assumed to be adjacent, a pair is converted as one of a graph, but for one by numbers",
        arguments: bases, manners)
    func assumed(basis: PairBasis, options: ConversionOptions) throws {
        var options = options
        options.assumesAdjacent = true
        let loose = example(basis)
        let found = try plan(loose, options)
        var plain = options
        plain.assumesAdjacent = false
        let holds = basis != .assumed(because: .numbers)
        let expected = try plan(holds ? example(nil) : loose, plain)
        #expect(found.report.pairs.map(\.adjacency) == [holds ? .assumed : .unknown])
        #expect(Set(found.edits.names) == Set(expected.edits.names))
        #expect(found.edits.names.contains("conv.bias") == holds)
        for name in expected.edits.names {
            #expect(
                try found.values(of: name, in: loose.table) == expected.values(of: name, in: loose.table),
                "\(name)")
        }
        #expect(found.report.standardized == expected.report.standardized)
    }

    @Test("running means that are never negative contradict the assumption, in 8 channels or more")
    func contradicted() throws {
        let options = ConversionOptions(
            groups: .perGroup(4), weightStandardization: .all, assumesAdjacent: true)
        var means = Self.means.map(abs)
        #expect(means.contains(0))
        let plan = try plan(example(.assumed(because: .names), means: means), options)
        #expect(Set(plan.edits.names) == ["bn.weight", "bn.bias", "bn.running_mean", "bn.running_var"])
        #expect(plan.report.pairs.map(\.adjacency) == [.contradicted])
        #expect(plan.report.leftAlone == [.init(layer: "conv", reason: .exempt(.contradicted(norm: "bn")))])
        #expect(plan.report.warnings.contains(.contradictedAdjacency(norms: ["bn"])))
        let text = plan.report.warnings.map(\.description).joined()
        #expect(text.contains("'bn'") && text.contains("contradicts the statistics"))

        means[3] = -0.001
        let other = try self.plan(example(.assumed(because: .names), means: means), options)
        #expect(other.report.standardized == ["conv"])
        // Statistics of a network that was never trained.
        let fresh = try self.plan(
            example(.assumed(because: .names), means: [Float](repeating: 0, count: Self.channels)), options)
        #expect(fresh.report.standardized == ["conv"])
    }

    @Test("what was wanted and left out is warned of once, with the ways on")
    func warnings() throws {
        func warnings(_ basis: PairBasis, _ options: ConversionOptions) throws -> [ConversionWarning] {
            try plan(example(basis), options).report.warnings.filter {
                if case .unprovenPairs = $0 { true } else { false }
            }
        }
        var options = ConversionOptions(groups: .perGroup(8))
        let names = PairBasis.assumed(because: .names)
        let expected = ConversionWarning.unprovenPairs(norms: ["bn"], isKeras: false, canBeAssumed: true)
        #expect(try warnings(names, options) == [expected])
        #expect(expected.description.contains("--assume-adjacent"))
        #expect(!expected.description.contains("--architecture"))
        let numbers = ConversionWarning.unprovenPairs(norms: ["bn"], isKeras: true, canBeAssumed: false)
        #expect(!numbers.description.contains("--assume-adjacent"))
        #expect(numbers.description.contains("--architecture FILE"))
        options.weightStandardization = .off
        #expect(try warnings(names, options).isEmpty)
        options.addsBias = true
        #expect(try warnings(names, options) == [expected])
        options.assumesAdjacent = true
        #expect(try warnings(names, options).isEmpty)
        #expect(
            try plan(example(nil), options).report.warnings.contains(.graphIsKnown))
        #expect(try !plan(example(names), options).report.warnings.contains(.graphIsKnown))
    }

    /// γ√(v + ε)/√(σ² + ε) and β + γ(m − μ)/√(σ² + ε), m and v of a group's mixture.
    private static func closedForm(groups: Int) -> (gamma: [Double], beta: [Double]) {
        let (size, epsilon) = (channels / groups, 1e-5)
        var (gamma, beta) = ([Double](), [Double]())
        for channel in 0..<channels {
            let group = channel / size * size..<channel / size * size + size
            let mean = group.reduce(0.0) { $0 + Double(means[$1]) } / Double(size)
            let variance = group.reduce(0.0) { sum, other in
                let distance = Double(means[other]) - mean
                return sum + Double(variances[other]) + distance * distance
            }
            let deviation = (Double(variances[channel]) + epsilon).squareRoot()
            let scale = Double(gammas[channel]) / deviation
            gamma.append(scale * (variance / Double(size) + epsilon).squareRoot())
            beta.append(Double(betas[channel]) + scale * (mean - Double(means[channel])))
        }
        return (gamma, beta)
    }
}
