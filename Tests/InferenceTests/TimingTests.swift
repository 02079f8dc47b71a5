import Networks
import Tensors
import Testing

@testable import Inference

@Suite("What is timed")
struct TimingTests {
    /// 40×36×3 images in batches of 32: every kind of layer.
    private static func graph() -> Graph {
        var graph = Graph([40, 36, 3])
        let stem = graph.add(.activation(.relu), graph.batchNorm(graph.convolution(0, 3, 16), 16))
        let norm = graph.groupNorm(graph.convolution(stem, 16, 16, groups: 4), 16, groups: 4)
        let sum = graph.add(.activation(.relu), graph.add(.add, stem, norm))
        let smooth = graph.add(.activation(.tanh), sum)
        let wide = graph.add(.concatenate, smooth, sum)
        let pooled = graph.add(.globalPool(.average, keepsDimensions: false), wide)
        graph.dense(pooled, 32, 10)
        return graph
    }

    @Test("layers have the names and kinds of what they begin with, and the shapes of the network")
    func layers() throws {
        let graph = Self.graph()
        let layers = try graph.oneDNN().layers
        #expect(
            layers.map { "\($0.layer) \($0.kind)" } == [
                "node1 convolution 3×3", "node4 grouped convolution 3×3", "node5 norm",
                "node8 elementwise", "node9 padding and concatenation", "node10 pooling",
                "node11 dense",
            ])
        #expect(layers[1].input == [40, 36, 16] && layers[1].output == [40, 36, 16])
        #expect(layers[5].input == [40, 36, 32] && layers[5].output == [32])
        #expect(layers[6].multiplyAdds == 320)
        let shapes = try graph.network.shapes(forImage: graph.imageShape)
        #expect(layers.reduce(0) { $0 + $1.multiplyAdds } == graph.network.multiplyAdds(shapes: shapes))
    }

    @Test("a repeat is whole batches, as many for each worker", arguments: [1, 2, 3], [1, 65])
    func repeats(workers: Int, images: Int) throws {
        let engine = try Self.graph().oneDNN(workers: workers)
        let timings = try engine.timings(images: images, repeats: 3)
        #expect(timings.images >= images && timings.images < images + 32 * workers)
        #expect(timings.images % (32 * workers) == 0)
        #expect(timings.repeats.count == 3 && timings.repeats.allSatisfy { $0 > 0 })
        for (seconds, rate) in zip(timings.repeats, timings.imagesPerSecond) {
            #expect(abs(seconds * rate - Double(timings.images)) < 1e-6)
        }
        #expect(timings.processorShare > 0 && timings.processorShare <= 1)
        #expect(timings.layerSeconds.count == engine.layers.count)
        #expect(timings.layerSeconds.allSatisfy { $0 >= 0 })
        #expect(timings.layerSeconds.reduce(0, +) <= timings.workerSeconds)
    }

    @Test("any batch and team gives the network's outputs", arguments: [1, 3, 32], [1, 2])
    func batches(batch: Int, team: Int) throws {
        let graph = Self.graph()
        let source = ImageSource(graph.images(5))
        let expected = try graph.reference().run(on: source)
        let engine = try OneDNNEngine(
            network: graph.network, parameters: graph.parameters, imageShape: graph.imageShape, workers: 1,
            batch: batch, team: team)
        #expect(engine.batchSize == batch)
        let found = try engine.run(on: source)
        let scale = expected.map(abs).max() ?? 0
        #expect(scale > 0 && found.count == expected.count)
        for (a, b) in zip(found, expected) { #expect(abs(a - b) <= 1e-5 * scale) }
    }
}
