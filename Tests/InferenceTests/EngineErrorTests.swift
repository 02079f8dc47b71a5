import Inference
import Networks
import Tensors
import Testing

@Suite("Engines refuse what they cannot run")
struct EngineErrorTests {
    /// Convolution (p0, bias p1) and batch norm (γ p2, β p3, μ p4, σ² p5).
    private static func graph() -> Graph {
        var graph = Graph([4, 4, 3])
        graph.batchNorm(graph.convolution(0, 3, 5, bias: true), 5)
        return graph
    }

    private func expect(
        _ error: InferenceError, _ choice: EngineChoice, sourceLocation: SourceLocation = #_sourceLocation,
        after change: (inout Graph) -> Void
    ) {
        var graph = Self.graph()
        change(&graph)
        #expect(throws: error, sourceLocation: sourceLocation) { try choice.engine(graph) }
    }

    @Test("A missing parameter", arguments: EngineChoice.allCases, 0..<6)
    func missingParameter(choice: EngineChoice, index: Int) {
        expect(.missingParameter("p\(index)"), choice) { $0.tensors.remove(at: index) }
    }

    @Test("A parameter of another size", arguments: EngineChoice.allCases)
    func wrongShape(choice: EngineChoice) {
        expect(
            .wrongParameterShape(name: "p0", found: [3, 3, 3, 4], expected: "135 values"), choice
        ) { $0.tensors[0].tensor = Tensor(shape: [3, 3, 3, 4], repeating: 1) }
        expect(.wrongParameterShape(name: "p4", found: [6], expected: "5 values"), choice) {
            $0.tensors[4].tensor = Tensor(shape: [6], repeating: 1)
        }
    }

    @Test("A parameter that is not finite", arguments: EngineChoice.allCases, [Float.nan, .infinity])
    func nonFinite(choice: EngineChoice, value: Float) {
        for index in 0..<6 {
            expect(.nonFiniteParameter(name: "p\(index)", index: 4), choice) {
                $0.tensors[index].tensor.values[4] = value
            }
        }
    }

    @Test("A negative running variance", arguments: EngineChoice.allCases)
    func negativeVariance(choice: EngineChoice) {
        expect(.negativeVariance(name: "p5", index: 2), choice) { $0.tensors[5].tensor.values[2] = -1e-9 }
    }

    @Test("A negative variance of the input", arguments: EngineChoice.allCases)
    func negativeInputVariance(choice: EngineChoice) {
        var graph = Graph([2, 2, 2])
        let mean = graph.parameter(Tensor([0, 0]))
        graph.add(.standardizeInput(mean: mean, variance: graph.parameter(Tensor([1, -1]))), 0)
        #expect(throws: InferenceError.negativeVariance(name: "p1", index: 1)) {
            try choice.engine(graph)
        }
    }

    @Test("Images of another size than the engine was made for", arguments: EngineChoice.allCases)
    func wrongImageShape(choice: EngineChoice) throws {
        let engine = try choice.engine(Self.graph())
        let images = ImageSource(Tensor(shape: [2, 5, 4, 3], repeating: 0))
        #expect(throws: InferenceError.wrongImageShape(found: [5, 4, 3], expected: [4, 4, 3])) {
            try engine.run(on: images)
        }
    }

    @Test("An image shape that the network does not take")
    func wrongChannels() {
        let graph = Self.graph()
        let error = NetworkError.shapeMismatch(
            layer: "input", found: "4×4×1", expected: "any×any×3")
        #expect(throws: error) {
            try ReferenceEngine(
                network: graph.network, parameters: graph.parameters, imageShape: [4, 4, 1])
        }
        #expect(throws: error) {
            try OneDNNEngine(network: graph.network, parameters: graph.parameters, imageShape: [4, 4, 1])
        }
    }

    @Test("An error of the image source comes through", arguments: EngineChoice.allCases)
    func failingSource(choice: EngineChoice) throws {
        struct Unreadable: Error, Equatable {}
        let engine = try choice.engine(Self.graph())
        let source = ImageSource(count: 200, shape: [4, 4, 3]) { range, buffer in
            if range.contains(150) { throw Unreadable() }
            buffer.update(repeating: 0)
        }
        #expect(throws: Unreadable()) { try engine.run(on: source) }
    }
}
