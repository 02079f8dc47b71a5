import Inference
import Networks
import Synchronization
import Tensors
import Testing

@Suite("An image's outputs do not depend on how it is run")
struct ReproducibilityTests {
    /// A residual network of everything that is fused, with batches of 32 images.
    private static func graph() -> Graph {
        var graph = Graph([12, 10, 3])
        let stem = graph.add(.activation(.relu), graph.batchNorm(graph.convolution(0, 3, 16), 16))
        let norm = graph.groupNorm(graph.convolution(stem, 16, 16), 16, groups: 4)
        let sum = graph.add(.activation(.relu), graph.add(.add, stem, norm))
        let pooled = graph.add(.globalPool(.average, keepsDimensions: false), sum)
        graph.add(.activation(.softmax), graph.dense(pooled, 16, 10))
        return graph
    }

    private func bits(_ outputs: some Sequence<Float>) -> [UInt32] { outputs.map(\.bitPattern) }

    @Test("1, 2 and 7 workers and partial batches give the same bits", arguments: [1, 2, 7])
    func workers(count: Int) throws {
        let graph = Self.graph()
        let images = graph.images(70)
        let all = try graph.oneDNN(workers: 1).run(on: ImageSource(images))
        let engine = try graph.oneDNN(workers: count)
        for images in [images, graph.images(1), graph.images(31), graph.images(33)] {
            let found = try engine.run(on: ImageSource(images))
            #expect(bits(found) == bits(all.prefix(found.count)))
        }
    }

    /// Every kind of convolution, and norms of maps large enough to be executed in parts.
    private static func wideGraph() -> Graph {
        var graph = Graph([40, 36, 3])
        let stem = graph.groupNorm(graph.convolution(0, 3, 64), 64, groups: 8)
        let wide = graph.groupNorm(graph.convolution(stem, 64, 128, size: Extent(1)), 128, groups: 4)
        let side = graph.groupNorm(graph.convolution(stem, 64, 128, size: Extent(1)), 128, groups: 1)
        let sum = graph.add(.activation(.relu), graph.add(.add, wide, side))
        let narrow = graph.convolution(sum, 128, 32, size: Extent(1))
        let small = graph.batchNorm(
            graph.convolution(graph.convolution(narrow, 32, 32), 32, 48, strides: 5), 48)
        let last = graph.groupNorm(graph.convolution(small, 48, 64, size: Extent(1)), 64, groups: 16)
        graph.dense(graph.add(.globalPool(.average, keepsDimensions: false), last), 64, 10)
        return graph
    }

    /// Kernels so large that a part of a tile is several maps.
    private static func deepGraph() -> Graph {
        var graph = Graph([4, 4, 512])
        let first = graph.groupNorm(graph.convolution(0, 512, 512, size: Extent(1)), 512, groups: 8)
        let second = graph.groupNorm(graph.convolution(first, 512, 256, size: Extent(1)), 256, groups: 8)
        graph.dense(graph.add(.globalPool(.average, keepsDimensions: false), second), 256, 10)
        return graph
    }

    /// A stage that two images of a batch of four pass through at once.
    private static func pairedGraph() -> Graph {
        var graph = Graph([40, 40, 16])
        let first = graph.convolution(graph.convolution(0, 16, 16), 16, 16, size: Extent(1))
        let last = graph.groupNorm(first, 16, groups: 4)
        graph.dense(graph.add(.globalPool(.average, keepsDimensions: false), last), 16, 10)
        return graph
    }

    @Test("A stage may take some of a batch's images at once")
    func pairs() throws {
        let stages = Stage.stages(of: try Self.pairedGraph().program(), batch: 4)
        #expect(stages.first?.images == 2)
    }

