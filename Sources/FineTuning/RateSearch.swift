/// A short search for the learning rate: each rate trains for a few steps from the start, and the loss on images that
/// were held out tells them apart.
package struct RateSearch: Sendable {
    /// What a rate reached.
    package struct Trial: Sendable, Codable, Equatable {
        /// The rate.
        package var rate: Double
        /// The loss on held-out images; nil where it was not finite.
        package var loss: Double?
    }

    /// The rates, smallest first.
    package let rates: [Double]
    /// Steps of each.
    package let steps: Int

    /// Rates for SGD, a factor of about 3 apart.
    static let grid = [1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1]

    /// For a training with these options: a tenth of its steps, from 12 to 60, at seven rates a factor of 3 apart.
    package init(_ options: FineTuningOptions) {
        steps = min(max(options.steps / 10, 12), 60, max(options.steps, 1))
        rates =
            switch options.optimizer {
            case .sgd: Self.grid
            case .adamw: Self.grid.map { $0 / 10 }
            }
    }

    /// Tries rates from the smallest on, until two in a row are worse than the best so far. Returns the trials.
    package func run(
        _ trial: (_ rate: Double, _ steps: Int) throws -> Double?
    ) rethrows -> [Trial] {
        var trials: [Trial] = []
        var worse = 0
        for rate in rates {
            let loss = try trial(rate, steps).flatMap { $0.isFinite ? $0 : nil }
            let best = trials.compactMap(\.loss).min()
            trials.append(Trial(rate: rate, loss: loss))
            worse = best.map { (loss ?? .infinity) > $0 } == true ? worse + 1 : 0
            if worse == 2 { break }
        }
        return trials
    }

    /// The lowest rate that takes the loss nine tenths as far down as the best one, for a short training overrates high rates:
    /// a long one goes as far with lower ones. Nil where no loss is below `start`.
    package static func best(_ trials: [Trial], start: Double) -> Double? {
        let losses = trials.compactMap { trial in trial.loss.map { (trial.rate, $0) } }
        guard let least = losses.map(\.1).min(), least < start else { return nil }
        return losses.filter { $0.1 <= least + 0.1 * (start - least) }.map(\.0).min()
    }
}
