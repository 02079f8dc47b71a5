import Foundation

/// Where several threads wait for one another, again and again. What each of them wrote before is seen by all behind it.
package final class Rendezvous: @unchecked Sendable {
    private let condition = NSCondition()
    private let threads: Int
    private var waiting = 0
    private var round = 0
    private var isAbandoned = false

    /// For so many threads.
    package init(threads: Int) { self.threads = threads }

    /// Waits for all threads. The last one to come runs the body before any goes on.
    ///
    /// Throws what the body throws, and `CancellationError` where a thread abandoned the others.
    package func meet(_ body: () throws -> Void = {}) throws {
        condition.lock()
        defer { condition.unlock() }
        waiting += 1
        if waiting == threads, !isAbandoned {
            try body()
            waiting = 0
            round += 1
            condition.broadcast()
            return
        }
        let own = round
        while round == own, !isAbandoned { condition.wait() }
        if round == own { throw CancellationError() }
    }

    /// Lets all threads that wait go on with an error: one of them will not come any more.
    package func abandon() {
        condition.lock()
        defer { condition.unlock() }
        isAbandoned = true
        condition.broadcast()
    }
}
