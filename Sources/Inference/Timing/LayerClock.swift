import Foundation

/// What time layers are measured in.
package enum LayerClock: Sendable {
    /// The thread's own time on a processor: what other programs take is not in it.
    case processor
    /// Wall-clock time, for a layer that several threads share.
    case wall

    /// Seconds since some moment.
    package var seconds: Double {
        var time = timespec()
        clock_gettime(self == .processor ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + 1e-9 * Double(time.tv_nsec)
    }
}
