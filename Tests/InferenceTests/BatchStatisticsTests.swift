import Networks
import Synchronization
import Tensors
import Testing

@testable import Training
@testable import Inference

@Suite("Batch norms with the statistics of the batch")
struct BatchStatisticsTests {
    /// Residual blocks, a norm before its convolution, norms in a row and on one value, a norm at the end.
    private static func graph() -> Graph {
        var graph = Graph([9, 7, 3])
        let stem = graph.add(
            .activation(.relu), graph.batchNorm(graph.convolution(graph.batchNorm(0, 3), 3, 8), 8))
        let branch = graph.batchNorm(graph.convolution(graph.batchNorm(stem, 8), 8, 8), 8)
        let sum = graph.add(.activation(.relu), graph.add(.add, stem, branch))
        let twice = graph.add(.multiply, graph.batchNorm(graph.batchNorm(sum, 8), 8), graph.batchNorm(sum, 8))
        let pooled = graph.add(.globalPool(.average, keepsDimensions: false), twice)
        graph.batchNorm(graph.dense(pooled, 8, 5), 5)
        return graph
    }

    private func engine(
        _ graph: Graph, workers: Int = 2, memory: Int = 512 << 20
    ) throws -> BatchStatisticsEngine {
        try BatchStatisticsEngine(
            network: graph.network, parameters: graph.parameters, imageShape: graph.imageShape,
            workers: workers, memory: memory)
    }

    private func bits(_ outputs: some Sequence<Float>) -> [UInt32] { outputs.map(\.bitPattern) }

    /// The plain engine, layer after layer: each norm gets the statistics of its operand in the batch as stored ones.
    private func expected(_ graph: Graph, _ images: Tensor, batch: Int) throws -> [Float] {
        let (network, size) = (graph.network, graph.imageShape.count)
        var outputs: [Float] = []
        for start in stride(from: 0, to: images.shape[0], by: batch) {
            let members = (start..<min(start + batch, images.shape[0])).map {
                Tensor(
                    shape: graph.imageShape, values: Array(images.values[$0 * size..<($0 + 1) * size]))
            }
            var parameters = graph.parameters
            func values(_ node: Int) throws -> [[Float]] {
                let engine = try ReferenceEngine(
                    network: network, parameters: parameters, imageShape: graph.imageShape)
                return members.map { engine.values(for: $0)[node].values }
            }
            for node in network.nodes {
                guard case .batchNorm(let norm) = node.operation else { continue }
                let maps = try values(node.inputs[0])
                let channels = (0..<norm.channels).map { channel in
                    maps.flatMap { map in
                        stride(from: channel, to: map.count, by: norm.channels).map { Double(map[$0]) }
                    }
                }
                let means = channels.map { $0.reduce(0, +) / Double($0.count) }
                let variances = zip(channels, means).map { values, mean in
                    values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
                }
                parameters = parameters.replacing([
                    norm.mean: Tensor(means.map { Float($0) }),
                    norm.variance: Tensor(variances.map { Float($0) }),
                ])
            }
            outputs += try values(network.output).flatMap { $0 }
        }
        return outputs
    }

    /// Float32 against sums in Double, through eight norms: within 1e-3 of the largest output.
    @Test(
        "are the formula's, in every place of a graph; a last batch that is not full is a smaller one",
        arguments: [1, 2, 3, 7])
    func formula(batch: Int) throws {
        let graph = Self.graph()
        let images = graph.images(7)
        let found = try engine(graph).run(on: ImageSource(images), batchSize: batch)
        let expected = try expected(graph, images, batch: batch)
        let scale = try #require(expected.map(abs).max())
        #expect(found.count == expected.count)
        for (found, expected) in zip(found, expected) { #expect(abs(found - expected) <= 1e-3 * scale) }
    }

    @Test("do not depend on the number of workers", arguments: [2, 7])
    func workers(count: Int) throws {
        let graph = Self.graph()
        let images = ImageSource(graph.images(70))
        let alone = try engine(graph, workers: 1).run(on: images, batchSize: 10)
        #expect(try bits(engine(graph, workers: count).run(on: images, batchSize: 10)) == bits(alone))
    }

    @Test("do not depend on how many batches fit into memory", arguments: [0, 100_000, 200_000])
    func memory(bytes: Int) throws {
        let graph = Self.graph()
        let images = ImageSource(graph.images(70))
        let done = Mutex<[Int]>([])
        let together = try engine(graph).run(on: images, batchSize: 3)
        let parts = try engine(graph, memory: bytes).run(on: images, batchSize: 3) { more in
            done.withLock { $0.append(more) }
        }
        #expect(bits(parts) == bits(together))
        #expect(done.withLock { $0.count > 1 && $0.reduce(0, +) == 70 })
    }

    @Test("do not depend on the other batches")
    func otherBatches() throws {
        let graph = Self.graph()
        let images = graph.images(70)
        let all = try engine(graph).run(on: ImageSource(images), batchSize: 5)
        let size = graph.imageShape.count
        let part = Tensor(
            shape: Shape([5] + graph.imageShape.extents), values: Array(images.values[35 * size..<40 * size]))
        let found = try engine(graph).run(on: ImageSource(part), batchSize: 5)
        #expect(bits(found) == bits(all[35 * 5..<40 * 5]))
    }

    @Test("a network of group norms gives the same bits in every batch, those of the engine without batches")
    func groupNorms() throws {
        var graph = Graph([12, 10, 3])
        let stem = graph.add(
            .activation(.relu), graph.groupNorm(graph.convolution(0, 3, 16), 16, groups: 4))
        let sum = graph.add(.add, stem, graph.groupNorm(graph.convolution(stem, 16, 16), 16, groups: 2))
        graph.dense(graph.add(.globalPool(.average, keepsDimensions: false), sum), 16, 10)
        #expect(graph.network.batchNormCount == 0)
        let images = ImageSource(graph.images(33))
        let expected = try graph.oneDNN().run(on: images)
        for batch in [1, 2, 8, 33, 64] {
            #expect(try bits(engine(graph).run(on: images, batchSize: batch)) == bits(expected))
        }
    }

    @Test("progress adds up, and an error of the images comes out")
    func progress() throws {
        let graph = Self.graph()
        let done = Mutex(0)
        _ = try engine(graph).run(on: ImageSource(graph.images(20)), batchSize: 3) { more in
            done.withLock { $0 += more }
        }
        #expect(done.withLock { $0 } == 20)
        let broken = ImageSource(count: 5, shape: graph.imageShape) { _, _ in
            throw InferenceError.missingParameter("image")
        }
        #expect(throws: InferenceError.missingParameter("image")) {
            try engine(graph).run(on: broken, batchSize: 2)
        }
        #expect(throws: InferenceError.wrongImageShape(found: [1, 1, 3], expected: [9, 7, 3])) {
            try engine(graph).run(on: ImageSource(Tensor(shape: [1, 1, 1, 3], repeating: 0)), batchSize: 1)
        }
    }
}
