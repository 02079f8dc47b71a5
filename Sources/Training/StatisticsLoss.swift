import CKernels
import Networks
import Tensors
import Inference

/// How far the statistics of what enters batch norms are from the stored ones:
///
///     Σ over norms of the mean over channels of (m − μ)²/(σ² + ε) + (√((s² + ε)/(σ² + ε)) − 1)²
///
/// with m and s² a channel's mean and biased variance over some images and all positions, μ and σ² the stored ones.
package struct StatisticsLoss: Sendable {
    private struct Norm: Sendable {
        var mean: [Double]
        /// √(σ² + ε)
        var deviation: [Double]
        var epsilon: Double
    }

    /// The nodes whose values are looked at: the operand of each batch norm that the output depends on.
    package let taps: [Int]
    private let norms: [Norm]

    /// Reads stored statistics. Throws `InferenceError`.
    package init(_ network: Network, parameters: ParameterTable) throws {
        let weights = Weights(parameters)
        var (taps, norms): ([Int], [Norm]) = ([], [])
        for index in network.nodesNeeded(for: Section(whole: network)).sorted() {
            guard case .batchNorm(let norm) = network.nodes[index].operation else { continue }
            let mean = try weights.read(norm.mean, count: norm.channels)
            let variance = try weights.readVariance(norm.variance, count: norm.channels)
            taps.append(network.nodes[index].inputs[0])
            norms.append(
                Norm(
                    mean: mean.map(Double.init),
                    deviation: variance.map { (Double($0) + norm.epsilon).squareRoot() },
                    epsilon: norm.epsilon))
        }
        (self.taps, self.norms) = (taps, norms)
    }

    /// A norm's part of the loss for what enters it, [images, positions, channels]; its gradient is added to
    /// `gradient`.
    package func add(
        _ tap: Int, _ values: UnsafeBufferPointer<Float>, _ gradient: UnsafeMutableBufferPointer<Float>
    ) -> Double {
        let norm = norms[tap]
        let channels = norm.mean.count
        guard let x = values.baseAddress, let dx = gradient.baseAddress else { return 0 }
        let positions = values.count / channels
        var mean = [Double](repeating: 0, count: channels)
        var (squares, scratch) = (mean, [Float](repeating: 0, count: 3 * channels))
        nc_channel_moments(x, positions, channels, &mean, &squares, &scratch)
        var loss = 0.0
        var slope = [Float](repeating: 0, count: channels)
        var offset = slope
        for channel in 0..<channels {
            let stored = norm.deviation[channel]
            let distance = (mean[channel] - norm.mean[channel]) / stored
            let found = (squares[channel] / Double(positions) + norm.epsilon).squareRoot()
            let excess = found / stored - 1
            loss += distance * distance + excess * excess
            let share = 2 / (Double(channels * positions) * stored)
            slope[channel] = Float(share * excess / found)
            offset[channel] = Float(share * distance)
        }
        let direct = [Float](repeating: 0, count: channels)
        nc_norm_gradient(
            x, x, dx, positions, channels, mean.map(Float.init), direct, slope, offset, 1)
        return loss / Double(channels)
    }
}
