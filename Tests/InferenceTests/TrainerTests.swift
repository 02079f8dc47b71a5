import Networks
import Synchronization
import Tensors
import Testing

@testable import Training
@testable import Inference

/// The gradient of Σ cᵢ·yᵢ with fixed random c, against differences of the reference engine over steps of 1/512 to
/// either side: within 2e-3 of the largest component, which is what rounding to Float32 leaves. Where a ReLU or a
/// maximum switches within a step the two sides differ, and the gradient must lie between them; that must be rare.
@Suite("The trainer's gradients are those of the reference engine's function")
struct TrainerTests {
    private func expectGradient(
        _ shape: Shape = [6, 5, 4], standardizes: Bool = false, taps: [Int]? = nil,
        sourceLocation: SourceLocation = #_sourceLocation, _ build: (inout Graph) -> Void
    ) throws {
        var graph = Graph(shape, seed: 3)
        build(&graph)
        try GradientCase(graph, standardizes: standardizes, taps: taps).expectGradient(sourceLocation)
    }

    @Test("Convolutions of all layouts, strides and groups", arguments: [KernelLayout.hwio, .oihw], [1, 2])
    func convolution(layout: KernelLayout, strides: Int) throws {
        for groups in [1, 2] {
            try expectGradient {
                let first = $0.convolution(0, 4, 6, groups: groups, layout: layout, bias: true)
                $0.convolution(first, 6, 4, strides: strides, groups: groups, layout: layout)
            }
        }
    }

    @Test("One-tap convolutions that skip positions, and depthwise ones")
    func shortcuts() throws {
        try expectGradient {
            let first = $0.convolution(0, 4, 6)
            $0.convolution(first, 6, 4, size: Extent(1), strides: 2)
        }
        try expectGradient {
            let first = $0.convolution(0, 4, 4)
            $0.convolution(first, 4, 8, groups: 4, layout: .hwim, bias: true)
        }
    }

    @Test("Standardized kernels are differentiated through", arguments: [KernelLayout.hwio, .oihw])
    func standardization(layout: KernelLayout) throws {
        try expectGradient(standardizes: true) {
            let first = $0.convolution(0, 4, 6, layout: layout)
            $0.convolution($0.groupNorm(first, 6, groups: 3), 6, 4, layout: layout)
        }
    }

    @Test("Group norms, with and without ReLUs behind them", arguments: [1, 2, 6])
    func groupNorm(groups: Int) throws {
        try expectGradient {
            let norm = $0.groupNorm($0.convolution(0, 4, 6), 6, groups: groups)
            $0.convolution($0.add(.activation(.relu), norm), 6, 3)
        }
        try expectGradient {
            $0.groupNorm($0.groupNorm($0.convolution(0, 4, 6), 6, groups: groups), 6, groups: 2)
        }
    }

    @Test(
        "Activations",
        arguments: [
            Activation.relu, .clippedReLU(limit: 0.5), .leakyReLU(slope: 0.2), .sigmoid, .tanh, .swish,
        ])
    func activation(_ activation: Activation) throws {
        try expectGradient {
            let active = $0.add(.activation(activation), $0.convolution(0, 4, 6))
            $0.convolution(active, 6, 3)
        }
    }

    @Test("Other functions", arguments: EngineAgreementTests.functions)
    func function(_ activation: Activation) throws {
        try expectGradient {
            let active = $0.add(.activation(activation), $0.convolution(0, 4, 6))
            $0.convolution(active, 6, 3)
        }
    }

    @Test("PReLUs, whose slopes stay", arguments: [[1, 1, 6], [1, 1, 1]])
    func prelu(shape: [Int]) throws {
        try expectGradient {
            let slopes = $0.randomParameter(Shape(shape))
            let active = $0.add(.prelu(PReLU(slopes: slopes, shape: shape)), $0.convolution(0, 4, 6))
            $0.convolution(active, 6, 3)
        }
    }

    @Test("Parts of maps, other sizes and orders", arguments: EngineAgreementTests.maps)
    func map(_ operation: Networks.Operation) throws {
        try expectGradient { $0.add(operation, $0.convolution(0, 4, 6)) }
    }

    @Test(
        "Transposed convolutions, whose weights stay", arguments: EngineAgreementTests.transposedConvolutions)
    func transposed(_ convolution: TransposedConvolution) throws {
        try expectGradient {
            $0.transposedConvolution(convolution, $0.convolution(0, 4, 6))
        }
    }

    @Test("Choices of channels")
    func channels() throws {
        try expectGradient {
            $0.add(.selectChannels([5, 0, 3], keepsDimension: true), $0.convolution(0, 4, 6))
        }
        try expectGradient {
            let map = $0.convolution(0, 4, 6)
            let first = $0.add(.selectChannels([4], keepsDimension: false), map)
            $0.add(.stack, first, $0.add(.selectChannels([1], keepsDimension: false), map))
        }
    }

    @Test("Merges", arguments: [Merge.subtract, .average, .maximum, .minimum])
    func merge(_ merge: Merge) throws {
        try expectGradient {
            let first = $0.convolution(0, 4, 6)
            let merged = $0.add(.merge(merge), first, $0.convolution(first, 6, 1))
            $0.convolution(merged, 6, 3)
        }
    }

    @Test("Pools", arguments: [Pool.Kind.maximum, .average], [Padding.same, .margins(Margins(1))])
    func pool(kind: Pool.Kind, padding: Padding) throws {
        try expectGradient {
            let pool = Pool(
                kind: kind, size: Extent(3), strides: Extent(2), padding: padding)
            $0.add(.pool(pool), $0.convolution(0, 4, 6))
        }
        try expectGradient {
            let pooled = $0.add(.globalPool(kind, keepsDimensions: false), $0.convolution(0, 4, 6))
            $0.dense(pooled, 6, 3)
        }
    }

