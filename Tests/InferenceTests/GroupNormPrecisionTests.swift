import Inference
import Networks
import Tensors
import Testing

@Suite("Group norm keeps its digits")
struct GroupNormPrecisionTests {
    /// x = mean ± 1 in turn has variance 1: the result is ±1 / √(1 + ε). The mean's own rounding must not show.
    @Test("Means far above the deviation lose nothing", arguments: [0, 1000, -4096, 1_000_000] as [Float])
    func largeMean(mean: Float) throws {
        var graph = Graph([16, 16, 12])
        graph.add(
            .groupNorm(GroupNorm(gamma: nil, beta: nil, groups: 3, epsilon: 1e-5, channels: 12)), 0)
        let signs: [Float] = (0..<graph.imageShape.count).map { ($0 / 12 + $0) % 2 == 0 ? 1 : -1 }
        let source = ImageSource(Tensor(shape: [1, 16, 16, 12], values: signs.map { mean + $0 }))
        let expected = Float(1 / 1.00001.squareRoot())
        for engine in [try graph.reference(), try graph.oneDNN()] as [any Engine] {
            let found = try engine.run(on: source)
            #expect(zip(found, signs).allSatisfy { abs($0 - $1 * expected) <= 2e-7 })
        }
    }

    @Test("A constant group becomes β")
    func constant() throws {
        var graph = Graph([4, 4, 4])
        let beta = graph.parameter(Tensor([1, 2, 3, 4]))
        graph.add(
            .groupNorm(GroupNorm(gamma: nil, beta: beta, groups: 2, epsilon: 1e-5, channels: 4)), 0)
        let source = ImageSource(Tensor(shape: [1, 4, 4, 4], repeating: 1000.1))
        for engine in [try graph.reference(), try graph.oneDNN()] as [any Engine] {
            let found = try engine.run(on: source)
            #expect(found.enumerated().allSatisfy { abs($1 - Float($0 % 4 + 1)) < 1e-4 })
        }
    }
}
