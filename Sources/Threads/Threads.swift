import CCrashGuard
import Foundation

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
        let thread = Thread {
            nc_guard_begin_thread()
            // Seen in debuggers and profilers, whose names have 15 letters.
            Thread.current.name = "normconv worker"
            Cancellation.$current.withValue(cancellation) { body(index) }
            group.leave()
        }
        thread.stackSize = 8 << 20
        thread.start()
    }
    group.wait()
}

/// Runs the body on this thread, which takes no asynchronous signal meanwhile. Signals that come for this thread alone wait
/// until it is done.
///
/// Around everything that enters oneDNN, LAPACK or our own kernels from a thread that `onThreads` did not make: a user of the
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
