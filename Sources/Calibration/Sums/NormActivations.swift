import Training
import Inference
import CKernels
import Tensors

/// What a norm's output is to be: together with `offset` it enters a ReLU, or is taken as it is, where the other
/// network has `value`.
package struct NormTarget: Sendable {
    /// What the other network has, [images, values].
    package var value: ActivationStore
    /// What is added to the norm's output first, as a block's shortcut is.
    package var offset: ActivationStore?
    /// Whether a ReLU follows, so that only what passes it counts in full.
    package var hasReLU: Bool
    /// What an error counts that no ReLU lets through.
    package var leak: Float

    /// A target.
    package init(value: ActivationStore, offset: ActivationStore?, hasReLU: Bool, leak: Float) {
        self.value = value
        self.offset = offset
        self.hasReLU = hasReLU
        self.leak = leak
    }
}

extension NormTarget {
    /// Adds the derivative of half the weighted squared error with respect to the norm's output for one image.
    package func addGradient(
        _ image: Int, _ output: UnsafeBufferPointer<Float>, _ gradient: UnsafeMutableBufferPointer<Float>
    ) {
        withValues(image) { p, s in
            nc_add_fit_gradient(
                output.baseAddress, p, s, gradient.baseAddress, gradient.count, hasReLU ? 1 : 0, leak)
        }
    }

    /// Lets the body see one image's value and offset.
    fileprivate func withValues(
        _ image: Int, _ body: (UnsafePointer<Float>, UnsafePointer<Float>?) -> Void
    ) {
        value.withValues(image) { value in
            if let offset { offset.withValues(image) { body(value, $0) } } else { body(value, nil) }
        }
    }
}

/// What enters a group norm, with the statistics of each image; channels may change their signs.
package struct NormActivations: Sendable {
    /// The norm's input u, [images, values].
    package let input: ActivationStore
    /// Channels.
    package let channels: Int
    /// Groups of consecutive channels.
    package let groups: Int
    /// Positions of an image.
    package var positions: Int { input.shape.count / channels }
    private let epsilon: Double
    private let workers: Int
    /// Mean and mean square of each channel of each image, [images, channels].
    private var means: [Double]
    private var meanSquares: [Double]
    /// 1 or −1 for each channel: what u is to be multiplied with.
    package private(set) var signs: [Float]

    /// Takes the statistics of some images; those of others must not be asked for.
    package init(
        _ input: ActivationStore, images: [Int], channels: Int, groups: Int, epsilon: Double, workers: Int
    ) throws {
        self.input = input
        self.channels = channels
        self.groups = groups
        self.epsilon = epsilon
        self.workers = workers
        signs = [Float](repeating: 1, count: channels)
        var means = [Double](repeating: .nan, count: input.count * channels)
        var meanSquares = means
        let positions = input.shape.count / channels
        try inOrder(
            count: images.count, part: input.imagesPerPart, workers: workers,
            work: { range in
                var scratch = [Float](repeating: 0, count: 3 * channels)
                return images[range].map { image in
                    var mean = [Double](repeating: 0, count: channels)
                    var squares = mean
                    input.withValues(image) {
                        nc_channel_moments($0, positions, channels, &mean, &squares, &scratch)
                    }
                    for channel in 0..<channels {
                        squares[channel] =
                            squares[channel] / Double(positions) + mean[channel] * mean[channel]
                    }
                    return (image, mean, squares)
                }
            },
            merge: { part in
                for (image, mean, squares) in part {
                    let place = image * channels..<(image + 1) * channels
                    means.replaceSubrange(place, with: mean)
                    meanSquares.replaceSubrange(place, with: squares)
                }
            })
        (self.means, self.meanSquares) = (means, meanSquares)
    }

    /// The mean over positions of each channel of some images, as u stands, [images, channels].
    package func channelMeans(_ images: [Int]) -> [Double] {
        images.flatMap { means[$0 * channels..<($0 + 1) * channels] }
    }

    /// Turns channels over from here on.
    package mutating func turn(_ signs: [Float]) {
        for channel in 0..<channels { self.signs[channel] *= signs[channel] }
    }

    /// The norm of an image without its affine is (u − mean)·factor per channel.
    @Sendable private func normalization(_ image: Int) -> (mean: [Float], factor: [Float]) {
        let perGroup = channels / groups
        var (mean, factor) = ([Float](repeating: 0, count: channels), [Float](repeating: 0, count: channels))
        for start in stride(from: 0, to: channels, by: perGroup) {
            let own = start..<start + perGroup
            let center =
                own.reduce(0) { $0 + Double(signs[$1]) * means[image * channels + $1] } / Double(perGroup)
            let square = own.reduce(0) { $0 + meanSquares[image * channels + $1] } / Double(perGroup)
            let rate = 1 / (max(square - center * center, 0) + epsilon).squareRoot()
            for channel in own {
                mean[channel] = Float(center) * signs[channel]
                factor[channel] = Float(rate) * signs[channel]
            }
        }
        return (mean, factor)
    }

    /// The sums that a fit needs, over some images, with the norm's gamma and beta as they are now.
    package func sums(
        _ images: [Int], gamma: [Double], beta: [Double], target: NormTarget
    ) throws -> NormFitSums {
        try input.fitSums(
            images, gamma: gamma.map(Float.init), beta: beta.map(Float.init), target: target,
            workers: workers, normalization: normalization)
    }

    /// The mean over images of factor², the squared rate at which u passes the norm, of each channel.
    package func meanSquareRates(_ images: [Int]) -> [Double] {
        var sums = [Double](repeating: 0, count: channels)
        for image in images {
            let factor = normalization(image).factor
            for channel in 0..<channels { sums[channel] += Double(factor[channel] * factor[channel]) }
        }
        return sums.map { $0 / Double(max(images.count, 1)) }
    }

    /// Multiplies u itself with the signs, which then are all 1.
    package mutating func turnInput() throws {
        let (input, turned, channels) = (input, signs, channels)
        try inOrder(
            count: input.count, part: input.imagesPerPart, workers: workers,
            work: { images in
                var values = input.values(images)
                values.withUnsafeMutableBufferPointer { values in
                    for start in stride(from: 0, to: values.count, by: channels) {
                        for channel in 0..<channels { values[start + channel] *= turned[channel] }
                    }
                    input.store(images, UnsafeBufferPointer(values))
                }
            }, merge: { _ in })
        for index in means.indices { means[index] *= Double(turned[index % channels]) }
        signs = [Float](repeating: 1, count: channels)
    }
}

