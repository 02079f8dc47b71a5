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
        let second = graph.groupNorm(graph.convolution(first, 32, 48, size: Extent2D(1)), 48, groups: 4)
        graph.dense(graph.add(.flatten, second), 8 * 8 * 48, 10)
        return graph
    }

    @Test("A processor that does not multiply such numbers refuses by its name, one that does comes near")
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
        let expected = try graph.reference().run(on: images)
        expectNear(try engine().run(on: images), expected)
    }

    @Test("What oneDNN may round stays within a few of its 256ths, on every processor")
    func section() throws {
        let graph = Self.graph()
        let images = graph.images(3)
        let section = try OneDNNSection(
            Section(whole: graph.network), of: graph.network, parameters: graph.parameters,
            shapes: graph.network.shapes(forImage: graph.imageShape), workers: 1, precision: .bfloat16)
        let worker = try section.makeWorker()
        _ = worker.input(0, count: 3).update(fromContentsOf: images.values)
        try worker.run(count: 3)
        expectNear(
            Array(worker.output(0, count: 3)), try graph.reference().run(on: ImageSource(images)))
    }

    /// Eight bits a factor, and sums of random signs: 2 % of the largest output.
    private func expectNear(_ found: [Float], _ expected: [Float]) {
        let scale = expected.map(abs).max() ?? 0
        #expect(scale > 0 && found.count == expected.count)
        #expect(zip(found, expected).allSatisfy { abs($0 - $1) <= 0.02 * scale })
    }
}
