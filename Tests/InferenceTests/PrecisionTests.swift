import Networks
import Tensors
import Testing

@testable import Inference

@Suite("Convolutions whose factors are rounded to bfloat16")
struct PrecisionTests {
    /// Convolutions that would be our own kernels' and oneDNN's, with a norm each.
    private static func graph() -> Graph {
        var graph = Graph([8, 8, 32])
        let first = graph.batchNorm(graph.convolution(0, 32, 32), 32)
        let second = graph.groupNorm(graph.convolution(first, 32, 48, size: Extent(1)), 48, groups: 4)
        graph.dense(graph.add(.flatten, second), 8 * 8 * 48, 10)
        return graph
    }

    @Test("are near the floats but not the same, or refused with the processor's instructions")
    func engine() throws {
        let graph = Self.graph()
        let images = ImageSource(graph.images(3))
        let engine = {
            try OneDNNEngine(
                network: graph.network, parameters: graph.parameters, imageShape: graph.imageShape,
                precision: .bfloat16)
        }
        do {
            try Precision.bfloat16.check()
        } catch {
            guard case .noBFloat16(let instructions) = error else { throw error }
            #expect(error.description.contains(instructions ?? "unknown instructions"))
            #expect(throws: error) { try engine() }
            return
        }
        let found = try engine().run(on: images)
        expectNear(found, try graph.reference().run(on: images))
        let floats = try OneDNNEngine(
            network: graph.network, parameters: graph.parameters, imageShape: graph.imageShape
        ).run(on: images)
        let scale = floats.map(abs).max() ?? 0
        let change = zip(found, floats).map { abs($0 - $1) }.max() ?? 0
        #expect(change > 1e-4 * scale, "as if nothing were rounded")
    }

    /// Eight bits a factor, and sums of random signs: 2 % of the largest output.
    private func expectNear(_ found: [Float], _ expected: [Float]) {
        let scale = expected.map(abs).max() ?? 0
        #expect(scale > 0 && found.count == expected.count)
        #expect(zip(found, expected).allSatisfy { abs($0 - $1) <= 0.02 * scale })
    }
}
