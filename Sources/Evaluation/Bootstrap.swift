import Dispatch
import Synchronization

/// A mean and its 95 % interval.
public struct Estimate: Sendable, Equatable, Codable {
    /// The value on the images as they are.
    public let value: Double
    /// Lower end of the 95 % interval.
    public let low: Double
    /// Upper end of the 95 % interval.
    public let high: Double
}

/// The percentile bootstrap (Efron 1979): images are drawn with replacement, as many as there are, and the interval is
/// between the 2.5 % and the 97.5 % quantile of what the draws give. Draws depend on the seed alone, so that results can be
/// repeated, and two networks are scored on the same ones.
public struct Bootstrap: Sendable {
    /// How many draws.
    public var draws = 2000
    /// Where the random numbers start.
    public var seed: UInt64 = 0

    /// The draws that `Evaluation` makes.
    public init() {}

    /// Intervals of several statistics at once, each a function of the images drawn. Draws are made on all cores; what
    /// comes out does not depend on how many there are.
    func intervals(
        images: Int, _ statistics: @escaping @Sendable (DrawnImages) -> [Double]
    ) -> [(low: Double, high: Double)] {
        let results = Mutex([[Double]](repeating: [], count: draws))
        DispatchQueue.concurrentPerform(iterations: draws) { draw in
            let values = statistics(DrawnImages(count: images, seed: seed, draw: draw))
            results.withLock { $0[draw] = values }
        }
        let samples = results.withLock(\.self)
        return (samples.first ?? []).indices.map { index in
            let sorted = samples.map { $0[index] }.sorted()
            return (Self.quantile(sorted, 0.025), Self.quantile(sorted, 0.975))
        }
    }

    /// The quantile of sorted values, linear between two of them, as NumPy has it.
    static func quantile(_ sorted: [Double], _ share: Double) -> Double {
        let place = share * Double(sorted.count - 1)
        let below = Int(place)
        let above = min(below + 1, sorted.count - 1)
        return sorted[below] + (place - Double(below)) * (sorted[above] - sorted[below])
    }
}

/// As many images as there are, drawn with replacement.
struct DrawnImages: Sequence, IteratorProtocol {
    private let count: UInt64
    private var left: Int
    private var generator: SplitMix64

    init(count: Int, seed: UInt64, draw: Int) {
        self.count = UInt64(count)
        left = count
        // A draw's numbers start far from those of every other.
        var start = SplitMix64(state: seed &+ UInt64(draw))
        generator = SplitMix64(state: start.next())
    }

    mutating func next() -> Int? {
        guard left > 0 else { return nil }
        left -= 1
        return Int(generator.next().multipliedFullWidth(by: count).high)
    }
}

/// The generator of Steele, Lea and Flood (2014): any seed is as good as another.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
