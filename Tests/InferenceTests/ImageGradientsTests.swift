import Networks
import Synchronization
import Tensors
import Testing

@testable import Training
@testable import Inference

/// Gradients with respect to images, against differences of the reference engine over steps of 1/512 to either side:
/// within 2e-3 of the largest component. Where a ReLU or a maximum switches within a step, between the two sides.
@Suite("Gradients with respect to images are those of the reference engine's function")
struct ImageGradientsTests {
    /// Every operation that has a way back; two norms, of which one sits on a map that a ReLU reads.
    private func everything() -> (Graph, taps: [Int]) {
        var graph = Graph([6, 5, 4], seed: 3)
        let scaled = graph.add(.scaleShift(scale: [0.5], offset: [0.1]), 0)
        let conv = graph.convolution(scaled, 4, 6, strides: 1, bias: true)
        let stem = graph.add(.activation(.relu), graph.batchNorm(conv, 6))
        let branch = graph.convolution(graph.add(.zeroPad(Margins(1)), stem), 6, 6, padding: .valid)
        let sum = graph.add(.add, graph.groupNorm(branch, 6, groups: 2), stem)
        let gate = graph.add(
            .activation(.sigmoid),
            graph.convolution(graph.add(.globalPool(.average, keepsDimensions: true), sum), 6, 6))
        let gated = graph.add(.multiply, sum, gate)
        let joined = graph.add(.concatenate, gated, graph.add(.padChannels(before: 1, after: 1), stem))
        let pool = Pool(
            kind: .maximum, size: Extent(2), strides: Extent(2), padding: .margins(Margins(0)))
        let pooled = graph.add(.pool(pool), graph.batchNorm(joined, 14))
        let flat = graph.add(.flatten, graph.add(.activation(.swish), pooled))
        graph.dense(flat, 3 * 2 * 14, 3)
        return (graph, [conv, joined, graph.network.output])
    }

    private func expectGradient(
        _ graph: Graph, _ images: Tensor, found: [Float], loss: (Tensor) throws -> Double
    ) throws {
        let here = try loss(images)
        // Every third value: all channels, and a third of the time.
        let places = Array(stride(from: 0, to: images.values.count, by: 3))
        let sides = try places.map { index in
            let slopes = try [Float(1) / 512, -1 / 512].map { step in
                var moved = images
                moved.values[index] += step
                return Float((try loss(moved) - here) / Double(step))
            }
            return min(slopes[0], slopes[1])...max(slopes[0], slopes[1])
        }
        let slack = 2e-3 * (sides.map { abs($0.lowerBound) }.max() ?? 0)
        try #require(slack > 0 && found.count == images.values.count)
        let worst =
            zip(places.map { found[$0] }, sides).map { max($1.lowerBound - $0, $0 - $1.upperBound) }.max()
            ?? 1
        #expect(worst <= slack)
        #expect(sides.count { $0.upperBound - $0.lowerBound > 20 * slack } * 8 <= sides.count)
    }

    /// The reference engine's values of some nodes for all images, one image after another.
    private func values(_ graph: Graph, _ nodes: [Int], _ images: Tensor) throws -> [[Float]] {
        let engine = try graph.reference()
        let size = graph.imageShape.count
        var result = nodes.map { _ in [Float]() }
        for image in 0..<images.shape[0] {
            let own = Array(images.values[image * size..<(image + 1) * size])
            let all = engine.values(for: Tensor(shape: graph.imageShape, values: own))
            for (place, node) in nodes.enumerated() { result[place] += all[node].values }
        }
        return result
    }

    private func gradients(_ graph: Graph, _ taps: [Int], batch: Int, workers: Int = 2) throws
        -> ImageGradients
    {
        try ImageGradients(
            graph.network, parameters: graph.parameters,
            shapes: graph.network.shapes(forImage: graph.imageShape), taps: taps, batch: batch,
            workers: workers)
    }

