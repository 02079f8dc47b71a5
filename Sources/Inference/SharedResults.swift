import Synchronization

/// An array that several threads fill at disjoint places.
final class SharedResults: Sendable {
    private let state: Mutex<[Float]>

    /// `count` zeros.
    init(count: Int) { state = Mutex([Float](repeating: 0, count: count)) }

    /// Copies a block of values to its place.
    func store(_ block: some Collection<Float>, at start: Int) {
        state.withLock { values in
            var place = start
            for value in block {
                values[place] = value
                place += 1
            }
        }
    }

    /// What has been stored.
    var values: [Float] { state.withLock(\.self) }
}

/// The first error that one of several threads met.
final class FirstFailure: Sendable {
    private let error = Mutex<(any Error)?>(nil)

    /// Whether some thread has failed, so that the others may stop.
    var occurred: Bool { error.withLock { $0 != nil } }

    /// Runs the body unless an earlier one failed, and keeps its error.
    func attempt(_ body: () throws -> Void) {
        guard !occurred else { return }
        do { try body() } catch { self.error.withLock { $0 = $0 ?? error } }
    }

    /// Throws what was met, if anything.
    func rethrow() throws {
        if let error = error.withLock(\.self) { throw error }
    }
}
