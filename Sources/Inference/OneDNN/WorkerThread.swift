import CKernels
import Foundation

/// Runs the body `count` times at once, each on a thread of its own made for convolutions, and waits for all.
func onWorkerThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    onThreads(count) { index in
        prepareWorkerThread()
        body(index)
    }
}

/// Runs the body `count` times at once, each on a thread of its own, and waits for all.
func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    let group = DispatchGroup()
    for index in 0..<count {
        group.enter()
        let thread = Thread {
            body(index)
            group.leave()
        }
        thread.name = "normconv worker \(index)"
        thread.stackSize = 8 << 20
        thread.start()
    }
    group.wait()
}

/// Makes the current thread one for convolutions. oneDNN's threads come from libgomp, which gives every new thread all
/// cores again: each of ours asks for one. Denormals are flushed to zero.
func prepareWorkerThread() {
    limitOpenMP()
    nc_flush_denormals()
}

/// `omp_set_num_threads(1)` of whatever OpenMP library is loaded; the toolchain has no header for it.
private func limitOpenMP() {
    // RTLD_DEFAULT, a macro that Swift does not import.
    #if canImport(Darwin)
        let anyLibrary = UnsafeMutableRawPointer(bitPattern: -2)
    #else
        let anyLibrary = UnsafeMutableRawPointer(bitPattern: 0)
    #endif
    guard let symbol = dlsym(anyLibrary, "omp_set_num_threads") else { return }
    unsafeBitCast(symbol, to: (@convention(c) (Int32) -> Void).self)(1)
}
