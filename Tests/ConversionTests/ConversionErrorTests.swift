import Networks
import Tensors
import Testing

@testable import Conversion

@Suite("What a conversion refuses")
struct ConversionErrorTests {
    private func example(
        weights: [Float] = noise(16), mean: [Float] = [0, 0, 0, 0], variance: [Float] = [1, 1, 1, 1],
        gamma: [Float] = [1, 1, 1, 1], epsilon: Double = 1e-5
    ) -> Example {
        var example = Example(channels: 4)
        example.convolution("conv", 4, 4, weights, size: 1)
        example.batchNorm(
            "bn", gamma: gamma, beta: [0, 0, 0, 0], mean: mean, variance: variance, epsilon: epsilon)
        return example
    }

    /// The error of converting an example.
    private func error(
        _ example: Example, _ options: ConversionOptions = plainOptions(), table: ParameterTable? = nil,
        size: Extent? = nil
    ) -> ConversionError? {
        #expect(throws: ConversionError.self) {
            try planConversion(
                of: example.network, parameters: table ?? example.table, options: options, inputSize: size)
        }
    }

    @Test("a missing parameter is named with its layer")
    func missing() {
        let example = example()
        let table = ParameterTable(example.parameters.filter { $0.name != "bn.running_mean" })
        #expect(error(example, table: table) == .missingParameter(name: "bn.running_mean", layer: "bn"))
    }

    @Test("a wrong shape is told with the expected one")
    func shape() {
        let example = example()
        var parameters = example.parameters.filter { $0.name != "bn.weight" }
        parameters.append(
            Parameter(name: "bn.weight", shape: [5], elementType: .float32) {
                Tensor(shape: [5], repeating: 1)
            })
        #expect(
            error(example, table: ParameterTable(parameters))
                == .wrongShape(parameter: "bn.weight", layer: "bn", found: [5], expected: [4]))
    }

    @Test(
        "a value that is not finite is told by its index, standardized or not",
        arguments: [ConversionOptions.WeightStandardization.on, .off])
    func notFinite(standardization: ConversionOptions.WeightStandardization) {
        var weights = noise(16)
        (weights[9], weights[12]) = (-.infinity, .nan)
        var options = plainOptions()
        options.weightStandardization = standardization
        #expect(
            error(example(weights: weights), options)
                == .notFinite(parameter: "conv.weight", index: 9, value: -.infinity))
    }

    @Test("a NaN in the statistics or the affine is refused")
    func notANumber() {
        let inMean = error(example(mean: [0, 0, .nan, 0]))
        let inGamma = error(example(gamma: [0, .nan, 0, 0]))
        #expect(inMean?.description.contains("'bn.running_mean': value 2 is nan") == true)
        #expect(inGamma?.description.contains("'bn.weight': value 1 is nan") == true)
    }

    @Test(
        "options that contradict each other are refused by name",
        arguments: [
            ("addsBias", ConversionOptions(initialization: .copy, addsBias: true)),
            (
                "standardizationEpsilon",
                ConversionOptions(weightStandardization: .layers, standardizationEpsilon: .paper)
            ),
            ("epsilon", ConversionOptions(epsilon: .infinity)),
        ])
    func contradictions(name: String, options: ConversionOptions) {
        guard case .invalidOption(name, _, _)? = error(example(), options) else {
            Issue.record("\(String(describing: error(example(), options)))")
            return
        }
    }

    @Test("a negative variance is refused")
    func negativeVariance() {
        #expect(
            error(example(variance: [1, 1, 1, -0.5]))
                == .negativeVariance(parameter: "bn.running_var", index: 3, value: -0.5))
    }

    @Test("a variance of zero without an epsilon is refused")
    func zeroVariance() {
        #expect(
            error(example(variance: [1, 0, 1, 1], epsilon: 0))
                == .zeroVariance(parameter: "bn.running_var", index: 1))
    }

    @Test("a new value beyond Float32 is refused")
    func overflow() {
        let example = example(variance: [1e-30, 1e38, 1, 1], gamma: [3e38, 1, 1, 1], epsilon: 0)
        guard case .overflow("bn.weight", index: 0, value: _)? = error(example) else {
            Issue.record("no overflow")
            return
        }
    }

    @Test("groups that do not divide are refused by the norm's name")
    func groups() {
        #expect(
            error(example(), plainOptions(.count(3)))
                == .groupsDoNotDivide(layer: "bn", channels: 4, groups: 3))
        #expect(
            error(example(), plainOptions(.perGroup(3)))
                == .groupSizeDoesNotDivide(layer: "bn", channels: 4, size: 3))
    }

    @Test("one channel a group on a map of one position is refused, with two positions it is not")
    func singleElement() throws {
        var example = example()
        example.size = nil
        let options = ConversionOptions(target: .instanceNorm, weightStandardization: .off)
        #expect(
            error(example, options, size: Extent(1))
                == .singleElementGroup(layer: "bn", groups: 4, input: [1, 1, 4]))
        let plan = try planConversion(
            of: example.network, parameters: example.table, options: options,
            inputSize: Extent(height: 1, width: 2))
        #expect(plan.norms.count == 1)
    }

    @Test("at unknown extents one channel a group is warned of")
    func singleElementUnknown() throws {
        var example = example()
        example.size = nil
        let plan = try planConversion(
            of: example.network, parameters: example.table,
            options: ConversionOptions(target: .instanceNorm, weightStandardization: .off))
        #expect(plan.report.warnings.contains(.singleChannelGroups(layers: ["bn"])))
    }

    @Test("an epsilon that is not a positive number is refused", arguments: [0, -1, .nan, .infinity])
    func epsilon(value: Double) {
        var options = plainOptions()
        options.epsilon = value
        #expect(
            error(example(), options)
                == .invalidOption(name: "epsilon", found: "\(value)", expected: "a positive number"))
    }

    @Test("a norm of other channels than the convolution before it is refused")
    func inconsistentNorm() {
        var example = Example(channels: 4)
        example.size = nil
        example.convolution("conv", 4, 4, noise(16), size: 1)
        example.batchNorm("bn", gamma: nil, beta: nil, mean: [0, 0], variance: [1, 1])
        #expect(
            error(example)
                == .inconsistentLayer(
                    layer: "bn", found: "a norm of 2 channels",
                    expected: "the 4 of the convolution before it"))
    }
}
