import CKernels
import Inference
import Networks
import Threads

/// A group norm that is trained: how a team takes a turn's maps forwards and back. Its parameters change only while no
/// thread runs.
final class TrainedGroupNorm: @unchecked Sendable {
    let norm: GroupNorm
    private let sums: NormSums
    private var gamma: [Float]
    private var beta: [Float]
    /// By image and channel: the mean, the scale and the shift.
    private let coefficients: AlignedMemory
    private var mean: [Float]
    /// 1/s by image and group.
    private var factor: [Double]
    private let back: AlignedMemory

    init(_ norm: GroupNorm, _ sums: NormSums) throws(InferenceError) {
        (self.norm, self.sums) = (norm, sums)
        gamma = [Float](repeating: 1, count: norm.channels)
        beta = [Float](repeating: 0, count: norm.channels)
        mean = [Float](repeating: 0, count: sums.images * norm.channels)
        factor = [Double](repeating: 0, count: sums.images * norm.groups)
        let bytes = 3 * sums.images * norm.channels * MemoryLayout<Float>.stride
        coefficients = try AlignedMemory(bytes: bytes)
        back = try AlignedMemory(bytes: bytes)
    }

    /// Makes these the current gamma and beta; nil for 1 and 0.
    func set(gamma: [Float]?, beta: [Float]?) {
        self.gamma = gamma ?? self.gamma
        self.beta = beta ?? self.beta
    }

    /// A member's share of y = (x − mean)·scale + shift, clamped.
    func run(_ maps: NormMaps, _ member: TeamMember) throws {
        let channels = norm.channels
        sums.takeMoments(maps.x, positions: maps.positions, channels: channels, member)
        try member.meet { setCoefficients(positions: maps.positions) }
        member.forEachShare(images: sums.images, positions: maps.positions) { image, positions in
            let own = coefficients.floats + 3 * image * channels
            let place = (image * maps.positions + positions.lowerBound) * channels
            nc_normalize(
                maps.x + place, nil, maps.y + place, positions.count, channels, own, own + channels,
                own + 2 * channels, maps.clamp.floor, maps.clamp.ceiling)
        }
    }

    private func setCoefficients(positions: Int) {
        let (channels, members) = (norm.channels, norm.channels / norm.groups)
        for image in 0..<sums.images {
            let (means, squares) = (sums.first + image * channels, sums.second + image * channels)
            let own = coefficients.floats + 3 * image * channels
            nc_group_coefficients(
                means, squares, positions, channels, norm.groups, norm.epsilon, gamma, beta, own)
            for group in 0..<norm.groups {
                var center = 0.0
                nc_group_moments(
                    means + group * members, squares + group * members, positions, members, norm.epsilon,
                    &center, &factor[image * norm.groups + group])
            }
            for channel in 0..<channels { mean[image * channels + channel] = own[channel] }
        }
    }

    /// A member's share of the way back; gradients of gamma and beta are added to.
    ///
    /// With x̂ = (x − m)/s and dx̂ = γ·dy, dx = (dx̂ − mean(dx̂) − x̂·mean(dx̂·x̂))/s over a group.
    func runBack(
        _ maps: NormMaps, dgamma: UnsafeMutablePointer<Float>?, dbeta: UnsafeMutablePointer<Float>?,
        _ member: TeamMember
    ) throws {
        guard let dy = maps.dy else { return }
        let channels = norm.channels
        sums.takeGradients(
            maps.x, dy, maskedBy: maps.mask, maps.clamp, positions: maps.positions, mean: mean, member,
            channels: channels)
        try member.meet {
            for image in 0..<sums.images { takeGradients(image, maps.positions, dgamma, dbeta) }
        }
        guard let dx = maps.dx else { return }
        member.forEachShare(images: sums.images, positions: maps.positions) { image, positions in
            let (own, means) = (
                back.floats + 3 * image * channels, coefficients.floats + 3 * image * channels
            )
            let place = (image * maps.positions + positions.lowerBound) * channels
            nc_norm_gradient(
                maps.x + place, dy + place, dx + place, positions.count, channels, means, own,
                own + channels, own + 2 * channels, maps.adds ? 1 : 0)
        }
    }

    /// Adds an image's gradients of gamma and beta, and takes the coefficients of its way back.
    private func takeGradients(
        _ image: Int, _ positions: Int, _ dgamma: UnsafeMutablePointer<Float>?,
        _ dbeta: UnsafeMutablePointer<Float>?
    ) {
        let (channels, members) = (norm.channels, norm.channels / norm.groups)
        let (plains, products) = (sums.first + image * channels, sums.second + image * channels)
        let own = back.floats + 3 * image * channels
        let count = Double(positions * members)
        for group in 0..<norm.groups {
            let factor = factor[image * norm.groups + group]
            let range = group * members..<(group + 1) * members
            var (plain, product) = (0.0, 0.0)
            for channel in range {
                dgamma?[channel] += Float(products[channel] * factor)
                dbeta?[channel] += Float(plains[channel])
                plain += Double(gamma[channel]) * plains[channel] / count
                product += Double(gamma[channel]) * products[channel] * factor / count
            }
            for channel in range {
                own[channel] = Float(Double(gamma[channel]) * factor)
                own[channels + channel] = Float(-product * factor * factor)
                own[2 * channels + channel] = Float(-plain * factor)
            }
        }
    }
}
