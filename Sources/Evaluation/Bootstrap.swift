import Dispatch
import Synchronization
import Tensors

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
package struct Bootstrap: Sendable {
    /// How many draws.
    package var draws = 2000
    /// Where the random numbers start.
    package var seed: UInt64 = 0

    /// The draws that `Evaluation` makes.
    package init() {}

    /// Intervals of several statistics at once, each a function of a draw. Draws are made on all cores; what comes out does
    /// not depend on how many there are.
    func intervals(
        _ statistics: @escaping @Sendable (inout Draw) -> [Double]
    ) -> [(low: Double, high: Double)] {
        let results = Mutex([[Double]](repeating: [], count: draws))
        DispatchQueue.concurrentPerform(iterations: draws) { draw in
            var numbers = Draw(seed: seed, index: draw)
            let values = statistics(&numbers)
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

/// The random numbers of one draw.
struct Draw: Sendable {
    private var generator: SplitMix64

    init(seed: UInt64, index: Int) {
        // A draw's numbers start far from those of every other.
        var start = SplitMix64(seed: seed &+ UInt64(index))
        generator = SplitMix64(seed: start.next())
    }

    /// One of `count` things, all of them equally probable.
    mutating func next(of count: Int) -> Int {
        Int(generator.next().multipliedFullWidth(by: UInt64(count)).high)
    }
}
