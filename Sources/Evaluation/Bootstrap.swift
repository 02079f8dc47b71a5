import Dispatch
import Synchronization
import Tensors

/// A mean and its 95 % interval.
public struct Estimate: Sendable, Equatable, Codable {
    /// The value on the original images.
    public let value: Double
    /// Lower end of the 95 % interval.
    public let low: Double
    /// Upper end of the 95 % interval.
    public let high: Double
}

/// The percentile bootstrap (Efron 1979). Each sample draws as many images as there are, with replacement. The interval is
/// between the 2.5 % and the 97.5 % quantile of the samples' values. Samples depend only on the seed: results are
/// reproducible, and all networks have the same samples.
package struct Bootstrap: Sendable {
    /// Number of samples.
    package var draws = 2000
    /// The random seed.
    package var seed: UInt64 = 0

    /// The settings of `Evaluation`.
    package init() {}

    /// Intervals of several statistics, each a function of a sample. Runs on all cores; the result does not depend on their
    /// number.
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

    /// The quantile of sorted values with linear interpolation, as in NumPy.
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
        // Separate the random sequences of different samples.
        var start = SplitMix64(seed: seed &+ UInt64(index))
        generator = SplitMix64(seed: start.next())
    }

    /// A uniform random index below `count`.
    mutating func next(of count: Int) -> Int {
        Int(generator.next().multipliedFullWidth(by: UInt64(count)).high)
    }
}
