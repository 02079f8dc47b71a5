import Inference
import Networks
import Tensors
import Testing

@Suite("Values that overflow inside a network are told")
struct OverflowTests {
    /// A convolution of one weight, what follows it, and a dense layer that makes 1 of everything.
    private func graph(_ weight: Float, _ build: (inout Graph, Int) -> Int) -> Graph {
        var graph = Graph([1, 1, 1])
        let kernel = graph.parameter(Tensor(shape: [1, 1, 1, 1], values: [weight]))
        let convolution = graph.add(
            .convolution(
                Convolution(
                    kernel: kernel, kernelLayout: .hwio, bias: nil, inputs: 1, outputs: 1, size: Extent(1),
                    strides: Extent(1), dilation: Extent(1), groups: 1, padding: .valid)), 0)
        let last = graph.add(.flatten, build(&graph, convolution))
        let dense = graph.parameter(Tensor(shape: [1, 1], values: [0]))
        let bias = graph.parameter(Tensor([1]))
        graph.add(
            .dense(Dense(kernel: dense, kernelIsTransposed: false, bias: bias, inputs: 1, outputs: 1)), last)
        return graph
    }

    private func outputs(_ graph: Graph, _ choice: EngineChoice, _ images: [Float]) throws -> [Float] {
        let engine = try choice.engine(graph)
        return try engine.run(on: ImageSource(Tensor(shape: [images.count, 1, 1, 1], values: images)))
    }

    private func expect(
        _ graph: Graph, _ choice: EngineChoice, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        // More images than a batch, of which two overflow: one in each batch.
        var images = [Float](repeating: 1, count: 40)
        (images[3], images[37]) = (100, 1e6)
        let found = try outputs(graph, choice, images)
        let told = found.indices.filter { found[$0].isNaN }
        #expect(told == [3, 37], sourceLocation: sourceLocation)
        #expect(found.allSatisfy { $0.isNaN || $0 == 1 }, sourceLocation: sourceLocation)
    }

    @Test("−∞ that a ReLU makes zero", arguments: EngineChoice.allCases)
    func relu(choice: EngineChoice) throws {
        try expect(graph(-1e37) { $0.add(.activation(.relu), $1) }, choice)
    }

    @Test("∞ that a clipped ReLU makes its ceiling", arguments: EngineChoice.allCases)
    func clipped(choice: EngineChoice) throws {
        try expect(graph(1e37) { $0.add(.activation(.clippedReLU(limit: 6)), $1) }, choice)
    }

    @Test("∞ − ∞ that a ReLU makes zero", arguments: EngineChoice.allCases)
    func difference(choice: EngineChoice) throws {
        let graph = graph(1e37) { graph, node in
            let negative = graph.add(.scaleShift(scale: [-1], offset: [0]), node)
            return graph.add(.activation(.relu), graph.add(.add, node, negative))
        }
        try expect(graph, choice)
    }

    @Test(
        "An infinite factor of a group norm without epsilon, over equal values",
        arguments: EngineChoice.allCases)
    func division(choice: EngineChoice) throws {
        var graph = Graph([1, 1, 1])
        graph.add(.activation(.relu), graph.groupNorm(0, 1, groups: 1, epsilon: 0))
        #expect(try outputs(graph, choice, [1, 2]).allSatisfy(\.isNaN))
    }

    @Test(
        "Large values alone, and what a sigmoid makes of them, are not told",
        arguments: EngineChoice.allCases,
        [Activation.relu, .sigmoid, .swish, .tanh, .leakyReLU(slope: 0.1)])
    func large(choice: EngineChoice, activation: Activation) throws {
        for weight: Float in [-1e30, 1e30] {
            let graph = graph(weight) { $0.add(.activation(activation), $1) }
            #expect(try outputs(graph, choice, [1, 100, 1e6]) == [1, 1, 1])
        }
    }

    @Test("Norms and averages of values whose squares overflow are as exact as any", arguments: [1e20, 1e30])
    func squares(factor: Float) throws {
        var graph = Graph([6, 6, 8])
        let norm = graph.groupNorm(0, 8, groups: 4)
        graph.add(.globalPool(.average, keepsDimensions: false), norm)
        var averages = Graph([6, 6, 8])
        averages.add(.globalPool(.average, keepsDimensions: false), 0)
        var images = graph.images(3)
        for index in images.values.indices { images.values[index] *= factor }
        for (graph, unit) in [(graph, Float(1)), (averages, factor)] {
            let expected = try graph.reference().run(on: ImageSource(images))
            let found = try graph.oneDNN().run(on: ImageSource(images))
            #expect(zip(found, expected).allSatisfy { abs($0 - $1) <= 1e-6 * unit })
        }
    }

    @Test("A kernel that overflows where its batch norm is folded in is refused")
    func folded() {
        var graph = Graph([2, 2, 1])
        graph.batchNorm(graph.convolution(0, 1, 1), 1)
        graph.tensors[0].tensor = Tensor(shape: [3, 3, 1, 1], repeating: 1e38)
        graph.tensors[1].tensor = Tensor([1e38])
        #expect(throws: InferenceError.foldedOverflow(kernel: "p0")) { try graph.oneDNN() }
    }
}
