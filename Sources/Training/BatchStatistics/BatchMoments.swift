import CKernels
import Synchronization
import Inference

/// Mean and squared deviations of each channel of each image's map, put in by several threads for disjoint images.
final class ImageMoments: Sendable {
    private struct State {
        var means: [Double]
        var squares: [Double]
    }

    private let channels: Int
    private let positions: Int
    private let state: Mutex<State>

    /// Nothing yet of `images` maps of `positions` × `channels` values.
    init(images: Int, positions: Int, channels: Int) {
        self.channels = channels
        self.positions = positions
        let zeros = [Double](repeating: 0, count: images * channels)
        state = Mutex(State(means: zeros, squares: zeros))
    }

    /// Takes the moments of a range of images, [images, positions, channels].
    func measure(_ images: Range<Int>, _ values: UnsafeBufferPointer<Float>) {
        guard let start = values.baseAddress else { return }
        var means = [Double](repeating: 0, count: channels)
        var squares = means
        var scratch = [Float](repeating: 0, count: 3 * channels)
        for (place, image) in images.enumerated() {
            let map = start + place * positions * channels
            nc_channel_moments(map, positions, channels, &means, &squares, &scratch)
            let part = image * channels..<(image + 1) * channels
            state.withLock { state in
                state.means.replaceSubrange(part, with: means)
                state.squares.replaceSubrange(part, with: squares)
            }
        }
    }

    /// Mean and biased variance of each channel over a batch's images, rows and columns. Images are added in order: the
    /// result does not depend on who measured them.
    func statistics(of batch: Range<Int>, of node: Int) -> NormBatch {
        state.withLock { state in
            var mean = [Double](repeating: 0, count: channels)
            var squares = mean
            for image in batch {
                for channel in 0..<channels { mean[channel] += state.means[image * channels + channel] }
            }
            for channel in 0..<channels { mean[channel] /= Double(batch.count) }
            // About the images' own means, and those about the batch's: nothing large is subtracted from something large.
            for image in batch {
                for channel in 0..<channels {
                    let offset = state.means[image * channels + channel] - mean[channel]
                    squares[channel] +=
                        state.squares[image * channels + channel] + Double(positions) * offset * offset
                }
            }
            let count = positions * batch.count
            return NormBatch(
                node: node, mean: mean, variance: squares.map { $0 / Double(count) }, count: count)
        }
    }
}

/// (x − mean)·scale + shift for each channel: a batch norm with the statistics of one batch.
struct BatchAffine: Sendable {
    private let mean: [Float]
    private let scale: [Float]
    private let shift: [Float]

    init(mean: [Double], variance: [Double], gamma: [Float], beta: [Float], epsilon: Double) {
        let factors = zip(gamma, variance).map { Double($0) / ($1 + epsilon).squareRoot() }
        let rounded = mean.map { Float($0) }
        self.mean = rounded
        scale = factors.map { Float($0) }
        // What rounding the mean to Float leaves over goes into the shift.
        shift = mean.indices.map { Float(Double(beta[$0]) - (mean[$0] - Double(rounded[$0])) * factors[$0]) }
    }

    /// Normalizes maps in place, [images, positions, channels].
    func apply(_ values: UnsafeMutableBufferPointer<Float>) {
        nc_normalize(
            values.baseAddress, nil, values.baseAddress, values.count / mean.count, mean.count, mean, scale,
            shift, -.infinity, .infinity)
    }
}
