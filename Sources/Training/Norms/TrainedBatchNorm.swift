import CKernels
import Inference
import Networks
import Tensors

/// A batch norm whose gamma and beta are trained: how a team takes a turn's maps forwards and back. Written only while no
/// thread runs or all of them wait.
final class TrainedBatchNorm: @unchecked Sendable {
    let norm: BatchNorm
    /// Where the norm stands in the network.
    let node: Int
    /// Whether it normalizes with the batch's statistics.
    let usesBatch: Bool
    private let positions: Int
    private let images: Int
    private var gamma: [Float]
    private var beta: [Float]
    private var mean: [Float]
    /// 1/√(variance + ε)
    private var factor: [Double]
    /// What is added to an image's mean to make it the statistics' mean exact to the double.
    private var shift: [Float] = []
    private var scale: [Float] = []
    /// dx = direct·dy + slope·(x − mean) + offset
    private var slope: [Float]
    private var offset: [Float]
    private let sums: NormSums

    /// Throws `InferenceError` for a parameter, and where a batch holds one value of each channel.
    init(
        _ norm: BatchNorm, node: Int, layer: String, map: Shape, mode: BatchNormMode, _ sums: NormSums,
        _ weights: Weights
    ) throws {
        (self.norm, self.node, self.sums, images) = (norm, node, sums, sums.images)
        usesBatch = mode == .batch
        positions = map.count / norm.channels
        guard !usesBatch || images * positions > 1 else { throw InferenceError.singleValue(layer: layer) }
        gamma = try weights.read(norm.gamma, count: norm.channels, else: 1)
        beta = try weights.read(norm.beta, count: norm.channels, else: 0)
        slope = [Float](repeating: 0, count: norm.channels)
        offset = slope
        (mean, factor) = (slope, [])
        if !usesBatch {
            let variance = try weights.readVariance(norm.variance, count: norm.channels)
            mean = try weights.read(norm.mean, count: norm.channels)
            factor = variance.map { 1 / (Double($0) + norm.epsilon).squareRoot() }
        }
        setAffine(means: mean.map(Double.init))
    }

    /// Makes these the current gamma and beta; nil where one is not trained.
    func set(gamma: [Float]?, beta: [Float]?) {
        self.gamma = gamma ?? self.gamma
        self.beta = beta ?? self.beta
        if !usesBatch { setAffine(means: mean.map(Double.init)) }
    }

    private func setAffine(means: [Double]) {
        guard !factor.isEmpty else { return }
        scale = gamma.indices.map { Float(Double(gamma[$0]) * factor[$0]) }
        // What rounding the mean to Float leaves over goes into the shift.
        shift = means.indices.map {
            Float(Double(beta[$0]) - (means[$0] - Double(mean[$0])) * Double(gamma[$0]) * factor[$0])
        }
    }

    // MARK: Forwards

    /// A member's share of y = (x − mean)·scale + shift, clamped. `observe` is told the batch's statistics where they
    /// normalize.
    func run(_ maps: NormMaps, _ member: TeamMember, observe: (NormBatch) -> Void) throws {
        if usesBatch {
            sums.takeMoments(maps.x, positions: positions, channels: norm.channels, member)
            try member.meet { observe(takeStatistics()) }
        }
        let own = member.share(of: images * positions)
        nc_normalize(
            maps.x + own.lowerBound * norm.channels, nil, maps.y + own.lowerBound * norm.channels, own.count,
            norm.channels, mean, scale, shift, maps.clamp.floor, maps.clamp.ceiling)
    }

