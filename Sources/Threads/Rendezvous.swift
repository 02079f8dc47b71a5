import Foundation
import Synchronization

/// Where several threads wait for one another, again and again. What each of them wrote before is seen by all behind it.
///
/// A thread looks for the others for some microseconds before it sleeps.
package final class Rendezvous: Sendable {
    private let condition = NSCondition()
    private let threads: Int
    private let waiting = Atomic(0)
    private let round = Atomic(0)
    private let isAbandoned = Atomic(false)

    /// How often a thread looks before it sleeps.
    private static let looks = 5000

    /// For so many threads.
    package init(threads: Int) { self.threads = threads }

    /// Waits for all threads. The last one to come runs the body before any goes on.
    ///
    /// Throws what the body throws, and `CancellationError` where a thread abandoned the others.
    package func meet(_ body: () throws -> Void = {}) throws {
        if threads == 1 { return try body() }
        let own = round.load(ordering: .acquiring)
        if waiting.wrappingAdd(1, ordering: .acquiringAndReleasing).newValue == threads {
            guard !isAbandoned.load(ordering: .acquiring) else { throw CancellationError() }
            try body()
            waiting.store(0, ordering: .relaxed)
            condition.lock()
            round.store(own + 1, ordering: .releasing)
            condition.broadcast()
            condition.unlock()
            return
        }
        func isOver() -> Bool {
            round.load(ordering: .acquiring) != own || isAbandoned.load(ordering: .acquiring)
        }
        var looks = 0
        while looks < Self.looks, !isOver() { looks += 1 }
        if !isOver() {
            condition.lock()
            while !isOver() { condition.wait() }
            condition.unlock()
        }
        if round.load(ordering: .acquiring) == own { throw CancellationError() }
    }

    /// Lets all threads that wait go on with an error: one of them will not come any more.
    package func abandon() {
        condition.lock()
        isAbandoned.store(true, ordering: .releasing)
        condition.broadcast()
        condition.unlock()
    }
}
