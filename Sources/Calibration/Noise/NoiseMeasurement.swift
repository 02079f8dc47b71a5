import Conversion
import Inference
import Networks
import Tensors
import Threads
import Training

/// Measures how a network's values vary together, on noise.
///
/// Batch norms take mean and variance from the noise itself, as in training. What leaves each of them has the mean β and the
/// deviation γ then, as with the images of the training: noise tells how channels and positions vary together, β and γ how
/// much.
package struct NoiseMeasurement {
    private let network: Network
    private let parameters: ParameterTable
    private let shapes: [Shape]
    private let images: ActivationStore
    private let workers: Int

    /// How many images are made, where `memory` allows.
    private static let usualCount = 64
    /// Fewer tell nothing.
    private static let leastCount = 8
    /// Of the mean variance of an input: what is added to the covariance, which is taken from few images.
    private static let ridge = 0.03
    /// Positions of maps that a covariance is taken from, where there are as many.
    private static let fewestPositions = 16_384
    /// Bytes that a network's values may take.
    private static let memory = 1 << 30

    /// Makes the noise for a network, whose output is what it gives before a final softmax or sigmoid. `limits` are what black
    /// and white are, of each channel.
    package init(
        _ network: Network, parameters: ParameterTable, imageShape: Shape, limits: [Synthesis.PixelLimits],
        seed: UInt64, workers: Int
    ) throws {
        self.network = network
        self.parameters = parameters
        self.workers = workers
        shapes = try network.shapes(forImage: imageShape)
        let bytes = CalibrationRun.liveBytes(network, shapes, images: 1) / 2
        let count = min(Self.usualCount, max(Self.leastCount, Self.memory / max(bytes, 1)))
        images = try FractalNoise(shape: imageShape, limits: limits).images(count, seed: seed)
    }

    /// What the noise tells; of convolutions only where `findsDirections`. `progress` is told how many layers of how many are done.
    package func run(
        findsDirections: Bool, progress: (Int, Int) -> Void = { _, _ in }
    ) throws -> MeasuredStatistics {
        let cache = ActivationCache(
            network, parameters: try ownStatistics(), shapes: shapes, images: images, precision: .single,
            workers: workers)
        var result = MeasuredStatistics()
        let needed = network.nodesNeeded(for: Section(whole: network))
        for (index, node) in network.nodes.enumerated() where needed.contains(index) {
            guard case .batchNorm(let norm) = node.operation, norm.axis == nil else { continue }
            try Cancellation.check()
            let before = node.inputs[0]
            let convolution = findsDirections ? network.convolution(before).map { (before, $0) } : nil
            try cache.advance(to: [before] + network.nodes[before].inputs.prefix(convolution == nil ? 0 : 1))
            guard let values = cache[before] else { continue }
            if result.imageMeans[norm.mean] == nil { result.imageMeans[norm.mean] = Self.imageMeans(values) }
            if let (place, convolution) = convolution, result.directions[convolution.kernel] == nil,
                tooLarge(convolution, memory: Self.memory) == nil,
                let inputs = cache[network.nodes[place].inputs[0]]
            {
                result.directions[convolution.kernel] = try direction(convolution, inputs, values)
            }
            try cache.advance(to: [index])
            cache.release()
            progress(index + 1, network.nodes.count)
        }
        return result
    }

    /// The parameters with running statistics of the noise.
    private func ownStatistics() throws -> ParameterTable {
        let engine = try BatchStatisticsEngine(
            network: network, parameters: parameters, imageShape: images.shape, workers: workers)
        var averages = AveragedStatistics()
        var names: [String: (mean: String, variance: String)] = [:]
        let images = images
        let source = ImageSource(count: images.count, shape: images.shape) { images.load($0, $1) }
        _ = try engine.run(
            on: source, batchSize: images.count,
            observe: { entered in
                guard case .batchNorm(let norm) = network.nodes[entered.node].operation else { return }
                averages.add(entered, of: norm.mean, isUnbiased: false)
                names[norm.mean] = (norm.mean, norm.variance)
            })
        var tensors: [String: Tensor] = [:]
        for (name, parameters) in names {
            guard let average = averages.average(of: name) else { continue }
            tensors[parameters.mean] = Tensor(average.mean.map { Float($0) })
            tensors[parameters.variance] = Tensor(average.variance.map { Float($0) })
        }
        return parameters.replacing(tensors)
    }

    /// The direction in which each group's filters reach mean 0 at the least change of what they give.
    private func direction(
        _ convolution: Convolution, _ inputs: ActivationStore, _ outputs: ActivationStore
    ) throws -> [Double] {
        let source = MomentSource(convolution, inputs: inputs, target: MomentTarget(value: outputs))
        let positions = images.count * (outputs.shape.count / convolution.outputs)
        var stride = max(1, positions / max(Self.fewestPositions, 4 * convolution.filterSize))
        // A stride that divides the width sees some columns only.
        while greatestCommonDivisor(stride, outputs.shape.asMap[1]) > 1 { stride += 1 }
        return try source.sums(images: Array(0..<images.count), stride: stride, workers: workers).flatMap {
            let moments = LinearMoments($0)
            return try Reconstruction(
                covariance: moments.covariance, size: moments.inputs, ridge: Self.ridge
            ).direction
        }
    }

    /// The mean of each channel over each image, less that over all of them, in deviations of the channel.
    private static func imageMeans(_ values: ActivationStore) -> [[Double]] {
        let channels = values.shape[-1]
        let positions = values.shape.count / max(channels, 1)
        var means = [[Double]](repeating: [Double](repeating: 0, count: channels), count: values.count)
        var (sums, squares) = (
            [Double](repeating: 0, count: channels), [Double](repeating: 0, count: channels)
        )
        for image in 0..<values.count {
            values.withValues(image) { map in
                for position in 0..<positions {
                    for channel in 0..<channels {
                        let value = Double(map[position * channels + channel])
                        means[image][channel] += value
                        squares[channel] += value * value
                    }
                }
            }
            for channel in 0..<channels { sums[channel] += means[image][channel] }
        }
        let total = Double(max(positions * values.count, 1))
        let deviations = zip(sums, squares).map { sum, square in
            max(square / total - sum / total * (sum / total), 0).squareRoot()
        }
        return means.map { image in
            image.indices.map { channel in
                guard deviations[channel] > 0 else { return 0 }
                return (image[channel] / Double(max(positions, 1)) - sums[channel] / total)
                    / deviations[channel]
            }
        }
    }
}

extension Network {
    /// The convolution at a node.
    fileprivate func convolution(_ index: Int) -> Convolution? {
        if case .convolution(let convolution) = nodes[index].operation { convolution } else { nil }
    }
}
