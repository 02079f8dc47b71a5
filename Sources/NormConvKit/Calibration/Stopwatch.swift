/// Adds up the time that some work takes.
final class Stopwatch {
    private(set) var seconds = 0.0

    func measure<Result>(_ body: () throws -> Result) rethrows -> Result {
        let clock = ContinuousClock()
        let start = clock.now
        defer { seconds += (clock.now - start) / .seconds(1) }
        return try body()
    }
}
