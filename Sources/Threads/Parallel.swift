import Synchronization

/// Calls the body for each of `0..<count`, on several threads at once, each of which takes the next one when it is free. Rethrows
/// the first error of `worker` or `body`, and `CancellationError` where the computation is given up; nothing new is begun then.
///
/// - Parameters:
///   - count: how often the body is called.
///   - threads: on how many threads; no more than there are calls.
///   - worker: makes what a thread needs, given the thread's index.
///   - body: is given the thread's worker and an index below `count`.
package func inParallel<Worker>(
    _ count: Int, threads: Int, worker: @escaping @Sendable (Int) throws -> Worker,
    body: @escaping @Sendable (inout Worker, Int) throws -> Void
) throws {
    let failure = FirstFailure()
    let next = Atomic<Int>(0)
    onThreads(min(max(threads, 1), max(count, 1))) { thread in
        failure.attempt {
            var worker = try worker(thread)
            while !failure.occurred {
                try Cancellation.check()
                let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard index < count else { break }
                try body(&worker, index)
            }
        }
    }
    try failure.rethrow()
}

/// The first error that one of several threads met.
package final class FirstFailure: Sendable {
    private let error = Mutex<(any Error)?>(nil)

    package init() {}

    /// Whether some thread has failed, so that the others may stop.
    package var occurred: Bool { error.withLock { $0 != nil } }

    /// Runs the body unless an earlier one failed, and keeps its error.
    package func attempt(_ body: () throws -> Void) {
        guard !occurred else { return }
        do { try body() } catch { self.error.withLock { $0 = $0 ?? error } }
    }

    /// Throws what was met, if anything.
    package func rethrow() throws {
        if let error = error.withLock(\.self) { throw error }
    }
}