    /// Mean and biased variance of each channel over a batch's images, rows and columns. Images are added in order.
    private func takeStatistics() -> NormBatch {
        let channels = norm.channels
        var means = [Double](repeating: 0, count: channels)
        var squares = means
        for image in 0..<images {
            for channel in 0..<channels { means[channel] += sums.first[image * channels + channel] }
        }
        for channel in 0..<channels { means[channel] /= Double(images) }
        // About the images' own means, and those about the batch's: nothing large is subtracted from something large.
        for image in 0..<images {
            for channel in 0..<channels {
                let offset = sums.first[image * channels + channel] - means[channel]
                squares[channel] +=
                    sums.second[image * channels + channel] + Double(positions) * offset * offset
            }
        }
        let count = positions * images
        let batch = NormBatch(
            node: node, mean: means, variance: squares.map { $0 / Double(count) }, count: count)
        mean = means.map { Float($0) }
        factor = batch.variance.map { 1 / ($0 + norm.epsilon).squareRoot() }
        setAffine(means: means)
        return batch
    }

    // MARK: Back

    /// A member's share of the way back; gradients of gamma and beta are added to.
    func runBack(
        _ maps: NormMaps, dgamma: UnsafeMutablePointer<Float>?, dbeta: UnsafeMutablePointer<Float>?,
        _ member: TeamMember
    ) throws {
        guard let dy = maps.dy else { return }
        let channels = norm.channels
        sums.takeGradients(
            maps.x, dy, maskedBy: maps.mask, maps.clamp, positions: positions, mean: mean, member,
            channels: channels)
        try member.meet { takeGradient(dgamma, dbeta) }
        guard let dx = maps.dx else { return }
        let own = member.share(of: images * positions)
        let place = own.lowerBound * channels
        if usesBatch {
            nc_norm_gradient(
                maps.x + place, dy + place, dx + place, own.count, channels, mean, scale, slope, offset,
                maps.adds ? 1 : 0)
        } else {
            nc_scale_gradient(
                nil, dy + place, dx + place, own.count, channels, scale, 0, 0, maps.adds ? 1 : 0)
        }
    }

    /// Adds gamma's and beta's gradients, and takes the coefficients of the way back.
    private func takeGradient(
        _ dgamma: UnsafeMutablePointer<Float>?, _ dbeta: UnsafeMutablePointer<Float>?
    ) {
        let (channels, count) = (norm.channels, Double(images * positions))
        for channel in 0..<channels {
            var (plain, product) = (0.0, 0.0)
            for image in 0..<images {
                plain += sums.first[image * channels + channel]
                product += sums.second[image * channels + channel]
            }
            let (factor, gamma) = (factor[channel], Double(gamma[channel]))
            dgamma?[channel] += Float(product * factor)
            dbeta?[channel] += Float(plain)
            slope[channel] = Float(-gamma * factor * factor * factor * product / count)
            offset[channel] = Float(-gamma * factor * plain / count)
        }
    }
}

/// A scale and a shift of each channel that are not trained: those of configurations, and of frozen batch norms.
struct FixedAffine: Sendable {
    private let zeros: [Float]
    private let scale: [Float]
    private let shift: [Float]

    init(_ affine: ChannelAffine) {
        scale = affine.scale.map { Float($0) }
        shift = affine.shift.map { Float($0) }
        zeros = scale.map { _ in 0 }
    }

    /// A member's share of y = x·scale + shift, clamped.
    func run(_ maps: NormMaps, images: Int, _ member: TeamMember) {
        let own = member.share(of: images * maps.positions)
        let place = own.lowerBound * scale.count
        nc_normalize(
            maps.x + place, nil, maps.y + place, own.count, scale.count, zeros, scale, shift,
            maps.clamp.floor, maps.clamp.ceiling)
    }

    /// A member's share of the way back.
    func runBack(_ maps: NormMaps, images: Int, _ member: TeamMember) {
        guard let dy = maps.dy, let dx = maps.dx else { return }
        let own = member.share(of: images * maps.positions)
        let place = own.lowerBound * scale.count
        nc_scale_gradient(
            maps.mask.map { $0 + place }, dy + place, dx + place, own.count, scale.count, scale,
            maps.clamp.floor, maps.clamp.ceiling, maps.adds ? 1 : 0)
    }
}
