import Synchronization

/// Two sums by channel of each image of a batch, put in by several threads for disjoint images.
final class ImageSums: Sendable {
    /// Σdy, and Σdy·(x − mean).
    typealias Sums = (plain: [Double], products: [Double])

    private let sums: Mutex<[Sums]>

    /// All 0.
    init(images: Int, channels: Int) {
        let zeros = [Double](repeating: 0, count: channels)
        sums = Mutex([Sums](repeating: (zeros, zeros), count: images))
    }

    /// Takes an image's sums.
    func set(_ image: Int, _ own: Sums) { sums.withLock { $0[image] = own } }

    /// The batch's sums. Images are added in order: the result does not depend on who measured them.
    func total() -> Sums {
        sums.withLock { sums in
            var total = sums[0]
            for own in sums.dropFirst() {
                for channel in own.plain.indices {
                    total.plain[channel] += own.plain[channel]
                    total.products[channel] += own.products[channel]
                }
            }
            return total
        }
    }
}
