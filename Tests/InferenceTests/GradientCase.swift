import Networks
import Tensors
import Testing

@testable import Training
@testable import Inference

/// A network, images and the coefficients of a loss.
struct GradientCase {
    let graph: Graph
    let layout: ParameterLayout
    let taps: [Int]
    let images: Tensor
    let coefficients: [[Float]]
    let batchNorms: BatchNormMode

    init(
        _ graph: Graph, standardizes: Bool, taps: [Int]?, batch: Int = 4, batchNorms: BatchNormMode = .frozen,
        frozen: Set<String> = []
    ) {
        self.batchNorms = batchNorms
        self.graph = graph
        let network = graph.network
        let kernels = network.nodes.compactMap { node -> String? in
            if case .convolution(let convolution) = node.operation { convolution.kernel } else { nil }
        }
        layout = ParameterLayout(
            network, standardized: standardizes ? Set(kernels) : [], epsilon: 1e-10,
            includesBatchNorms: batchNorms != .frozen, frozen: frozen)
        self.taps = taps ?? [network.output]
        images = graph.images(batch)
        var random = SplitMix64(seed: 5)
        let shapes = (try? network.shapes(forImage: graph.imageShape)) ?? []
        coefficients = self.taps.map { tap in
            shapes.isEmpty ? [] : Tensor.random([batch * shapes[tap].count], using: &random).values
        }
    }

    func gradient(workers: Int = 2, workerBytes: Int = .max) throws -> [Float] {
        let shapes = try graph.network.shapes(forImage: graph.imageShape)
        let trainer = try Trainer(
            graph.network, parameters: graph.parameters, shapes: shapes, taps: taps, layout: layout,
            batch: images.shape[0], batchNorms: batchNorms, workers: workers, workerBytes: workerBytes)
        let source = ImageSource(images)
        return try trainer.gradient(at: layout.values(in: graph.parameters), load: source.load) {
            tap, range, values, gradient in
            let size = values.count / range.count
            for index in gradient.indices {
                gradient[index] += coefficients[tap][range.lowerBound * size + index]
            }
        }
    }

    /// The slopes to either side of each value.
    func differences() throws -> [ClosedRange<Float>] {
        let values = try layout.values(in: graph.parameters)
        let here = try loss(values)
        return try values.indices.map { index in
            let slopes = try [Float(1) / 512, -1 / 512].map { step in
                var moved = values
                moved[index] += step
                return Float((try loss(moved) - here) / Double(moved[index] - values[index]))
            }
            return min(slopes[0], slopes[1])...max(slopes[0], slopes[1])
        }
    }

    private func loss(_ values: [Float]) throws -> Double {
        var graph = graph
        for (place, parameter) in graph.tensors.enumerated() {
            guard let entry = layout[parameter.name] else { continue }
            var own = values
            if let epsilon = entry.standardization {
                own.replaceSubrange(
                    entry.range, with: Self.standardized(Array(own[entry.range]), entry.rows, epsilon))
            }
            graph.tensors[place].tensor = layout.tensor(entry, of: own, shape: parameter.tensor.shape)
        }
        if batchNorms == .batch { try setBatchStatistics(&graph) }
        let engine = try graph.reference()
        var total = 0.0
        for image in 0..<images.shape[0] {
            let nodes = engine.values(for: self.image(image))
            for (tap, coefficients) in zip(taps, coefficients) {
                let start = image * nodes[tap].shape.count
                for (index, value) in nodes[tap].values.enumerated() {
                    total += Double(value) * Double(coefficients[start + index])
                }
            }
        }
        return total
    }

    private func image(_ index: Int) -> Tensor {
        let size = graph.imageShape.count
        return Tensor(
            shape: graph.imageShape, values: Array(images.values[index * size..<(index + 1) * size]))
    }

    /// Each row to mean 0 and biased variance 1.
    private static func standardized(_ values: [Float], _ rows: Int, _ epsilon: Double) -> [Float] {
        let size = values.count / rows
        return (0..<rows).flatMap { row in
            let own = values[row * size..<(row + 1) * size].map(Double.init)
            let mean = own.reduce(0, +) / Double(size)
            let variance = own.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(size)
            return own.map { Float(($0 - mean) / (variance + epsilon).squareRoot()) }
        }
    }

    /// Gives each batch norm the mean and biased variance of what enters it in this batch as its running ones, norm by norm.
    private func setBatchStatistics(_ graph: inout Graph) throws {
        for node in graph.network.nodes {
            guard case .batchNorm(let norm) = node.operation else { continue }
            let engine = try graph.reference()
            let maps = (0..<images.shape[0]).map { engine.values(for: image($0))[node.inputs[0]].values }
            for channel in 0..<norm.channels {
                let values = maps.flatMap { map in
                    stride(from: channel, to: map.count, by: norm.channels).map { Double(map[$0]) }
                }
                let mean = values.reduce(0, +) / Double(values.count)
                let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
                graph.set(norm.mean, channel, Float(mean))
                graph.set(norm.variance, channel, Float(variance))
            }
        }
    }

    /// Expects the gradient between the slopes to either side, within 2e-3 of the largest.
    func expectGradient(_ sourceLocation: SourceLocation) throws {
        let found = try gradient()
        let expected = try differences()
        let slack = 2e-3 * (expected.map { abs($0.lowerBound) }.max() ?? 0)
        try #require(slack > 0, sourceLocation: sourceLocation)
        #expect(found.count == expected.count, sourceLocation: sourceLocation)
        let worst = zip(found, expected)
            .map { max($1.lowerBound - $0, $0 - $1.upperBound) }
            .reduce(0) { $1 <= $0 ? $0 : $1 }
        #expect(worst <= slack, sourceLocation: sourceLocation)
        let switched = expected.count { $0.upperBound - $0.lowerBound > 2 * slack }
        #expect(switched * 8 <= expected.count, sourceLocation: sourceLocation)
    }
}