    @Test(
        "Any batch and any number of threads for one image give the same bits", arguments: [1, 2, 3, 4, 6],
        [1, 2])
    func batches(batch: Int, team: Int) throws {
        for graph in [Self.wideGraph(), Self.deepGraph(), Self.pairedGraph()] {
            let source = ImageSource(graph.images(7))
            func outputs(batch: Int, team: Int) throws -> [Float] {
                try OneDNNEngine(
                    network: graph.network, parameters: graph.parameters, imageShape: graph.imageShape,
                    workers: 1, batch: batch, team: team
                ).run(on: source)
            }
            let found = try outputs(batch: batch, team: team)
            let expected = try outputs(batch: 8, team: 1)
            #expect(bits(found) == bits(expected))
            let reference = try graph.reference().run(on: source)
            let largest = reference.map(abs).max() ?? 0
            let worst = zip(reference, found).map { abs($0 - $1) }.max() ?? .infinity
            #expect(worst <= 1e-5 * largest)
        }
    }

    @Test("Reordered images give reordered bits", arguments: EngineChoice.allCases)
    func order(choice: EngineChoice) throws {
        let graph = Self.graph()
        let images = graph.images(70)
        let size = graph.imageShape.count
        let engine = try choice.engine(graph)
        // 33 and 70 have no common factor.
        let order = (0..<70).map { $0 * 33 % 70 }
        let reordered = order.flatMap { images.values[$0 * size..<($0 + 1) * size] }
        let expected = try engine.run(on: ImageSource(images))
        let found = try engine.run(on: ImageSource(Tensor(shape: images.shape, values: reordered)))
        for (place, image) in order.enumerated() {
            #expect(bits(found[place * 10..<place * 10 + 10]) == bits(expected[image * 10..<image * 10 + 10]))
        }
    }

    @Test(
        "Engines that share a pass give the bits that each gives alone, and load what they share once",
        arguments: [1, 3])
    func joint(workers: Int) throws {
        let first = Self.graph()
        // Larger maps: other batches.
        var second = Graph([40, 40, 3])
        second.add(
            .globalPool(.average, keepsDimensions: false),
            second.convolution(second.convolution(0, 3, 64), 64, 8))
        let (small, large) = (first.images(70), second.images(70))
        let engines: [any Engine] = [
            try first.oneDNN(workers: workers), try second.oneDNN(workers: workers), try first.reference(),
        ]
        let loaded = Mutex([0, 0])
        let sources = [small, large].enumerated().map { index, images in
            let source = ImageSource(images)
            return ImageSource(count: source.count, shape: source.shape) { range, buffer in
                loaded.withLock { $0[index] += range.count }
                try source.load(range, buffer)
            }
        }
        let results = try JointRun(engines, on: sources, sourceOf: [0, 1, 0]).run()
        #expect(loaded.withLock { $0 } == [70, 70])
        #expect(bits(results[0].outputs) == bits(try engines[0].run(on: sources[0])))
        #expect(bits(results[1].outputs) == bits(try engines[1].run(on: sources[1])))
        #expect(bits(results[2].outputs) == bits(try engines[2].run(on: sources[0])))
        #expect(results.allSatisfy { $0.seconds > 0 })
    }

    @Test("No images give no outputs", arguments: EngineChoice.allCases)
    func noImages(choice: EngineChoice) throws {
        let graph = Self.graph()
        #expect(try choice.engine(graph).run(on: ImageSource(graph.images(0))).isEmpty)
    }

    @Test("Progress adds up to the number of images", arguments: EngineChoice.allCases)
    func progress(choice: EngineChoice) throws {
        let graph = Self.graph()
        let done = Mutex(0)
        _ = try choice.engine(graph).run(on: ImageSource(graph.images(70))) { more in
            done.withLock { $0 += more }
        }
        #expect(done.withLock { $0 } == 70)
    }
}

/// Which engine a test runs.
enum EngineChoice: CaseIterable {
    case reference
    case oneDNN

    func engine(_ graph: Graph) throws -> any Engine {
        switch self {
        case .reference: try graph.reference()
        case .oneDNN: try graph.oneDNN()
        }
    }
}
