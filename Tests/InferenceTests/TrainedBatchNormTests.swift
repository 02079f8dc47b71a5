import Networks
import Synchronization
import Tensors
import Testing

@testable import Training
@testable import Inference

/// As `TrainerTests`: against differences of the reference engine, whose running statistics are those of the batch.
@Suite("Batch norms in training")
struct TrainedBatchNormTests {
    /// A residual block with a projection, a norm at the start, one behind a dense layer and one whose operand is read twice.
    private func graph() -> Graph {
        var graph = Graph([3, 2, 2], seed: 8)
        let stem = graph.add(
            .activation(.relu),
            graph.batchNorm(graph.convolution(graph.batchNorm(0, 2), 2, 3, size: Extent(2)), 3))
        let branch = graph.batchNorm(graph.convolution(stem, 3, 2, size: Extent(2), bias: true), 2)
        let shortcut = graph.batchNorm(graph.convolution(stem, 3, 2, size: Extent(1)), 2)
        let sum = graph.add(.activation(.relu), graph.add(.add, branch, shortcut))
        let pooled = graph.add(.globalPool(.average, keepsDimensions: false), graph.batchNorm(sum, 2))
        graph.batchNorm(graph.dense(pooled, 2, 3), 3)
        return graph
    }

    @Test(
        "Gradients are those of the reference engine's function",
        arguments: [(BatchNormMode.batch, 3), (.batch, 6), (.running, 1), (.running, 5)])
    func gradient(mode: BatchNormMode, batch: Int) throws {
        try GradientCase(graph(), standardizes: false, taps: nil, batch: batch, batchNorms: mode)
            .expectGradient(#_sourceLocation)
    }

    @Test("The gradient is the same to the bit for any number of workers")
    func workers() throws {
        let example = GradientCase(graph(), standardizes: true, taps: nil, batch: 10, batchNorms: .batch)
        let expected = try example.gradient(workers: 1)
        for workers in [2, 3, 7] { #expect(try example.gradient(workers: workers) == expected) }
    }

    @Test("The batch's statistics are told, in the order of the network")
    func statistics() throws {
        let graph = graph()
        let shapes = try graph.network.shapes(forImage: graph.imageShape)
        let layout = ParameterLayout(
            graph.network, standardized: [], epsilon: 0, includesBatchNorms: true)
        let trainer = try Trainer(
            graph.network, parameters: graph.parameters, shapes: shapes, taps: [graph.network.output],
            layout: layout, batch: 6, batchNorms: .batch)
        let source = ImageSource(graph.images(6))
        let told = Mutex<[NormBatch]>([])
        _ = try trainer.gradient(
            at: layout.values(in: graph.parameters), load: source.load, loss: { _, _, _, _ in },
            observe: { batch in told.withLock { $0.append(batch) } })
        let engine = try BatchStatisticsEngine(
            network: graph.network, parameters: graph.parameters, imageShape: graph.imageShape)
        let expected = Mutex<[NormBatch]>([])
        _ = try engine.run(
            on: source, batchSize: 6, progress: { _ in },
            observe: { batch in expected.withLock { $0.append(batch) } })
        let (found, other) = (told.withLock(\.self), expected.withLock(\.self))
        #expect(found.map(\.node) == other.map(\.node) && found.count == 6)
        for (own, other) in zip(found, other) {
            #expect(own.count == other.count)
            #expect(zip(own.mean, other.mean).allSatisfy { abs($0 - $1) <= 1e-5 })
            #expect(zip(own.variance, other.variance).allSatisfy { abs($0 - $1) <= 1e-5 * max($1, 1) })
        }
    }

    @Test(
        "Frozen parameters have no place and stay what they are", arguments: [BatchNormMode.batch, .frozen])
    func frozen(mode: BatchNormMode) throws {
        let graph = graph()
        let names = graph.tensors.map(\.name)
        for frozen in [Set(names.prefix(6)), Set(names.filter { $0.hasSuffix("1") })] {
            let example = GradientCase(
                graph, standardizes: false, taps: nil, batchNorms: mode, frozen: frozen)
            #expect(example.layout.entries.allSatisfy { !frozen.contains($0.name) })
            try example.expectGradient(#_sourceLocation)
        }
    }

    @Test("One value of a channel in a batch has no variance")
    func singleValue() throws {
        let example = GradientCase(graph(), standardizes: false, taps: nil, batch: 1, batchNorms: .batch)
        #expect(throws: InferenceError.singleValue(layer: "node14")) { try example.gradient() }
    }

    @Test("A thread that fails lets the others go")
    func failure() throws {
        struct Failure: Error, Equatable {}
        let graph = graph()
        let shapes = try graph.network.shapes(forImage: graph.imageShape)
        let layout = ParameterLayout(graph.network, standardized: [], epsilon: 0, includesBatchNorms: true)
        let trainer = try Trainer(
            graph.network, parameters: graph.parameters, shapes: shapes, taps: [graph.network.output],
            layout: layout, batch: 8, batchNorms: .batch, workers: 4)
        let source = ImageSource(graph.images(8))
        let values = try layout.values(in: graph.parameters)
        #expect(throws: Failure.self) {
            try trainer.gradient(
                at: values,
                load: { range, buffer in
                    if range.contains(5) { throw Failure() }
                    try source.load(range, buffer)
                }, loss: { _, _, _, _ in })
        }
        // It can be used again.
        _ = try trainer.gradient(at: values, load: source.load, loss: { _, _, _, _ in })
    }

    @Test(
        "No more images are taken at once than allowed, nor than the memory holds, but one is",
        arguments: [
            (4, 1, .max, 1), (4, 2, .max, 2), (4, nil, .max, 4), (8, 3, .max, 2), (8, nil, 2, 8),
            (8, nil, 1, 4),
            (16, 1, .max, 1), (4, nil, 0, 1),
        ] as [(Int, Int?, Int, Int)])
    func imagesAtOnce(batch: Int, limit: Int?, imagesOfMemory: Int, expected: Int) throws {
        let graph = graph()
        let shapes = try graph.network.shapes(forImage: graph.imageShape)
        let layout = ParameterLayout(graph.network, standardized: [], epsilon: 0)
        let plan = try TrainingPlan(
            graph.network, shapes: shapes, taps: [graph.network.output], layout: layout,
            variables: .parameters,
            batchNorms: .frozen)
        let team = try TrainingTeam(
            plan, layout, parameters: graph.parameters, batch: batch, workers: 2,
            workerBytes: imagesOfMemory == .max ? .max : imagesOfMemory * plan.bytesPerImage,
            imagesAtOnce: limit)
        #expect(team.program.slices.images == expected)
        #expect(team.batch == batch)
    }

    @Test(
        "A batch is cut into parts of one size",
        arguments: [
            (1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (6, 6), (8, 4), (10, 5), (13, 13), (16, 4), (22, 11),
            (34, 2), (37, 1), (64, 4),
        ])
    func parts(batch: Int, parts: Int) {
        #expect(TrainingTeam.microBatches(of: batch) == parts)
        #expect(batch % parts == 0)
    }
}
