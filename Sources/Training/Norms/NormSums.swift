import CKernels
import Inference

/// Two sums for each channel of each image of a turn, which a team's threads take together. Nothing depends on how many
/// there are.
final class NormSums: @unchecked Sendable {
    /// Images of a turn.
    let images: Int
    private let channels: Int
    private let memory: AlignedMemory

    /// Channels that a thread takes at once.
    private static let block = 64

    /// For maps of at most so many channels.
    init(images: Int, channels: Int) throws(InferenceError) {
        (self.images, self.channels) = (images, channels)
        memory = try AlignedMemory(bytes: 2 * images * channels * MemoryLayout<Double>.stride)
    }

    /// Means, or sums of gradients, by image and channel, [images, channels].
    var first: UnsafeMutablePointer<Double> { memory.address.assumingMemoryBound(to: Double.self) }
    /// Squared deviations from the means, or sums of products.
    var second: UnsafeMutablePointer<Double> { first + images * channels }

    /// A member's share of the moments of all images; complete when all have met.
    func takeMoments(_ x: UnsafePointer<Float>, positions: Int, channels: Int, _ member: TeamMember) {
        forEachPart(channels, member) { image, part in
            let place = image * channels + part.lowerBound
            nc_map_moments(
                x + image * positions * channels + part.lowerBound, positions, channels, part.count,
                first + place, second + place)
        }
    }

    /// A member's share of Σdy and Σdy·(x − mean) for all images, with a mean for each channel, or each image's channel.
    /// Where there is a result y, its clamp masks dy.
    func takeGradients(
        _ x: UnsafePointer<Float>, _ dy: UnsafeMutablePointer<Float>, maskedBy y: UnsafePointer<Float>?,
        _ clamp: Clamp, positions: Int, mean: [Float], _ member: TeamMember, channels: Int
    ) {
        let perImage = mean.count / channels > 1 ? channels : 0
        mean.withUnsafeBufferPointer { mean in
            guard let mean = mean.baseAddress else { return }
            forEachPart(channels, member) { image, part in
                let map = image * positions * channels + part.lowerBound
                let place = image * channels + part.lowerBound
                nc_map_gradient_sums(
                    x + map, y.map { $0 + map }, dy + map, positions, channels, part.count,
                    mean + image * perImage + part.lowerBound, clamp.floor, clamp.ceiling, first + place,
                    second + place)
            }
        }
    }

    private func forEachPart(
        _ channels: Int, _ member: TeamMember, _ body: (_ image: Int, _ channels: Range<Int>) -> Void
    ) {
        let blocks = (channels + Self.block - 1) / Self.block
        for piece in member.share(of: images * blocks) {
            let start = piece % blocks * Self.block
            body(piece / blocks, start..<min(start + Self.block, channels))
        }
    }
}

/// What a norm reads and writes.
struct NormMaps {
    let x: UnsafePointer<Float>
    let y: UnsafeMutablePointer<Float>
    /// The gradient of y, which a clamp masks in place.
    let dy: UnsafeMutablePointer<Float>?
    /// The gradient of x; nil where nobody needs it.
    let dx: UnsafeMutablePointer<Float>?
    /// Whether dx is added to.
    let adds: Bool
    let positions: Int
    let clamp: Clamp

    /// The result that masks the gradient.
    var mask: UnsafePointer<Float>? { clamp == .none ? nil : UnsafePointer(y) }
}
