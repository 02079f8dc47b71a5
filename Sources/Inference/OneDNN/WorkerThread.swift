import CKernels
import Foundation
import Threads

/// Runs the body `count` times at once, each on a thread of its own made for convolutions, and waits for all. A
/// convolution on one of them is shared by `team` threads.
package func onWorkerThreads(_ count: Int, team: Int = 1, _ body: @escaping @Sendable (Int) -> Void) {
    onThreads(count) { index in
        prepareWorkerThread(team: team)
        body(index)
    }
}

/// Makes the current thread one for convolutions. oneDNN's threads come from libgomp, which gives every new thread all
/// cores again: each of ours asks for as many as it wants, `team`. Denormals are flushed to zero.
package func prepareWorkerThread(team: Int = 1) {
    limitOpenMP(to: team)
    nc_flush_denormals()
}

/// `omp_set_num_threads` of whatever OpenMP library is loaded; the toolchain has no header for it.
private func limitOpenMP(to threads: Int) {
    // RTLD_DEFAULT, a macro that Swift does not import.
    #if canImport(Darwin)
        let anyLibrary = UnsafeMutableRawPointer(bitPattern: -2)
    #else
        let anyLibrary = UnsafeMutableRawPointer(bitPattern: 0)
    #endif
    guard let symbol = dlsym(anyLibrary, "omp_set_num_threads") else { return }
    unsafeBitCast(symbol, to: (@convention(c) (Int32) -> Void).self)(Int32(clamping: threads))
}
