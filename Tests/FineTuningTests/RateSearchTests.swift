import FineTuning
import Testing

@Suite("The search for a learning rate")
struct RateSearchTests {
    private func search(_ optimizer: FineTuneOptimizer = .sgd, steps: Int = 500) -> RateSearch {
        var options = FineTuningOptions()
        (options.optimizer, options.steps) = (optimizer, steps)
        return RateSearch(options)
    }

    /// A search with the loss of each rate, and the rate that it finds. Rates that are not there diverge.
    private func run(_ losses: [Double: Double], start: Double = 1) -> (tried: [Double], best: Double?) {
        var tried: [Double] = []
        let trials = search().run { rate, _ in
            tried.append(rate)
            return losses[rate]
        }
        #expect(trials.map(\.rate) == tried.sorted())
        #expect(trials.allSatisfy { $0.loss == losses[$0.rate].flatMap { $0.isFinite ? $0 : nil } })
        return (tried, RateSearch.best(trials, start: start))
    }

    @Test("stops behind two rates in a row that are worse than the best")
    func stops() {
        let first = run([1e-4: 0.9, 3e-4: 0.8, 1e-3: 0.85, 3e-3: 0.9, 0.01: 0.1])
        #expect(first.tried == [1e-4, 3e-4, 1e-3, 3e-3] && first.best == 3e-4)
        let second = run([
            1e-4: 0.9, 3e-4: 0.8, 1e-3: 0.85, 3e-3: 0.7, 0.01: 0.75, 0.03: 0.76, 0.1: 0.1,
        ])
        #expect(second.tried == [1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03] && second.best == 3e-3)
        let third = run([1e-4: 0.9, 3e-4: .nan, 1e-3: 0.5, 3e-3: .infinity, 0.1: 0.1])
        #expect(third.tried == [1e-4, 3e-4, 1e-3, 3e-3, 0.01] && third.best == 1e-3)
    }

    private static let grid = [1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1]

    @Test("goes on beyond an end at which the lowest loss is, three rates at most")
    func ends() {
        var losses = Dictionary(uniqueKeysWithValues: zip(Self.grid, [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3]))
        #expect(run(losses).tried == Self.grid + [0.3] && run(losses).best == 0.1)
        losses.merge([0.3: 0.1, 1: 0.2]) { $1 }
        #expect(run(losses).tried == Self.grid + [0.3, 1] && run(losses).best == 0.3)
        losses.merge([1: 0.05, 3: 0.01, 10: 0]) { $1 }
        #expect(run(losses).tried == Self.grid + [0.3, 1, 3])
        let low = run([1e-4: 0.9, 3e-5: 0.7, 1e-5: 0.8])
        #expect(low.tried == [1e-4, 3e-4, 1e-3, 3e-5, 1e-5] && low.best == 3e-5)
        // Where all diverge, lower ones may not.
        #expect(run([3e-5: 0.9, 1e-5: 0.95]).tried == Self.grid + [3e-5, 1e-5])
        #expect(run([:]).tried == Self.grid + [3e-5, 1e-5, 3e-6])
    }

    @Test("AdamW's rates beyond the ends are a tenth as well")
    func adamw() {
        let search = search(.adamw)
        let trials = search.further(search.rates.map { RateSearch.Trial(rate: $0, loss: 1 - $0) }) { _ in 0.5
        }
        #expect(trials.map(\.rate) == search.rates + [0.03, 0.1])
    }

    @Test("takes the lower rate of equals")
    func equals() { #expect(run([1e-4: 0.9, 3e-4: 0.5, 1e-3: 0.5, 3e-3: 0.5]).best == 3e-4) }

    @Test("finds none where no loss falls, or all are infinite")
    func none() {
        #expect(run([1e-4: 1.1, 3e-4: 1.2, 1e-3: 1.3]).best == nil)
        #expect(run(Dictionary(uniqueKeysWithValues: Self.grid.map { ($0, 1) })).best == nil)
        #expect(run([:]).best == nil)
        #expect(RateSearch.best([], start: 1) == nil)
    }

    @Test(
        "takes a tenth of the steps, at least 12, at most 60 and no more than all",
        arguments: [
            (500, 50), (10_000, 60), (100, 12), (12, 12), (5, 5), (1, 1),
        ])
    func steps(all: Int, each: Int) { #expect(search(steps: all).steps == each) }

    @Test("rates rise by about 3", arguments: FineTuneOptimizer.allCases)
    func rates(optimizer: FineTuneOptimizer) {
        let rates = search(optimizer).rates
        #expect(zip(rates, rates.dropFirst()).allSatisfy { (2.9...3.4).contains($1 / $0) })
    }

    @Test("a failure of a trial is passed on")
    func failure() {
        struct Broken: Error {}
        #expect(throws: Broken.self) { try search().run { _, _ in throw Broken() } }
    }
}
