/// A search for the learning rate: each rate trains from the start, and the loss on images that were held out tells them
/// apart.
package struct RateSearch: Sendable {
    /// What a rate reached.
    package struct Trial: Sendable, Codable, Equatable {
        /// The rate.
        package var rate: Double
        /// The loss on held-out images; nil where it was not finite.
        package var loss: Double?

        package init(rate: Double, loss: Double?) { (self.rate, self.loss) = (rate, loss) }
    }

    /// The rates, smallest first, a factor of about 3 apart.
    package let rates: [Double]
    /// The rates that are always tried.
    package let first: ArraySlice<Double>

    /// For an optimizer: from 3e-6 to 3 with SGD, beginning with 0.003, 0.01 and 0.03; a tenth of these with AdamW.
    package init(_ optimizer: FineTuneOptimizer) {
        let unit =
            switch optimizer {
            case .sgd: 1.0
            case .adamw: 10.0
            }
        rates = [3e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1, 3].map { $0 / unit }
        first = rates[6...8]
    }

    /// Steps of a short trial, for a training of `steps`: a fifth of them, from 20 to 120.
    package static func shortSteps(of steps: Int) -> Int { min(max(steps / 5, 20), 120, max(steps, 1)) }

    /// Tries three rates, then the next one at the end with the lowest loss, until that is not at an end. Where no loss is finite,
    /// the lower end is next.
    ///
    /// - Parameter losses: trains at each of some rates, which may be done at once, and returns their losses.
    /// - Returns: the trials by rate.
    package func run(_ losses: (_ rates: [Double]) throws -> [Double?]) rethrows -> [Trial] {
        func tried(_ rates: [Double]) throws -> [Trial] {
            zip(rates, try losses(rates)).map { rate, loss in
                Trial(rate: rate, loss: loss.flatMap { $0.isFinite ? $0 : nil })
            }
        }
        var span = first
        var trials = try tried(Array(span))
        while true {
            // Of equals the lowest rate is the best.
            let best = trials.indices.min { trials[$0].lossOrInfinity < trials[$1].lossOrInfinity } ?? 0
            if best == 0, span.startIndex > 0 {
                span = rates[(span.startIndex - 1)..<span.endIndex]
                trials.insert(contentsOf: try tried([span[span.startIndex]]), at: 0)
            } else if best == trials.count - 1, span.endIndex < rates.count {
                span = rates[span.startIndex...span.endIndex]
                trials += try tried([span[span.endIndex - 1]])
            } else {
                return trials
            }
        }
    }

    /// The rate with the lowest loss, the lowest of equals; nil where no loss is finite.
    package static func best(_ trials: [Trial]) -> Double? {
        trials.filter { $0.loss != nil }.min { $0.lossOrInfinity < $1.lossOrInfinity }?.rate
    }

    /// For short trials: the lowest rate that takes the loss nine tenths as far down as the best one, for a short training
    /// overrates high rates, and a long one goes as far with lower ones. Nil where no loss is below `start`.
    package static func cautious(_ trials: [Trial], start: Double) -> Double? {
        let least = trials.map(\.lossOrInfinity).min() ?? .infinity
        guard least < start else { return nil }
        return trials.first { trial in trial.loss.map { $0 <= least + 0.1 * (start - least) } ?? false }?.rate
    }
}

extension RateSearch.Trial {
    fileprivate var lossOrInfinity: Double { loss ?? .infinity }
}
