import Inference
import Networks
import Tensors
import Testing

/// Operations against values that are worked out by hand.
@Suite("The reference engine computes the definitions")
struct ReferenceEngineTests {
    /// The output of one operation on one image.
    private func apply(
        _ operation: Networks.Operation, _ shape: Shape, _ image: [Float], parameters: [Tensor] = []
    ) throws -> Tensor {
        var graph = Graph(shape)
        for parameter in parameters { _ = graph.parameter(parameter) }
        graph.add(operation, 0)
        return try graph.output(image)
    }

    private func convolution(
        _ inputs: Int, _ outputs: Int, size: Extent, strides: Int = 1, dilation: Int = 1, groups: Int = 1,
        layout: KernelLayout = .hwio, padding: Padding = .valid, bias: String? = nil
    ) -> Networks.Operation {
        .convolution(
            Convolution(
                kernel: "p0", kernelLayout: layout, bias: bias, inputs: inputs, outputs: outputs, size: size,
                strides: Extent(strides), dilation: Extent(dilation), groups: groups, padding: padding))
    }

    @Test("A convolution does not flip its kernel")
    func crossCorrelation() throws {
        let kernel = Tensor(shape: [3, 3, 1, 1], values: [1, 2, 3, 4, 5, 6, 7, 8, 9])
        let impulse: [Float] = [0, 0, 0, 0, 1, 0, 0, 0, 0]
        let y = try apply(
            convolution(1, 1, size: Extent(3), padding: .same), [3, 3, 1], impulse, parameters: [kernel])
        #expect(y.values == [9, 8, 7, 6, 5, 4, 3, 2, 1])
    }

    @Test("Strided same padding puts its odd row and column at the bottom and right")
    func samePadding() throws {
        let kernel = Tensor(shape: [3, 3, 1, 1], repeating: 1)
        let y = try apply(
            convolution(1, 1, size: Extent(3), strides: 2, padding: .same), [4, 4, 1],
            [Float](repeating: 1, count: 16), parameters: [kernel])
        #expect(y == Tensor(shape: [2, 2, 1], values: [9, 6, 6, 4]))
    }

    @Test("A dilated kernel's taps lie apart")
    func dilation() throws {
        let kernel = Tensor(shape: [2, 2, 1, 1], values: [1, 10, 100, 1000])
        let y = try apply(
            convolution(1, 1, size: Extent(2), dilation: 2), [3, 3, 1], [1, 0, 2, 0, 0, 0, 3, 0, 4],
            parameters: [kernel])
        #expect(y.values == [4321])
    }

    @Test("Groups see only their own channels, in every kernel layout")
    func groups() throws {
        let hwio = Tensor(shape: [1, 1, 2, 2], values: [1, 5, 2, 6])
        let oihw = Tensor(shape: [2, 2, 1, 1], values: [1, 2, 5, 6])
        for (layout, kernel) in [(KernelLayout.hwio, hwio), (.oihw, oihw)] {
            let y = try apply(
                convolution(4, 2, size: Extent(1), groups: 2, layout: layout, bias: "p1"), [1, 1, 4],
                [1, 10, 100, 1000], parameters: [kernel, Tensor([0.5, -0.5])])
            #expect(y.values == [21.5, 6499.5])
        }
    }

    @Test("A depthwise kernel's multiplier varies fastest")
    func depthwise() throws {
        let y = try apply(
            convolution(2, 4, size: Extent(1), groups: 2, layout: .hwim), [1, 1, 2], [2, 3],
            parameters: [Tensor(shape: [1, 1, 2, 2], values: [1, 2, 3, 4])])
        #expect(y.values == [2, 4, 9, 12])
    }

    @Test("A dense layer works on the innermost dimension, in either kernel order")
    func dense() throws {
        let kernels = [
            Tensor(shape: [2, 3], values: [1, 2, 3, 4, 5, 6]),
            Tensor(shape: [3, 2], values: [1, 4, 2, 5, 3, 6]),
        ]
        for (transposed, kernel) in zip([false, true], kernels) {
            let dense = Dense(
                kernel: "p0", kernelIsTransposed: transposed, bias: "p1", inputs: 2, outputs: 3)
            let y = try apply(
                .dense(dense), [1, 2, 2], [1, 10, 0, 1], parameters: [kernel, Tensor([0.5, 0, 0])])
            #expect(y == Tensor(shape: [1, 2, 3], values: [41.5, 52, 63, 4.5, 5, 6]))
        }
    }

    @Test("Batch norm is γ(x − μ) / √(σ² + ε) + β")
    func batchNorm() throws {
        let norm = BatchNorm(
            gamma: "p0", beta: "p1", mean: "p2", variance: "p3", epsilon: 0.25, channels: 2)
        let y = try apply(
            .batchNorm(norm), [1, 2, 2], [1, 2, 3, 4],
            parameters: [Tensor([2, 3]), Tensor([10, 20]), Tensor([1, 0]), Tensor([0.75, 3.75])])
        #expect(y.values == [10, 23, 14, 26])
    }

