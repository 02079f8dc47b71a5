import Foundation
import Synchronization
import Testing
import Threads

@Suite("Threads")
struct ThreadsTests {
    private static let asynchronous = [SIGINT, SIGTERM, SIGHUP, SIGALRM, SIGPROF, SIGVTALRM, SIGURG, SIGUSR1]
    private static let crashes = [SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP]

    /// Which of these signals the calling thread does not take.
    private static func blocked(of signals: [Int32]) -> [Int32] {
        var mask = sigset_t()
        pthread_sigmask(SIG_BLOCK, nil, &mask)
        return signals.filter { sigismember(&mask, $0) == 1 }
    }

    @Test("that compute take no asynchronous signal, but those of a crash")
    func workers() {
        let seen = Mutex<[Int: (asynchronous: [Int32], crashes: [Int32])]>([:])
        onThreads(3) { index in
            let masks = (Self.blocked(of: Self.asynchronous), Self.blocked(of: Self.crashes))
            seen.withLock { $0[index] = masks }
        }
        let masks = seen.withLock(\.self)
        #expect(masks.keys.sorted() == [0, 1, 2])
        for mask in masks.values {
            #expect(mask.asynchronous == Self.asynchronous)
            #expect(mask.crashes.isEmpty)
        }
    }

    @Test("a body without signals has the thread's own mask back afterwards, where it throws too")
    func body() async {
        struct Failure: Error {}
        // On a thread of its own, whose mask no other test changes.
        await withCheckedContinuation { done in
            Thread {
                var own = sigset_t()
                sigemptyset(&own)
                sigaddset(&own, SIGUSR1)
                pthread_sigmask(SIG_SETMASK, &own, nil)
                #expect(withoutSignals { Self.blocked(of: Self.asynchronous) } == Self.asynchronous)
                #expect(Self.blocked(of: Self.asynchronous) == [SIGUSR1])
                #expect(throws: Failure.self) { try withoutSignals { throw Failure() } }
                #expect(Self.blocked(of: Self.asynchronous) == [SIGUSR1])
                done.resume()
            }.start()
        }
    }
}