    @Test("Residual blocks whose shortcut is read twice, padded or convolved")
    func residual() throws {
        try expectGradient {
            let stem = $0.add(.activation(.relu), $0.groupNorm($0.convolution(0, 4, 6), 6, groups: 2))
            let branch = $0.groupNorm($0.convolution(stem, 6, 6), 6, groups: 3)
            $0.add(.activation(.relu), $0.add(.add, branch, stem))
        }
        try expectGradient {
            let stem = $0.convolution(0, 4, 6)
            let wide = $0.add(.padChannels(before: 1, after: 2), stem)
            $0.add(.add, $0.convolution(stem, 6, 9), wide, $0.convolution(stem, 6, 9, size: Extent(1)))
        }
        try expectGradient {
            let conv = $0.convolution(0, 4, 6); $0.add(.add, conv, conv)
        }
    }

    @Test("Shapes, sums and products that are broadcast, scales")
    func shapes() throws {
        try expectGradient {
            let conv = $0.convolution(0, 4, 6)
            let padded = $0.add(.zeroPad(Margins(top: 1, bottom: 0, left: 2, right: 1)), conv)
            $0.dense($0.add(.flatten, padded), 6 * 7 * 8, 3)
        }
        try expectGradient {
            let conv = $0.convolution(0, 4, 6)
            let pooled = $0.add(.globalPool(.average, keepsDimensions: true), conv)
            $0.add(.multiply, conv, $0.add(.activation(.sigmoid), $0.convolution(pooled, 6, 6)))
        }
        try expectGradient {
            let conv = $0.convolution(0, 4, 6)
            $0.add(.concatenate, conv, $0.add(.scaleShift(scale: [2], offset: [1]), conv), 0)
        }
        try expectGradient { $0.convolution($0.batchNorm($0.convolution(0, 4, 6), 6), 6, 3) }
    }

    @Test("Several taps, also in the middle and read by others")
    func taps() throws {
        try expectGradient(taps: [3, 2, 6]) {
            let stem = $0.groupNorm($0.convolution(0, 4, 6), 6, groups: 2)
            let active = $0.add(.activation(.relu), stem)
            let branch = $0.convolution(active, 6, 6)
            $0.add(.activation(.relu), $0.add(.add, branch, active))
        }
    }

    @Test("A kernel that two layers share gets both their gradients")
    func sharedKernel() throws {
        try expectGradient {
            let first = $0.convolution(0, 4, 4)
            guard case .convolution(let convolution) = $0.nodes[first].operation else { return }
            $0.add(.convolution(convolution), first)
        }
    }

    @Test("The gradient is the same to the bit for any number of workers")
    func workers() throws {
        var graph = Graph([6, 5, 4])
        let norm = graph.groupNorm(graph.convolution(0, 4, 6), 6, groups: 2)
        graph.convolution(graph.add(.activation(.relu), norm), 6, 3)
        let example = GradientCase(graph, standardizes: true, taps: nil)
        let expected = try example.gradient(workers: 1)
        for workers in [2, 7] { #expect(try example.gradient(workers: workers) == expected) }
    }

    @Test(
        "Little memory takes a micro-batch in several turns: the gradient is the same but for rounding",
        arguments: [12, 16])
    func turns(batch: Int) throws {
        var graph = Graph([6, 5, 4], seed: 3)
        let first = graph.add(.activation(.relu), graph.convolution(0, 4, 6))
        graph.convolution(first, 6, 4)
        let example = GradientCase(graph, standardizes: true, taps: nil, batch: batch)
        let expected = try example.gradient()
        let found = try example.gradient(workerBytes: 1)
        let largest = expected.map(abs).max() ?? 0
        try #require(largest > 0)
        #expect(zip(found, expected).allSatisfy { abs($0 - $1) <= 1e-5 * largest })
        for workers in [1, 7] {
            #expect(try example.gradient(workers: workers, workerBytes: 1) == found)
        }
    }

    @Test("Layers that training does not know are refused by name")
    func refusal() throws {
        var graph = Graph([6, 5, 4])
        graph.add(.activation(.softmax), graph.convolution(0, 4, 6))
        #expect(throws: InferenceError.cannotTrain(layer: "node2")) {
            try GradientCase(graph, standardizes: false, taps: nil).gradient()
        }
    }

    @Test("Adam's first step is its rate against the gradient's sign, and follows the formula after that")
    func adam() throws {
        var graph = Graph([4, 4, 2])
        graph.convolution(0, 2, 1, size: Extent(1))
        let layout = ParameterLayout(graph.network, standardized: [], epsilon: 0)
        var (adam, values) = (Adam(count: 2), [Float(1), 2])
        adam.step(&values, gradient: [0.5, -3], layout: layout) { _ in 0.1 }
        #expect(abs(values[0] - 0.9) < 1e-6 && abs(values[1] - 2.1) < 1e-6)
        adam.step(&values, gradient: [0.25, 0], layout: layout) { _ in 0.1 }
        // m = 0.9·0.05 + 0.1·0.25, v = 0.999·0.00025 + 0.001·0.0625, corrected by 1 − 0.9² and 1 − 0.999².
        let (m, v) = (0.07 / 0.19, 0.00031225 / (1 - 0.999 * 0.999))
        #expect(abs(Double(values[0]) - (0.9 - 0.1 * m / v.squareRoot())) < 1e-6)
    }
}
