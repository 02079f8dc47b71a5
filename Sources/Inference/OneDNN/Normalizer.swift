import CKernels

/// Moments of a map's channels that are added up part by part, for the statistics of a group norm.
package final class ChannelMoments {
    private var pivot: [Float]
    private var sums: [Double]
    private var squares: [Double]
    private var scratch: [Float]
    private var overflowed = false

    package init(channels: Int) {
        pivot = [Float](repeating: 0, count: channels)
        sums = [Double](repeating: 0, count: channels)
        squares = sums
        scratch = [Float](repeating: 0, count: 2 * channels)
    }

    /// Adds positions of a map that has `total`, in their order, and writes the norm's coefficients with the last.
    package func add(
        _ x: UnsafePointer<Float>, positions: Range<Int>, of total: Int, _ norm: GroupNormStep,
        into coefficients: UnsafeMutablePointer<Float>
    ) {
        let channels = norm.gamma.count
        if positions.lowerBound == 0 {
            nc_begin_moments(x, positions.count, channels, &pivot, &sums, &squares)
            overflowed = false
        }
        if nc_add_moments(x, positions.count, channels, pivot, &sums, &squares, &scratch) != 0 {
            overflowed = true
        }
        guard positions.upperBound == total else { return }
        if overflowed {
            nc_exact_moments(x - positions.lowerBound * channels, total, channels, &sums, &squares)
        } else {
            nc_finish_moments(total, channels, pivot, &sums, &squares)
        }
        nc_group_coefficients(
            sums, squares, total, channels, norm.groups, norm.epsilon, norm.gamma, norm.beta, coefficients)
    }
}

/// Normalizations of one image's map, or of a part of it.
package final class Normalizer {
    private var means: [Double] = []
    private var squares: [Double] = []
    private var scratch: [Float] = []
    private var mean: [Float] = []
    private var scale: [Float] = []
    private var shift: [Float] = []
    private var coefficients: [Float] = []

    package init() {}

    /// Group normalization in two passes: statistics, then the affine with the clamp.
    package func groupNorm(
        _ norm: GroupNormStep, _ operands: [UnsafePointer<Float>], _ y: UnsafeMutableBufferPointer<Float>
    ) {
        let channels = norm.gamma.count
        let positions = y.count / channels
        resize(channels)
        nc_channel_moments(operands[0], positions, channels, &means, &squares, &scratch)
        nc_group_coefficients(
            means, squares, positions, channels, norm.groups, norm.epsilon, norm.gamma, norm.beta,
            &coefficients)
        Self.apply(coefficients, of: norm, operands[0], nil, y)
    }

    /// (x − mean)·scale + shift with the coefficients of group statistics, then the sum and the clamp.
    package static func apply(
        _ coefficients: UnsafePointer<Float>, of norm: GroupNormStep, _ x: UnsafePointer<Float>,
        _ residual: UnsafePointer<Float>?, _ y: UnsafeMutableBufferPointer<Float>
    ) {
        let channels = norm.gamma.count
        nc_normalize(
            x, residual, y.baseAddress, y.count / channels, channels, coefficients, coefficients + channels,
            coefficients + 2 * channels, norm.clamp.floor, norm.clamp.ceiling)
    }

    /// x·scale + shift per channel.
    package func affine(
        _ affine: ChannelAffine, _ clamp: Clamp, _ operands: [UnsafePointer<Float>],
        _ y: UnsafeMutableBufferPointer<Float>
    ) {
        let channels = affine.scale.count
        resize(channels)
        for channel in 0..<channels {
            mean[channel] = 0
            scale[channel] = Float(affine.scale[channel])
            shift[channel] = Float(affine.shift[channel])
        }
        nc_normalize(
            operands[0], operands.count > 1 ? operands[1] : nil, y.baseAddress, y.count / channels, channels,
            mean, scale, shift, clamp.floor, clamp.ceiling)
    }

    /// Statistics over the channels of each position, in Double.
    package func layerNorm(
        _ gamma: [Float], _ beta: [Float], _ epsilon: Double, _ x: UnsafePointer<Float>,
        _ y: UnsafeMutableBufferPointer<Float>
    ) {
        let channels = gamma.count
        for start in stride(from: 0, to: y.count, by: channels) {
            var mean = 0.0
            for channel in 0..<channels { mean += Double(x[start + channel]) }
            mean /= Double(channels)
            var variance = 0.0
            for channel in 0..<channels {
                let deviation = Double(x[start + channel]) - mean
                variance += deviation * deviation
            }
            let factor = 1 / (variance / Double(channels) + epsilon).squareRoot()
            for channel in 0..<channels {
                let normalized = (Double(x[start + channel]) - mean) * factor
                y[start + channel] = Float(normalized * Double(gamma[channel]) + Double(beta[channel]))
            }
        }
    }

    private func resize(_ channels: Int) {
        guard mean.count < channels else { return }
        means = [Double](repeating: 0, count: channels)
        squares = means
        scratch = [Float](repeating: 0, count: 3 * channels)
        mean = [Float](repeating: 0, count: channels)
        scale = mean
        shift = mean
        coefficients = [Float](repeating: 0, count: 3 * channels)
    }
}
