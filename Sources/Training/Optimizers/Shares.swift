import CKernels
import Synchronization
import Threads

/// Vectors that several threads read, or write parts of.
struct SharedVectors: @unchecked Sendable {
    let written: [UnsafeMutablePointer<Float>]
    let read: UnsafePointer<Float>
}

/// Values for which another thread pays.
private let share = 1 << 18

/// Calls the body for parts of a range, on several threads at once where it is long.
func inShares(_ range: Range<Int>, workers: Int, _ body: @escaping @Sendable (Range<Int>) -> Void) {
    let threads = min(workers, range.count / share)
    guard threads > 1 else { return withoutSignals { body(range) } }
    onThreads(threads) { thread in
        body(
            range.lowerBound + range.count * thread / threads..<range.lowerBound + range.count
                * (thread + 1) / threads)
    }
}

/// Σ x² in double. Parts of one length are added in order: it does not depend on the number of threads.
package func sumOfSquares(_ values: [Float], workers: Int) -> Double {
    let parts = (values.count + share - 1) / share
    let sums = Mutex([Double](repeating: 0, count: parts))
    values.withUnsafeBufferPointer { values in
        guard let start = values.baseAddress else { return }
        let (vectors, count) = (SharedVectors(written: [], read: start), values.count)
        let threads = min(workers, parts)
        let take = { @Sendable (thread: Int) in
            for part in stride(from: thread, to: parts, by: max(threads, 1)) {
                let first = part * share
                let sum = nc_sum_of_squares(vectors.read + first, min(share, count - first))
                sums.withLock { $0[part] = sum }
            }
        }
        if threads > 1 { onThreads(threads, take) } else { withoutSignals { take(0) } }
    }
    return sums.withLock { $0.reduce(0, +) }
}
