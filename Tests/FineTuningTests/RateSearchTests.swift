import FineTuning
import Testing

@Suite("The search for a learning rate")
struct RateSearchTests {
    private static let first = [3e-3, 0.01, 0.03]

    /// A search with the loss of each rate, and the rates that it asks for, together or alone. Rates that are not there diverge.
    private func run(
        _ losses: [Double: Double], _ optimizer: FineTuneOptimizer = .sgd
    ) -> (asked: [[Double]], trials: [RateSearch.Trial]) {
        var asked: [[Double]] = []
        let trials = RateSearch(optimizer).run { rates in
            asked.append(rates)
            return rates.map { losses[$0] }
        }
        #expect(trials.map(\.rate) == asked.joined().sorted())
        #expect(trials.allSatisfy { $0.loss == losses[$0.rate].flatMap { $0.isFinite ? $0 : nil } })
        return (asked, trials)
    }

    @Test("ends after the first three where the middle one is best")
    func middle() {
        let (asked, trials) = run([3e-3: 0.5, 0.01: 0.4, 0.03: 0.6, 0.1: 0.1])
        #expect(asked == [Self.first] && RateSearch.best(trials) == 0.01)
    }

    @Test("goes on at the end with the lowest loss, until it is not at an end")
    func ends() {
        let up = run([3e-3: 0.9, 0.01: 0.8, 0.03: 0.7, 0.1: 0.5, 0.3: 0.6, 1: 0.1])
        #expect(up.asked == [Self.first, [0.1], [0.3]] && RateSearch.best(up.trials) == 0.1)
        let down = run([3e-3: 0.7, 0.01: 0.8, 0.03: .nan, 1e-3: 0.6, 3e-4: 0.61])
        #expect(down.asked == [Self.first, [1e-3], [3e-4]] && RateSearch.best(down.trials) == 1e-3)
        let both = run([3e-3: 0.5, 0.01: 0.6, 0.03: 0.7, 1e-3: 0.9])
        #expect(both.asked == [Self.first, [1e-3]] && RateSearch.best(both.trials) == 3e-3)
    }

    @Test("goes on to lower rates where all diverge, and ends with the rates")
    func diverging() {
        let low = run([3e-5: 0.9, 1e-5: 0.95])
        #expect(low.asked == [Self.first, [1e-3], [3e-4], [1e-4], [3e-5], [1e-5]])
        #expect(RateSearch.best(low.trials) == 3e-5)
        let none = run([:])
        #expect(none.trials.map(\.rate) == Array(RateSearch(.sgd).rates.prefix(9)))
        #expect(RateSearch.best(none.trials) == nil)
        let rising = run(Dictionary(uniqueKeysWithValues: RateSearch(.sgd).rates.map { ($0, -$0) }))
        #expect(rising.trials.map(\.rate) == Array(RateSearch(.sgd).rates.dropFirst(6)))
    }

    @Test("takes the lower rate of equals")
    func equals() {
        let (asked, trials) = run([3e-3: 0.5, 0.01: 0.5, 0.03: 0.5, 1e-3: 0.5, 3e-4: 0.6])
        #expect(asked == [Self.first, [1e-3], [3e-4]] && RateSearch.best(trials) == 1e-3)
    }

    @Test("after short trials the lowest rate within a tenth of the drop is taken")
    func cautious() {
        let (_, trials) = run([3e-3: 0.9, 0.01: 0.55, 0.03: 0.5, 0.1: 0.8])
        #expect(RateSearch.cautious(trials, start: 1) == 0.01)
        #expect(RateSearch.cautious(trials, start: 0.9) == 0.03)
        let some = [RateSearch.Trial(rate: 0.003, loss: nil), RateSearch.Trial(rate: 0.01, loss: 2)]
        #expect(RateSearch.cautious(some, start: .infinity) == 0.01)
    }

    @Test("after short trials no rate is taken where no loss falls")
    func none() {
        let (_, trials) = run([3e-3: 1, 0.01: 1.2, 0.03: 1.3, 1e-3: 1])
        #expect(RateSearch.cautious(trials, start: 1) == nil)
        #expect(RateSearch.cautious([], start: 1) == nil && RateSearch.best([]) == nil)
    }

    @Test(
        "a short trial has a fifth of the steps, at least 20, at most 120 and no more than all",
        arguments: [(500, 100), (10_000, 120), (60, 20), (12, 12), (1, 1), (0, 1)])
    func steps(all: Int, each: Int) { #expect(RateSearch.shortSteps(of: all) == each) }

    @Test("rates rise by about 3, and AdamW's are a tenth", arguments: FineTuneOptimizer.allCases)
    func rates(optimizer: FineTuneOptimizer) {
        let search = RateSearch(optimizer)
        #expect(zip(search.rates, search.rates.dropFirst()).allSatisfy { (2.9...3.4).contains($1 / $0) })
        let unit = optimizer == .adamw ? 10.0 : 1
        #expect(zip(search.first, Self.first).allSatisfy { abs($0 * unit - $1) < 1e-12 })
        #expect(search.rates.map { $0 * unit }.last.map { abs($0 - 3) < 1e-9 } == true)
    }

    @Test("a failure of a trial is passed on")
    func failure() {
        struct Broken: Error {}
        #expect(throws: Broken.self) { try RateSearch(.sgd).run { _ in throw Broken() } }
    }
}