extension ActivationStore {
    /// The squared error of these values on some images, behind the ReLU if there is one, in units of how much
    /// the other network's values vary.
    package func relativeError(_ images: [Int], target: NormTarget, workers: Int) throws -> Double {
        let channels = shape[-1]
        let (zeros, ones) = (
            [Float](repeating: 0, count: channels), [Float](repeating: 1, count: channels)
        )
        return try fitSums(images, gamma: ones, beta: zeros, target: target, workers: workers) { _ in
            (zeros, ones)
        }.relativeError(positions: images.count * (shape.count / channels))
    }

    fileprivate func fitSums(
        _ images: [Int], gamma: [Float], beta: [Float], target: NormTarget, workers: Int,
        normalization: @escaping @Sendable (Int) -> (mean: [Float], factor: [Float])
    ) throws -> NormFitSums {
        let channels = gamma.count
        let positions = shape.count / channels
        var total = NormFitSums(channels: channels)
        try inOrder(
            count: images.count, part: imagesPerPart, workers: workers,
            work: { range in
                var sums = NormFitSums(channels: channels)
                for image in images[range] {
                    let (mean, factor) = normalization(image)
                    self.withValues(image) { u in
                        target.withValues(image) { p, s in
                            nc_fit_sums(
                                u, p, s, positions, channels, mean, factor, gamma, beta,
                                target.hasReLU ? 1 : 0, target.leak, &sums.values)
                        }
                    }
                }
                return sums
            },
            merge: { total.add($0) })
        return total
    }

    /// Enough images that a part is worth a thread's turn.
    var imagesPerPart: Int { max(1, 262_144 / max(shape.count, 1)) }
}

/// Sums over positions and images, for each channel of a norm, with z the norm's value before γ and β.
package struct NormFitSums: Sendable {
    fileprivate var values: [Double]
    /// Channels.
    package let channels: Int

    fileprivate init(channels: Int) {
        self.channels = channels
        values = [Double](repeating: 0, count: Int(NC_FIT_SUMS) * channels)
    }

    fileprivate mutating func add(_ other: NormFitSums) {
        for index in values.indices { values[index] += other.values[index] }
    }

    private func sum(_ which: Int, _ channel: Int) -> Double { values[which * channels + channel] }

    /// Σw, Σwz, Σwt, Σwz² and Σwzt of a channel.
    package func regression(
        _ channel: Int
    ) -> (weight: Double, z: Double, target: Double, zz: Double, zt: Double) {
        (
            sum(NC_FIT_WEIGHT, channel), sum(NC_FIT_Z, channel), sum(NC_FIT_TARGET, channel),
            sum(NC_FIT_Z_Z, channel), sum(NC_FIT_Z_TARGET, channel)
        )
    }

    /// The weighted squared error of a channel, which a fit makes small.
    package func loss(_ channel: Int) -> Double { sum(NC_FIT_LOSS, channel) }

    /// The squared error of a channel behind the ReLU, if there is one.
    package func error(_ channel: Int) -> Double { sum(NC_FIT_ERROR, channel) }

    /// The squared deviation of the other network's values behind the ReLU from their mean, for `count` of them.
    package func spread(_ channel: Int, count: Int) -> Double {
        let total = sum(NC_FIT_VALUE, channel)
        return max(sum(NC_FIT_SQUARE, channel) - total * total / Double(max(count, 1)), 0)
    }

    /// The error of all channels in units of what the other network's values vary.
    package func relativeError(positions: Int) -> Double {
        let total = (0..<channels).reduce(0) { $0 + spread($1, count: positions) }
        return total > 0 ? (0..<channels).reduce(0) { $0 + error($1) } / total : 0
    }
}
