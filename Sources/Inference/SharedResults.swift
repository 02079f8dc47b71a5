import Synchronization

/// An array that several threads fill at disjoint places, and the first error that one of them met.
final class SharedResults: Sendable {
    private struct State {
        var values: [Float]
        var error: (any Error)?
    }
    private let state: Mutex<State>

    /// `count` zeros.
    init(count: Int) { state = Mutex(State(values: [Float](repeating: 0, count: count))) }

    /// Copies a block of values to its place.
    func store(_ block: some Collection<Float>, at start: Int) {
        state.withLock { state in
            var place = start
            for value in block {
                state.values[place] = value
                place += 1
            }
        }
    }

    /// Whether some thread has failed, so that the others may stop.
    var failed: Bool { state.withLock { $0.error != nil } }

    /// Runs the body unless an earlier one failed, and keeps its error.
    func attempt(_ body: () throws -> Void) {
        guard !failed else { return }
        do { try body() } catch { state.withLock { $0.error = $0.error ?? error } }
    }

    /// All values, or the first error.
    func get() throws -> [Float] {
        try state.withLock { state in
            if let error = state.error { throw error }
            return state.values
        }
    }
}
