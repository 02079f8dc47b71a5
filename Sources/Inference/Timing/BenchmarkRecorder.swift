import Foundation
import Synchronization

/// What several workers have done: when batches ended, and what time went where.
package final class BenchmarkRecorder: Sendable {
    private struct State {
        var cold: Int
        /// The ends of batches since all workers are warm; the first is where the time starts.
        var ends: [ContinuousClock.Instant] = []
        var spent: Spent?
    }

    private let repeats: Int
    private let batches: Int
    private let state: Mutex<State>

    /// `batches` of each repeat.
    package init(workers: Int, repeats: Int, batches: Int) {
        self.repeats = repeats
        self.batches = batches
        state = Mutex(State(cold: workers))
    }

    /// Whether all repeats are done.
    package var isComplete: Bool { state.withLock { $0.ends.count > repeats * batches } }

    /// A worker has ended its first batch.
    package func warmedUp() {
        state.withLock { state in
            state.cold -= 1
            if state.cold == 0 { state.ends.append(.now) }
        }
    }

    /// A worker has ended another batch. Whether it is one of a repeat: all workers were warm, and the last repeat was
    /// not over.
    package func finishedBatch() -> Bool {
        state.withLock { state in
            guard state.cold == 0 else { return false }
            state.ends.append(.now)
            return state.ends.count <= repeats * batches + 1
        }
    }

    /// Adds a worker's time.
    package func add(_ spent: Spent) {
        state.withLock { state in
            state.spent?.add(spent)
            state.spent = state.spent ?? spent
        }
    }

    /// The total, for a number of images per repeat.
    package func timings(images: Int, batchSize: Int) -> EngineTimings {
        state.withLock { state in
            let marks = stride(from: 0, through: repeats * batches, by: batches).map { state.ends[$0] }
            let spent = state.spent ?? Spent(layers: 0)
            let perImage = 1 / Double(max(spent.batches * batchSize, 1))
            return EngineTimings(
                images: images, repeats: zip(marks, marks.dropFirst()).map { ($1 - $0) / .seconds(1) },
                layerSeconds: spent.layers.map { $0 * perImage }, workerSeconds: spent.total * perImage,
                processorShare: min(spent.processor / max(spent.wall, .leastNormalMagnitude), 1))
        }
    }
}

/// What time layers are measured in.
package enum LayerClock: Sendable {
    /// The thread's own time on a processor: what other programs take is not in it.
    case processor
    /// Time that passes, whoever has the processor: where several threads share a layer.
    case wall

    /// Seconds since some moment.
    package var seconds: Double {
        var time = timespec()
        clock_gettime(self == .processor ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + 1e-9 * Double(time.tv_nsec)
    }
}
