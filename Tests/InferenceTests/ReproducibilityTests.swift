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
