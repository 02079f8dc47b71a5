/// A short search for the learning rate: each rate trains for a few steps from the start, and the loss on images that
/// were held out tells them apart.
package struct RateSearch: Sendable {
    /// What a rate reached.
    package struct Trial: Sendable, Codable, Equatable {
        /// The rate.
        package var rate: Double
        /// The loss on held-out images; nil where it was not finite.
        package var loss: Double?

        package init(rate: Double, loss: Double?) { (self.rate, self.loss) = (rate, loss) }
    }

    /// The rates, smallest first.
    package let rates: [Double]
    /// Steps of each.
    package let steps: Int

    /// Rates for SGD, a factor of about 3 apart.
    static let grid = [1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1]
    /// The rates that follow on either side, where the best is at an end.
    static let (below, above) = ([3e-5, 1e-5, 3e-6], [0.3, 1, 3])

    private let below: [Double]
    private let above: [Double]

    /// For a training with these options: a tenth of its steps, from 12 to 60, at seven rates a factor of 3 apart, and at up to
    /// three more at either end.
    package init(_ options: FineTuningOptions) {
        steps = min(max(options.steps / 10, 12), 60, max(options.steps, 1))
        let unit =
            switch options.optimizer {
            case .sgd: 1.0
            case .adamw: 10.0
            }
        rates = Self.grid.map { $0 / unit }
        (below, above) = (Self.below.map { $0 / unit }, Self.above.map { $0 / unit })
    }

    /// Tries rates from the smallest on, until two in a row are worse than the best so far; then `further`. Returns the trials by
    /// rate.
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
        return try further(trials) { try trial($0, steps) }
    }

    /// While the lowest loss is at an end, tries the next rate there. Where no loss is finite, that is the lower end. The trials
    /// are in the order of their rates, before and after.
    package func further(_ trials: [Trial], _ trial: (_ rate: Double) throws -> Double?) rethrows -> [Trial] {
        var trials = trials
        while let rate = next(trials) {
            let found = Trial(rate: rate, loss: try trial(rate).flatMap { $0.isFinite ? $0 : nil })
            trials.insert(found, at: trials.firstIndex { $0.rate > rate } ?? trials.count)
        }
        return trials
    }

    /// The rate that is still to be tried; nil where the lowest loss is within the rates that were, or no more are there.
    private func next(_ trials: [Trial]) -> Double? {
        guard let first = trials.first, let last = trials.last else { return nil }
        let least = trials.compactMap(\.loss).min()
        // Of equals the lowest rate is the best.
        let best = trials.first { $0.loss == least } ?? first
        if best.rate == first.rate { return below.first { $0 < first.rate } }
        if best.rate == last.rate { return above.first { $0 > last.rate } }
        return nil
    }

    /// The lowest rate that takes the loss nine tenths as far down as the best one, for a short training overrates high rates:
    /// a long one goes as far with lower ones. Nil where no loss is below `start`.
    package static func best(_ trials: [Trial], start: Double) -> Double? {
        let losses = trials.compactMap { trial in trial.loss.map { (trial.rate, $0) } }
        guard let least = losses.map(\.1).min(), least < start else { return nil }
        return losses.filter { $0.1 <= least + 0.1 * (start - least) }.map(\.0).min()
    }
}
