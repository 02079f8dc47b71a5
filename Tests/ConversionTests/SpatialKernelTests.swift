import Networks
import Tensors
import Testing

@testable import Conversion

@Suite("Kernels of 1-D and 3-D convolutions")
struct SpatialKernelTests {
    /// conv (2 → 4) – norm, the kernel with these extents or, in the same order, as rows and columns.
    private func block(_ spatial: [Int], _ layout: KernelLayout, isPlanar: Bool) throws -> Example {
        let planar = Extent(
            height: spatial.dropLast().reduce(1, *), width: try #require(spatial.last))
        let convolution = Convolution(
            kernel: "conv.weight", kernelLayout: layout, bias: nil, inputs: 2, outputs: 4,
            size: isPlanar ? planar : Extent(spatial), strides: Extent(1), dilation: Extent(1), groups: 1,
            padding: .same, dimensions: isPlanar ? 2 : spatial.count)
        var example = Example(channels: 2)
        example.size = nil
        let shape = try #require(convolution.kernelShape)
        example.parameter("conv.weight", shape, noise(shape.count))
        example.node("conv", .convolution(convolution))
        example.batchNorm(
            "bn", gamma: [1, 2, 3, 4], beta: [0, 1, 0, -1], mean: [1, 2, 3, 5], variance: [1, 4, 1, 2])
        return example
    }

    @Test(
        "are converted as the kernels of maps with the same order in memory",
        arguments: [[5], [3, 2, 4]], [KernelLayout.oihw, .hwio])
    func sameFilters(spatial: [Int], layout: KernelLayout) throws {
        let options = ConversionOptions(groups: .count(2), weightStandardization: .on)
        let (own, planar) = (
            try block(spatial, layout, isPlanar: false), try block(spatial, layout, isPlanar: true)
        )
        let plan = try planConversion(of: own.network, parameters: own.table, options: options)
        let expected = try planConversion(of: planar.network, parameters: planar.table, options: options)
        for name in ["conv.weight", "bn.weight", "bn.bias"] {
            let values = try #require(try plan.values(of: name, in: own.table))
            #expect(try values == expected.values(of: name, in: planar.table))
        }
        #expect(plan.report.standardized == ["conv"])
        let shape = try #require(own.table["conv.weight"]?.shape.extents)
        #expect(shape == (layout == .oihw ? [4, 2] + spatial : spatial + [2, 4]))
        // Every filter has mean 0 and variance 1.
        let weights = try #require(try plan.values(of: "conv.weight", in: own.table))
        for filter in 0..<4 {
            let count = weights.count / 4
            let own = (0..<count).map { weights[layout == .oihw ? filter * count + $0 : $0 * 4 + filter] }
            #expect(abs(own.reduce(0, +) / Float(count)) < 1e-6)
            #expect(abs(own.reduce(0) { $0 + $1 * $1 } / Float(count) - 1) < 1e-5)
        }
    }

    @Test(
        "whose kind a file does not tell keep their weights, and the reason is given",
        arguments: [Convolution.Doubt.mayBeGrouped, .mayBeTransposed])
    func doubt(doubt: Convolution.Doubt) throws {
        var example = try block([3, 3], .oihw, isPlanar: true)
        guard case .convolution(var convolution) = example.nodes[1].operation else { return }
        convolution.doubt = doubt
        example.nodes[1].operation = .convolution(convolution)
        let options = ConversionOptions(groups: .count(2), weightStandardization: .on)
        let plan = try planConversion(of: example.network, parameters: example.table, options: options)
        #expect(plan.edits["conv.weight"] == nil)
        #expect(plan.report.leftAlone == [.init(layer: "conv", reason: .doubtfulKernel(doubt))])
        #expect(plan.norms.count == 1)
    }
}
