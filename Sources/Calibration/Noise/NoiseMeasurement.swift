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
    /// Bytes that the values of the images may take, and that those of the fewest images may.
    private static let memory = 1 << 30
    private static let mostMemory = 4 << 30

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
        let bytes = (network.liveValues(shapes).max() ?? 0) * MemoryLayout<Float>.size
        let count = min(Self.usualCount, max(Self.leastCount, Self.memory / max(bytes, 1)))
        guard count * bytes <= Self.mostMemory else {
            throw NoiseFailure.outOfMemory(
                height: imageShape[0], width: imageShape[1], bytes: count * bytes, limit: Self.mostMemory)
        }
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
        let pairs = ConvolutionNormPairs(network)
        for (index, node) in network.nodes.enumerated() where needed.contains(index) {
            guard case .batchNorm(let norm) = node.operation, norm.axis == nil else { continue }
            try Cancellation.check()
            let before = node.inputs[0]
            // Nothing else reads such a convolution: its input is held still.
            let isPair = findsDirections && pairs.normBehind[before] == index
            let convolution = isPair ? network.convolution(before) : nil
            try cache.advance(to: [before] + network.nodes[before].inputs.prefix(isPair ? 1 : 0))
            guard let values = cache[before] else { continue }
            if result.imageMeans[norm.mean] == nil { result.imageMeans[norm.mean] = Self.imageMeans(values) }
            if let convolution, tooLarge(convolution, memory: Self.memory) == nil,
                let inputs = cache[network.nodes[before].inputs[0]]
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
        /// Names of running variances by those of running means.
        var variances: [String: String] = [:]
        let images = images
        let source = ImageSource(count: images.count, shape: images.shape) { images.load($0, $1) }
        _ = try engine.run(
            on: source, batchSize: images.count,
            observe: { entered in
                guard case .batchNorm(let norm) = network.nodes[entered.node].operation else { return }
                averages.add(entered, of: norm.mean, isUnbiased: false)
                variances[norm.mean] = norm.variance
            })
        var tensors: [String: Tensor] = [:]
        for (mean, variance) in variances {
            guard let average = averages.average(of: mean) else { continue }
            tensors[mean] = Tensor(average.mean.map { Float($0) })
            tensors[variance] = Tensor(average.variance.map { Float($0) })
        }
        return parameters.replacing(tensors)
    }

    /// The direction in which each group's filters reach mean 0 at the least change of what they give.
    private func direction(
        _ convolution: Convolution, _ inputs: ActivationStore, _ outputs: ActivationStore
    ) throws -> [Double]? {
        let source = MomentSource(convolution, inputs: inputs, target: MomentTarget(value: outputs))
        let positions = images.count * (outputs.shape.count / convolution.outputs)
        var stride = max(1, positions / max(Self.fewestPositions, 4 * convolution.filterSize))
        // A stride that divides the width sees some columns only.
        while greatestCommonDivisor(stride, outputs.shape.asMap[1]) > 1 { stride += 1 }
        let sums = try source.sums(
            images: Array(0..<images.count), stride: stride, workers: min(workers, LayerFit.workerLimit))
        do {
            return try sums.flatMap {
                let moments = LinearMoments($0)
                return try Reconstruction(
                    covariance: moments.covariance, size: moments.inputs, ridge: Self.ridge,
                    threads: workers
                ).direction
            }
        } catch ConversionError.notDefinite {
            // Values that overflow on noise tell nothing; the moments do.
            return nil
        }
    }

    /// The mean of each channel over each image, less that over all of them, in deviations of the channel.
    private static func imageMeans(_ values: ActivationStore) -> [[Double]] {
        let channels = values.shape[-1]
        let positions = values.shape.count / max(channels, 1)
        var means: [[Double]] = []
        var (sums, squares) = (
            [Double](repeating: 0, count: channels), [Double](repeating: 0, count: channels)
        )
        for image in 0..<values.count {
            var own = [Double](repeating: 0, count: channels)
            values.withValues(image) { map in
                for position in 0..<positions {
                    for channel in 0..<channels {
                        let value = Double(map[position * channels + channel])
                        own[channel] += value
                        squares[channel] += value * value
                    }
                }
            }
            for channel in 0..<channels { sums[channel] += own[channel] }
            means.append(own)
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
