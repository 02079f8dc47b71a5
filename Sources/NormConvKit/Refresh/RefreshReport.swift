import Foundation
import Tensors

/// How the statistics of a network's batch norms were estimated anew, for `--json`.
package struct RefreshReport: Codable, Sendable, Equatable {
    /// The images' file or folder.
    package var data: String
    /// Images that passed through the network.
    package var images: Int
    /// Images in a batch.
    package var batch: Int
    /// The seed that drew them.
    package var seed: UInt64
    /// How batch variances were averaged.
    package var variance: Variance
    /// How far the statistics of each norm moved, in topological order.
    package var norms: [Norm]

    /// What variances of a batch are.
    package enum Variance: String, Codable, Sendable {
        /// The mean of squared deviations: Keras 3, and Keras 2 on steps and vectors.
        case biased
        /// That times N/(N − 1) for N values: PyTorch, and Keras 2 on maps and volumes.
        case unbiased
        /// Unbiased on maps and volumes, biased elsewhere: Keras 2.
        case mixed
    }

    /// How far a norm's statistics moved.
    package struct Norm: Codable, Sendable, Equatable {
        /// The layer's name.
        package var layer: String
        /// The mean over channels of |new mean − old mean|, in old standard deviations √(variance + ε).
        package var meanShift: Double
        /// The geometric mean over channels of the factor, 1 or more, between the old standard deviation and the new one.
        package var deviationFactor: Double
    }

    /// Batches that were averaged.
    package var batches: Int { images / max(batch, 1) }
}

extension RefreshReport.Norm {
    /// Compares statistics by channel.
    init(
        _ layer: String, epsilon: Double, old: (mean: [Float], variance: [Float]),
        new: (mean: [Double], variance: [Double])
    ) {
        var (shift, factor) = (0.0, 0.0)
        for channel in new.mean.indices {
            let deviation = (max(Double(old.variance[channel]), 0) + max(epsilon, 1e-12)).squareRoot()
            let other = (new.variance[channel] + max(epsilon, 1e-12)).squareRoot()
            shift += abs(new.mean[channel] - Double(old.mean[channel])) / deviation
            factor += abs(log(other / deviation))
        }
        let channels = Double(max(new.mean.count, 1))
        (self.layer, meanShift, deviationFactor) = (layer, shift / channels, exp(factor / channels))
    }
}

/// Why statistics were not estimated anew.
package enum RefreshFailure: Error, Equatable, CustomStringConvertible {
    /// A network without batch normalization.
    case noBatchNorm(path: String)
    /// Fewer images than one batch.
    case tooFewImages(file: String, found: Int, batch: Int)
    /// A norm of which a batch holds one value of each channel, which has no variance.
    case singleValue(layer: String)
    /// Statistics that float32 does not hold.
    case notFinite(layer: String, channel: Int)

    /// One line for people.
    package var description: String {
        switch self {
        case .noBatchNorm(let path):
            "\(path): the network has no batch normalization: there are no statistics to refresh"
        case .tooFewImages(let file, let found, let batch):
            "\(file): found \(found.counted("image")), expected at least one batch of \(batch); "
                + "give more images or a smaller --refresh-batch (2 or more)"
        case .singleValue(let layer):
            "layer '\(layer)': a batch of one image holds one value of each channel, which has no variance; "
                + "use --refresh-batch 2 or more"
        case .notFinite(let layer, let channel):
            "layer '\(layer)': the new statistics of channel \(channel) are not finite; check that --preprocess is that of "
                + "the training"
        }
    }
}
