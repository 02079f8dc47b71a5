import CKernels

/// Normalizations of one image's map in two passes: statistics, then the affine with the sum and the clamp.
final class Normalizer {
    private var means: [Double] = []
    private var squares: [Double] = []
    private var scratch: [Float] = []
    private var mean: [Float] = []
    private var scale: [Float] = []
    private var shift: [Float] = []

    /// Group normalization. A group's sum of squares is that of its channels about their own means, plus that of
    /// the means about the group's, so that nothing large is subtracted from something large.
    func groupNorm(
        _ norm: GroupNormStep, _ operands: [UnsafePointer<Float>], _ y: UnsafeMutableBufferPointer<Float>
    ) {
        let channels = norm.gamma.count
        let positions = y.count / channels
        resize(channels)
        nc_channel_moments(operands[0], positions, channels, &means, &squares, &scratch)
        let perGroup = channels / norm.groups
        for start in stride(from: 0, to: channels, by: perGroup) {
            let group = start..<start + perGroup
            let center = group.reduce(0) { $0 + means[$1] } / Double(perGroup)
            let sum = group.reduce(0) { sum, channel in
                let offset = means[channel] - center
                return sum + squares[channel] + Double(positions) * offset * offset
            }
            let factor = 1 / (sum / Double(positions * perGroup) + norm.epsilon).squareRoot()
            for channel in group {
                mean[channel] = Float(center)
                // What rounding the mean to Float leaves over goes into the shift.
                let rest = center - Double(mean[channel])
                let gamma = Double(norm.gamma[channel]) * factor
                scale[channel] = Float(gamma)
                shift[channel] = Float(Double(norm.beta[channel]) - rest * gamma)
            }
        }
        nc_normalize(
            operands[0], operands.count > 1 ? operands[1] : nil, y.baseAddress, positions, channels, mean,
            scale,
            shift, norm.clamp.floor, norm.clamp.ceiling)
    }

    /// x·scale + shift per channel.
    func affine(
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
    func layerNorm(
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
    }
}
