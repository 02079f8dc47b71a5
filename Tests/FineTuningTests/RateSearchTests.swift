import FineTuning
import Testing

@Suite("The search for a learning rate")
struct RateSearchTests {
    private func search(_ optimizer: FineTuningOptions.Descent = .sgd, steps: Int = 500) -> RateSearch {
        var options = FineTuningOptions()
        (options.optimizer, options.steps) = (optimizer, steps)
        return RateSearch(options)
    }

    /// The search with these losses, one rate after another, and the rate that it finds.
    private func run(_ losses: [Double?], start: Double = 1) -> (tried: Int, best: Double?) {
        let search = search()
        var next = losses.makeIterator()
        let trials = search.run { _, _ in next.next() ?? nil }
        #expect(trials.map(\.rate) == Array(search.rates.prefix(trials.count)))
        return (trials.count, RateSearch.best(trials, start: start))
    }

    @Test(
        "stops behind two rates in a row that are worse than the best",
        arguments: [
            ([0.9, 0.8, 0.85, 0.9, 0.1], 4, 3e-4), ([0.9, 0.8, 0.85, 0.7, 0.75, 0.76, 0.1], 6, 3e-3),
            ([0.9, nil, nil, 0.1], 3, 1e-4), ([0.9, .nan, 0.5, .infinity, nil, 0.1], 5, 1e-3),
            ([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3], 7, 0.1),
        ] as [([Double?], Int, Double)])
    func stops(losses: [Double?], tried: Int, best: Double) {
        let found = run(losses)
        #expect(found.tried == tried && found.best == best)
    }

    @Test("takes the lower rate of equals")
    func equals() { #expect(run([0.9, 0.5, 0.5, 0.5]).best == 3e-4) }

    @Test("finds none where no loss falls, or all are infinite")
    func none() {
        #expect(run([1.1, 1.2, 1.3]).best == nil)
        #expect(run([1, 1, 1, 1, 1, 1, 1]).best == nil)
        #expect(run([]).best == nil && run([]).tried == 7)
        #expect(RateSearch.best([], start: 1) == nil)
    }

    @Test(
        "takes a tenth of the steps, at least 12, at most 60 and no more than all",
        arguments: [
            (500, 50), (10_000, 60), (100, 12), (12, 12), (5, 5), (1, 1),
        ])
    func steps(all: Int, each: Int) { #expect(search(steps: all).steps == each) }

    @Test("rates rise by about 3", arguments: FineTuningOptions.Descent.allCases)
    func rates(optimizer: FineTuningOptions.Descent) {
        let rates = search(optimizer).rates
        #expect(zip(rates, rates.dropFirst()).allSatisfy { (2.9...3.4).contains($1 / $0) })
    }

    @Test("a failure of a trial is passed on")
    func failure() {
        struct Broken: Error {}
        #expect(throws: Broken.self) { try search().run { _, _ in throw Broken() } }
    }
}
