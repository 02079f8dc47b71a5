import Foundation
import Synchronization

/// Whether the caller has cancelled a computation.
package final class Cancellation: Sendable {
    /// Of what this thread computes: `onThreads` hands it to its threads, and `inParallel` and `inOrder` look at it.
    @TaskLocal package static var current: Cancellation?

    private let isCancelled = Atomic(false)

    package init() {}

    /// Computations that this is current for end with `CancellationError`.
    package func cancel() { isCancelled.store(true, ordering: .relaxed) }

    /// Throws `CancellationError` where what this thread computes has been given up.
    package static func check() throws {
        if current?.isCancelled.load(ordering: .relaxed) == true { throw CancellationError() }
    }
}

/// A request that a long computation end soon with what it has reached, instead of with an error.
package final class EarlyEnd: Sendable {
    /// Of what this task or thread computes; `computing` hands it to its thread.
    @TaskLocal package static var current: EarlyEnd?

    private let requested = Atomic(false)

    package init() {}

    /// Asks for the end. False where it was asked for before.
    @discardableResult
    package func request() -> Bool { !requested.exchange(true, ordering: .relaxed) }

    /// Whether what this thread computes is to end.
    package static var isRequested: Bool { current?.requested.load(ordering: .relaxed) == true }
}

/// Computes on a thread of its own while the caller's task is suspended. Where that task is cancelled the computation ends soon
/// with `CancellationError`.
package func computing<Result: Sendable>(
    _ body: @escaping @Sendable () throws -> Result
) async throws -> Result {
    let (cancellation, earlyEnd) = (Cancellation(), EarlyEnd.current)
    return try await withTaskCancellationHandler {
        try await withCheckedThrowingContinuation { continuation in
            let thread = Thread {
                continuation.resume(
                    with: Swift.Result {
                        try Cancellation.$current.withValue(cancellation) {
                            try Cancellation.check()
                            return try EarlyEnd.$current.withValue(earlyEnd) { try body() }
                        }
                    })
            }
            thread.stackSize = 8 << 20
            thread.start()
        }
    } onCancel: {
        cancellation.cancel()
    }
}
