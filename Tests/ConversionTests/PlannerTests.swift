import Networks
import Tensors
import Testing

@testable import Conversion

@Suite("Planning a conversion")
struct PlannerTests {
    /// conv (4 → 4) – norm – ReLU, in torch's names.
    private func block(bias: [Float]? = nil, gamma: [Float]? = [1, 2, 3, 4], beta: [Float]? = [0, 1, 0, -1])
        -> Example
    {
        var example = Example(channels: 4)
        example.convolution("conv", 4, 4, noise(4 * 4 * 9), bias: bias)
        example.batchNorm("bn", gamma: gamma, beta: beta, mean: [1, 2, 3, 5], variance: [1, 4, 1, 2])
        example.node("relu", .activation(.relu))
        return example
    }

    @Test("a norm becomes a group norm of the same layer, and its statistics are dropped")
    func norm() throws {
        let example = block()
        let plan = try planConversion(
            of: example.network, parameters: example.table, options: plainOptions())
        let expected = GroupNorm(
            gamma: "bn.weight", beta: "bn.bias", groups: 2, epsilon: 1e-5, channels: 4)
        #expect(plan.network.nodes[2].operation == .groupNorm(expected))
        #expect(
            plan.norms == [
                ConvertedNorm(
                    layer: "bn", module: "bn", channels: 4, groups: 2, epsilon: 1e-5, addsGamma: false,
                    addsBeta: false)
            ])
        #expect(plan.report.dropped == ["bn.running_mean", "bn.running_var"])
        #expect(plan.edits.names == ["bn.weight", "bn.bias", "bn.running_mean", "bn.running_var"])
        // First group: m = 1.5, v = 2.5 + 0.25.
        let gamma = try #require(try plan.values(of: "bn.weight", in: example.table))
        let beta = try #require(try plan.values(of: "bn.bias", in: example.table))
        #expect(abs(gamma[1] - 2 * Float(2.75 / 4).squareRoot()) < 1e-4)
        #expect(abs(beta[1] - (1 + 2 * (1.5 - 2) / 2)) < 1e-4)
    }

    @Test("a bias gives every channel mean 0 before the norm, so that β stays", arguments: [true, false])
    func bias(exists: Bool) throws {
        let example = block(bias: exists ? [0.5, 0, -1, 2] : nil)
        var options = plainOptions()
        options.addsBias = !exists
        let plan = try planConversion(of: example.network, parameters: example.table, options: options)
        let expected: [Float] = exists ? [-0.5, -2, -4, -3] : [-1, -2, -3, -5]
        #expect(try plan.values(of: "conv.bias", in: example.table) == expected)
        #expect(try plan.values(of: "bn.bias", in: example.table) == [0, 1, 0, -1])
        #expect(plan.biasedConvolutions == (exists ? [] : ["conv"]))
        guard case .convolution(let convolution) = plan.network.nodes[1].operation else {
            Issue.record("the convolution is gone")
            return
        }
        #expect(convolution.bias == "conv.bias")
        if !exists, case .insert(_, let place, let neighbour)? = plan.edits["conv.bias"] {
            #expect(place == .after && neighbour == "conv.weight")
        }
    }

    @Test("a missing γ or β is added where it is no longer 1 or 0, in Keras' order")
    func added() throws {
        var example = block(gamma: nil, beta: nil)
        example.family = .torch
        let plan = try planConversion(
            of: example.network, parameters: example.table, options: plainOptions())
        #expect(plan.norms[0].addsGamma && plan.norms[0].addsBeta)
        #expect(Array(plan.edits.names.prefix(2)) == ["bn.weight", "bn.bias"])
        for name in ["bn.weight", "bn.bias"] {
            guard case .insert(_, let place, let neighbour)? = plan.edits[name] else {
                Issue.record("\(name) is not inserted")
                continue
            }
            #expect(place == .before && neighbour == "bn.running_mean")
        }
    }

    @Test("a missing γ stands before β, a missing β after γ")
    func neighbours() throws {
        let withoutGamma = block(gamma: nil)
        let first = try planConversion(
            of: withoutGamma.network, parameters: withoutGamma.table, options: plainOptions())
        if case .insert(_, let place, let neighbour)? = first.edits["bn.weight"] {
            #expect(place == .before && neighbour == "bn.bias")
        } else {
            Issue.record("gamma is not inserted")
        }
        let withoutBeta = block(beta: nil)
        let second = try planConversion(
            of: withoutBeta.network, parameters: withoutBeta.table, options: plainOptions())
        if case .insert(_, let place, let neighbour)? = second.edits["bn.bias"] {
            #expect(place == .after && neighbour == "bn.weight")
        } else {
            Issue.record("beta is not inserted")
        }
    }

    @Test("copying leaves γ, β and biases alone, and does not add a missing γ")
    func copy() throws {
        let example = block(bias: [1, 2, 3, 4], gamma: nil)
        var options = plainOptions()
        options.initialization = .copy
        options.weightStandardization = .on
        let plan = try planConversion(of: example.network, parameters: example.table, options: options)
        #expect(try plan.values(of: "bn.bias", in: example.table) == [0, 1, 0, -1])
        #expect(plan.edits["conv.bias"] == nil && plan.edits["bn.weight"] == nil)
        #expect(plan.report.standardized == ["conv"])
        #expect(plan.report.warnings.contains(.copied))
    }

    @Test("a norm that follows no convolution converts by its statistics alone")
    func normAfterActivation() throws {
        var example = Example(channels: 2)
        example.node("relu", .activation(.relu))
        example.batchNorm("bn", gamma: [1, 1], beta: [0, 0], mean: [1, 3], variance: [1, 1])
        let plan = try planConversion(
            of: example.network, parameters: example.table, options: ConversionOptions())
        // m = 2, v = 2
        let gamma = try #require(try plan.values(of: "bn.weight", in: example.table))
        #expect(abs(gamma[0] - Float(2).squareRoot()) < 1e-4)
        #expect(plan.report.standardized.isEmpty && plan.report.leftAlone.isEmpty)
    }

    @Test("a constant input is normalized as before, standardized or not")
    func constantInput() throws {
        // The second convolution sees ReLU(β) exactly, because γ is 0: its mean is known without error.
        var example = Example(channels: 4)
        example.convolution("conv1", 4, 4, noise(4 * 4 * 9))
        example.batchNorm(
            "bn1", gamma: [0, 0, 0, 0], beta: [1, 2, -3, 0.5], mean: [0, 0, 0, 0], variance: [1, 1, 1, 1])
        example.node("relu", .activation(.relu))
        let weights = noise(4 * 4, seed: 7)
        let old = (0..<4).map { output in
            zip([1, 2, 0, 0.5], weights[output * 4..<output * 4 + 4]).reduce(0) { $0 + $1.0 * Double($1.1) }
        }
        example.convolution("conv2", 4, 4, weights, size: 1)
        example.batchNorm(
            "bn2", gamma: [1, 1, 1, 1], beta: [0, 0, 0, 0], mean: old.map { Float($0) },
            variance: [1, 1, 1, 1])
        var options = plainOptions()
        options.weightStandardization = .on
        options.addsBias = true
        let plan = try planConversion(of: example.network, parameters: example.table, options: options)
        let kernel = try #require(try plan.values(of: "conv2.weight", in: example.table))
        let bias = try #require(try plan.values(of: "conv2.bias", in: example.table))
        for output in 0..<4 {
            let value = zip([1, 2, 0, 0.5], kernel[output * 4..<output * 4 + 4]).reduce(Double(bias[output]))
            {
                $0 + $1.0 * Double($1.1)
            }
            #expect(abs(value) < 1e-5)
        }
    }

    @Test("a convolution that feeds an addition is left alone with its reason, unless all are asked for")
    func exemption() throws {
        var example = block()
        let shortcut = example.convolution("shortcut", 4, 4, noise(16), size: 1, from: 0)
        example.node("add", .add, [3, shortcut])
        var options = plainOptions()
        options.weightStandardization = .on
        let plan = try planConversion(of: example.network, parameters: example.table, options: options)
        #expect(plan.report.standardized == ["conv"])
        #expect(
            plan.report.leftAlone == [
                .init(layer: "shortcut", reason: .exempt(.feedsAdd(layer: "add")))
            ])
        #expect(plan.edits["shortcut.weight"] == nil)
        options.weightStandardization = .all
        let all = try planConversion(of: example.network, parameters: example.table, options: options)
        #expect(all.report.standardized == ["conv", "shortcut"])
        #expect(all.report.warnings.contains(.standardizedWithoutNorm(layers: ["shortcut"])))
    }

    @Test("filters of one weight are left alone")
    func singleWeights() throws {
        var example = Example(channels: 4)
        example.convolution("conv", 4, 4, [1, 2, 3, 4], groups: 4, size: 1)
        example.batchNorm("bn", gamma: nil, beta: nil, mean: [0, 0, 0, 0], variance: [1, 1, 1, 1])
        let plan = try planConversion(
            of: example.network, parameters: example.table, options: ConversionOptions())
        #expect(plan.report.leftAlone == [.init(layer: "conv", reason: .singleWeightFilters)])
    }

    @Test("automatic standardization leaves alone what reads the image, behind layers without parameters too")
    func readsImage() throws {
        var example = Example(channels: 3)
        example.node("pad", .zeroPad(Margins(1)))
        example.convolution("stem", 3, 2, [1, 2, 3, 4, 5, 7], size: 1)
        example.batchNorm("bn1", gamma: nil, beta: nil, mean: [0, 0], variance: [1, 1])
        example.convolution("conv", 2, 2, [1, 2, 3, 5], size: 1)
        example.batchNorm("bn2", gamma: nil, beta: nil, mean: [0, 0], variance: [1, 1])
        var options = ConversionOptions()
        options.weightStandardization = .automatic
        let plan = try planConversion(of: example.network, parameters: example.table, options: options)
        #expect(plan.report.standardized == ["conv"])
        #expect(plan.edits["stem.weight"] == nil)
    }

    @Test("a converted network has nothing left to convert")
    func alreadyConverted() throws {
        let example = block()
        let first = try planConversion(
            of: example.network, parameters: example.table, options: plainOptions())
        let second = try planConversion(
            of: first.network, parameters: example.table, options: ConversionOptions())
        #expect(second.network == first.network)
        #expect(second.edits.names.isEmpty && second.norms.isEmpty)
        #expect(second.report.warnings == [.nothingToConvert])
        #expect(
            second.report.leftAlone == [.init(layer: "conv", reason: .beforeGroupNorm(layer: "bn"))])
    }

    @Test("norms are counted by width, and narrow groups are warned of")
    func report() throws {
        let example = block()
        var options = plainOptions()
        options.weightStandardization = .on
        let plan = try planConversion(of: example.network, parameters: example.table, options: options)
        #expect(plan.report.stages == [.init(channels: 4, groups: 2, norms: 1, standardized: 1)])
        #expect(
            plan.report.warnings == [
                .standardizedWithoutData(convolutions: 1, canCalibrate: true),
                .narrowGroups(layers: ["bn"], channelsPerGroup: 2, canCalibrate: true),
            ])
    }

    @Test("warnings for volumes do not advise calibration, which takes none")
    func volumes() throws {
        let example = block()
        var network = example.network
        // Of any size, so that the shapes of an image's layers do not matter.
        (network.input.height, network.input.dimensions) = (nil, 3)
        var options = plainOptions()
        options.weightStandardization = .on
        let plan = try planConversion(of: network, parameters: example.table, options: options)
        #expect(
            plan.report.warnings == [
                .standardizedWithoutData(convolutions: 1, canCalibrate: false),
                .narrowGroups(layers: ["bn"], channelsPerGroup: 2, canCalibrate: false),
            ])
    }

    @Test("a layer that is called twice is converted once, and its convolutions keep their weights")
    func sharedNorm() throws {
        var example = Example(channels: 4)
        example.convolution("conv1", 4, 4, noise(16), size: 1)
        let norm = example.batchNorm(
            "bn", gamma: [1, 1, 1, 1], beta: [0, 0, 0, 0], mean: [1, 2, 3, 4], variance: [1, 1, 1, 1])
        example.convolution("conv2", 4, 4, noise(16, seed: 3), size: 1)
        example.node("bn", example.nodes[norm].operation)
        let plan = try planConversion(
            of: example.network, parameters: example.table, options: ConversionOptions(groups: .count(2)))
        #expect(plan.norms.count == 1)
        #expect(plan.report.standardized.isEmpty && plan.report.leftAlone.count == 2)
        #expect(plan.network.nodes[2].operation == plan.network.nodes[4].operation)
    }
}
