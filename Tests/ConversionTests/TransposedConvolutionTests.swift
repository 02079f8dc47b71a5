import Networks
import Tensors
import Testing

@testable import Conversion

@Suite("Transposed convolutions in a conversion")
struct TransposedConvolutionTests {
    /// norm – transposed convolution (2 → 3, 2×2, stride 2) – norm.
    private func example() -> Example {
        var example = Example(channels: 2)
        example.family = .keras
        example.batchNorm("first", gamma: [1, 2], beta: [0.5, -1], mean: [0, 0], variance: [1, 1])
        example.parameter("up/kernel", [2, 2, 3, 2], (0..<24).map { Float($0) / 8 - 1 })
        example.parameter("up/bias", [3], [1, 2, 3])
        let convolution = TransposedConvolution(
            kernel: "up/kernel", bias: "up/bias", inputs: 2, outputs: 3, size: Extent(2), strides: Extent(2),
            isSame: true)
        example.node("up", .transposedConvolution(convolution))
        example.batchNorm(
            "second", gamma: [1, 1, 1], beta: [0, 0, 0], mean: [1, 2, 3], variance: [4, 5, 6])
        return example
    }

    @Test("the norm behind one is converted, its weights stay and the report says why")
    func weightsStay() throws {
        let example = example()
        let plan = try planConversion(
            of: example.network, parameters: example.table, options: ConversionOptions())
        #expect(plan.norms.map(\.layer) == ["first", "second"])
        #expect(plan.report.leftAlone == [ConversionReport.LeftAlone(layer: "up", reason: .transposed)])
        #expect(!plan.edits.names.contains { $0.hasPrefix("up/") })
        #expect(
            ConversionReport.Reason.transposed.description == "it is a transposed convolution")
    }

    @Test("its moments are those of one tap in four, on average over the four places")
    func moments() throws {
        let example = example()
        var planner = try Planner(example.network, example.table, ConversionOptions(), nil)
        for index in 0...2 { try planner.visit(index) }
        let moments = try #require(planner.moments[2])
        let (mean, variance) = ([0.5, -1.0], [1.0, 4.0])
        for output in 0..<3 {
            var (expectedMean, expectedVariance) = (Double(output + 1), 0.0)
            for tap in 0..<4 {
                for input in 0..<2 {
                    let weight = Double((tap * 3 + output) * 2 + input) / 8 - 1
                    expectedMean += weight * mean[input] / 4
                    expectedVariance += weight * weight * variance[input] / 4
                }
            }
            #expect(abs(moments.mean[output] - expectedMean) < 1e-12)
            #expect(abs(moments.variance[output] - expectedVariance) < 1e-12)
        }
    }

    @Test("a kernel of another shape is an error that names it")
    func shape() {
        var example = example()
        example.parameters.removeAll { $0.name == "up/kernel" }
        example.parameter("up/kernel", [2, 2, 2, 3], [Float](repeating: 1, count: 24))
        let expected = ConversionError.wrongShape(
            parameter: "up/kernel", layer: "up", found: [2, 2, 2, 3], expected: [2, 2, 3, 2])
        #expect(throws: expected) {
            try planConversion(of: example.network, parameters: example.table, options: ConversionOptions())
        }
    }
}