    @Test("Group norm has statistics for each group of consecutive channels")
    func groupNorm() throws {
        let norm = GroupNorm(gamma: "p0", beta: "p1", groups: 2, epsilon: 0, channels: 4)
        let y = try apply(
            .groupNorm(norm), [1, 2, 4], [1, 3, 10, 30, 3, 1, 30, 10],
            parameters: [Tensor([1, 2, 3, 4]), Tensor([0, 0, 0, 0.5])])
        #expect(y.values == [-1, 2, -3, 4.5, 1, -2, 3, -3.5])
    }

    @Test("Layer norm has statistics for each position")
    func layerNorm() throws {
        let norm = LayerNorm(gamma: "p0", beta: nil, epsilon: 3, channels: 2)
        let y = try apply(.layerNorm(norm), [1, 2, 2], [1, 3, -7, -5], parameters: [Tensor([2, 4])])
        #expect(y.values == [-1, 2, -1, 2])
    }

    @Test(
        "Activations at −2, 0, 1 and 8",
        arguments: [
            (Activation.relu, [0, 0, 1, 8]),
            (.clippedReLU(limit: 6), [0, 0, 1, 6]),
            (.leakyReLU(slope: 0.25), [-0.5, 0, 1, 8]),
            // numpy 2, float64
            (.sigmoid, [0.11920292202211755, 0.5, 0.7310585786300049, 0.9996646498695336]),
            (.tanh, [-0.9640275800758169, 0, 0.7615941559557649, 0.9999997749296758]),
            (.swish, [-0.2384058440442351, 0, 0.7310585786300049, 7.997317198956269]),
        ])
    func activation(_ activation: Activation, expected: [Float]) throws {
        #expect(try apply(.activation(activation), [1, 2, 2], [-2, 0, 1, 8]).values == expected)
    }

    @Test("Softmax is over the innermost dimension and does not overflow")
    func softmax() throws {
        let y = try apply(.activation(.softmax), [2, 1, 2], [1000, 1000, 0, 1.0986123])
        #expect(y.values[0...1] == [0.5, 0.5])
        #expect(zip(y.values[2...], [0.25, 0.75]).allSatisfy { abs($0 - $1) < 1e-7 })
    }

    @Test("Margins neither win a maximum nor count in an average")
    func pool() throws {
        let image: [Float] = [-1, -2, -3, -4]
        for padding in [Padding.same, .margins(Margins(top: 0, bottom: 1, left: 0, right: 1))] {
            for (kind, expected) in [
                (Pool.Kind.maximum, [-1, -2, -3, -4]), (.average, [-2.5, -3, -3.5, -4] as [Float]),
            ] {
                let pool = Pool(kind: kind, size: Extent(2), strides: Extent(1), padding: padding)
                #expect(try apply(.pool(pool), [2, 2, 1], image).values == expected)
            }
        }
    }

    @Test("Global pools reduce all positions of a channel")
    func globalPool() throws {
        let image: [Float] = [1, -10, 2, -20, 6, -60]
        #expect(
            try apply(.globalPool(.average, keepsDimensions: false), [1, 3, 2], image) == Tensor([3, -30]))
        #expect(
            try apply(.globalPool(.maximum, keepsDimensions: true), [1, 3, 2], image)
                == Tensor(shape: [1, 1, 2], values: [6, -10]))
    }

    @Test("Zeros around a map and around its channels")
    func padding() throws {
        let padded = try apply(
            .zeroPad(Margins(top: 1, bottom: 0, left: 0, right: 1)), [1, 2, 1], [1, 2])
        #expect(padded == Tensor(shape: [2, 3, 1], values: [0, 0, 0, 1, 2, 0]))
        let channels = try apply(.padChannels(before: 1, after: 2), [1, 2, 1], [1, 2])
        #expect(channels == Tensor(shape: [1, 2, 4], values: [0, 1, 0, 0, 0, 2, 0, 0]))
    }

    @Test("Flattening and reshaping keep the channels-last order")
    func reshaping() throws {
        let values: [Float] = [1, 2, 3, 4, 5, 6, 7, 8]
        #expect(try apply(.flatten, [2, 2, 2], values) == Tensor(values))
        #expect(
            try apply(.reshape([4, -1]), [2, 2, 2], values) == Tensor(shape: [4, 2], values: values))
    }

    @Test("Sums, products and concatenation of several operands")
    func severalOperands() throws {
        var graph = Graph([1, 2, 2])
        let gate = graph.add(.globalPool(.maximum, keepsDimensions: false), 0)
        graph.add(.concatenate, graph.add(.multiply, 0, gate), graph.add(.add, 0, gate, 0))
        let y = try graph.output([1, 2, 3, 4])
        #expect(y == Tensor(shape: [1, 2, 4], values: [3, 8, 5, 8, 9, 16, 9, 12]))
    }

    @Test("Scales of the input, one for all channels or one for each")
    func scaleShift() throws {
        let scaled = try apply(.scaleShift(scale: [2], offset: [1, -1]), [1, 2, 2], [1, 2, 3, 4])
        #expect(scaled.values == [3, 3, 7, 7])
        let standardized = try apply(
            .standardizeInput(mean: "p0", variance: "p1"), [1, 1, 2], [3, 1],
            parameters: [Tensor([1, 1]), Tensor([4, 0])])
        #expect(standardized.values == [1, 0])
    }
}
