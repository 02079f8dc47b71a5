import Foundation
import Threads

/// Runs parts of a task on several threads, and what is to happen in order one part after another: sums then do not
/// depend on the number of threads.
package final class OrderedParts: @unchecked Sendable {
    private let condition = NSCondition()
    private var next = 0

    /// Waits until all earlier parts have had their turn, then runs the body.
    package func inTurn(_ part: Int, _ body: () throws -> Void) rethrows {
        condition.lock()
        while next != part { condition.wait() }
        condition.unlock()
        defer {
            condition.lock()
            next += 1
            condition.broadcast()
            condition.unlock()
        }
        try body()
    }
}

/// Calls `work` for consecutive ranges of `0..<count`, on worker threads, and `merge` with its results in order.
///
/// Throws the first error of either.
package func inOrder<Result>(
    count: Int, part size: Int, workers: Int, work: @escaping @Sendable (Range<Int>) throws -> Result,
    merge: @escaping (Result) -> Void
) throws {
    let parts = (count + size - 1) / size
    let (failure, turns) = (FirstFailure(), OrderedParts())
    // Safe: merging is one part at a time, and over before this returns.
    nonisolated(unsafe) let merge = merge
    let threads = min(max(workers, 1), max(parts, 1))
    onWorkerThreads(threads) { thread in
        for part in stride(from: thread, to: parts, by: threads) {
            var result: Result?
            failure.attempt {
                try Cancellation.check()
                result = try work(part * size..<min((part + 1) * size, count))
            }
            turns.inTurn(part) {
                if let result, !failure.occurred { merge(result) }
            }
        }
    }
    try failure.rethrow()
}
