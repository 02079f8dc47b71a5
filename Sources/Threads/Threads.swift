import CCrashGuard
import Foundation
import Synchronization

/// Runs the body `count` times at once, each on a thread of its own, and waits for all.
///
/// The threads take no asynchronous signal: those go to other threads of the process. oneDNN's matrix product keeps its
/// stack pointer in the heap for a while, so that a signal's handler would overwrite memory there
/// (uxlfoundation/oneDNN#4845). Threads that a library starts from one of these, as OpenMP does, inherit that.
package func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    let group = DispatchGroup()
    let cancellation = Cancellation.current
    for index in 0..<count {
        group.enter()
        let share = Owned(body)
        let thread = Thread {
            nc_guard_begin_thread()
            // Seen in debuggers and profilers, whose names have 15 letters.
            Thread.current.name = "normconv worker"
            Cancellation.$current.withValue(cancellation) { share.give()?(index) }
            group.leave()
        }
        thread.stackSize = 8 << 20
        thread.start()
    }
    group.wait()
}

/// A value that is given away once: what the body of a thread owns is released before the caller goes on, and not when the thread
/// ends some time later.
private final class Owned<Value: Sendable>: Sendable {
    private let value: Mutex<Value?>

    init(_ value: Value) { self.value = Mutex(value) }

    func give() -> Value? {
        value.withLock { value in
            defer { value = nil }
            return value
        }
    }
}

/// Runs the body on this thread, which takes no asynchronous signal meanwhile. Signals that come for this thread alone wait
/// until it is done.
///
/// Around everything that enters oneDNN or our own kernels from a thread that `onThreads` did not make: a user of the
/// library may have signals and profilers. What is wrapped should last for milliseconds, not for a whole calibration, or Ctrl-C
/// would wait for it.
package func withoutSignals<Result, Failure: Error>(
    _ body: () throws(Failure) -> Result
) throws(Failure) -> Result {
    var before = sigset_t()
    nc_guard_block_signals(&before)
    defer { nc_guard_restore_signals(&before) }
    return try body()
}

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

/// A value that a thread of its own computes, in parallel with whoever made it.
package final class Parallel<Value: Sendable>: Sendable {
    private let result = Mutex<Result<Value, any Error>>(.failure(CancellationError()))
    private let done = DispatchGroup()

    /// Starts the computation.
    package init(_ body: @escaping @Sendable () throws -> Value) {
        done.enter()
        let cancellation = Cancellation.current
        let thread = Thread { [self] in
            nc_guard_begin_thread()
            let value = Result { try Cancellation.$current.withValue(cancellation) { try body() } }
            result.withLock { $0 = value }
            done.leave()
        }
        thread.start()
    }

    /// Waits for the value. Rethrows the error of the body.
    package func value() throws -> Value {
        done.wait()
        return try result.withLock(\.self).get()
    }
}