    @Test("Through every operation, from taps in the middle and at the end")
    func operations() throws {
        let (graph, taps) = everything()
        let images = graph.images(4)
        var random = SplitMix64(seed: 5)
        let coefficients = try values(graph, taps, images).map {
            Tensor.random([$0.count], using: &random).values
        }
        let found = try gradients(graph, taps, batch: 4).gradient(at: images.values) {
            tap, range, values, gradient in
            let size = values.count / range.count
            for index in gradient.indices {
                gradient[index] += coefficients[tap][range.lowerBound * size + index]
            }
        }
        try expectGradient(graph, images, found: found) { images in
            try zip(values(graph, taps, images), coefficients).reduce(0) { sum, tap in
                zip(tap.0, tap.1).reduce(sum) { $0 + Double($1.0) * Double($1.1) }
            }
        }
    }

    @Test("The statistics' loss is that of its formula, and its gradient too")
    func statistics() throws {
        let (graph, _) = everything()
        let loss = try StatisticsLoss(graph.network, parameters: graph.parameters)
        #expect(loss.taps.count == 2)
        let images = graph.images(8)
        let losses = Mutex([Double](repeating: 0, count: 4))
        let found = try gradients(graph, loss.taps, batch: 8).gradient(at: images.values) {
            tap, range, values, gradient in
            let part = loss.add(tap, values, gradient)
            losses.withLock { $0[range.lowerBound / 2] += part }
        }
        let expected = try formula(graph, images)
        for (found, expected) in zip(losses.withLock { $0 }, expected) {
            #expect(abs(found - expected) <= 1e-4 * expected)
        }
        try expectGradient(graph, images, found: found) { try formula(graph, $0).reduce(0, +) }
    }

    /// The loss of each micro-batch of two images, in double from the reference engine's values.
    private func formula(_ graph: Graph, _ images: Tensor) throws -> [Double] {
        let norms = graph.nodes.compactMap { node in
            if case .batchNorm(let norm) = node.operation { (norm, node.inputs[0]) } else { nil }
        }
        let values = try values(graph, norms.map(\.1), images)
        func stored(_ name: String) throws -> [Double] {
            try #require(graph.parameters[name]).read().values.map(Double.init)
        }
        return try (0..<4).map { part in
            try zip(norms, values).reduce(0) { total, pair in
                let ((norm, _), values) = pair
                let (mean, variance) = (try stored(norm.mean), try stored(norm.variance))
                let own = values[part * values.count / 4..<(part + 1) * values.count / 4]
                let terms = (0..<norm.channels).map { channel in
                    let x = stride(from: own.startIndex + channel, to: own.endIndex, by: norm.channels)
                        .map { Double(own[$0]) }
                    let m = x.reduce(0, +) / Double(x.count)
                    let s2 = x.reduce(0) { $0 + ($1 - m) * ($1 - m) } / Double(x.count)
                    let total = variance[channel] + norm.epsilon
                    let excess = ((s2 + norm.epsilon) / total).squareRoot() - 1
                    return (m - mean[channel]) * (m - mean[channel]) / total + excess * excess
                }
                return total + terms.reduce(0, +) / Double(norm.channels)
            }
        }
    }

    @Test("The gradient is the same to the bit for any number of workers")
    func workers() throws {
        let (graph, _) = everything()
        let loss = try StatisticsLoss(graph.network, parameters: graph.parameters)
        let images = graph.images(8)
        func gradient(_ workers: Int) throws -> [Float] {
            try gradients(graph, loss.taps, batch: 8, workers: workers).gradient(at: images.values) {
                _ = loss.add($0, $2, $3)
            }
        }
        let expected = try gradient(1)
        for workers in [2, 3] { #expect(try gradient(workers) == expected) }
    }

    @Test("What cannot be gone back through is refused by name")
    func refusal() throws {
        var graph = Graph([6, 5, 4])
        graph.batchNorm(graph.add(.activation(.softmax), graph.convolution(0, 4, 6)), 6)
        #expect(throws: InferenceError.cannotTrain(layer: "node2")) {
            try gradients(graph, [2], batch: 4)
        }
    }
}
