import Calibration
import Synchronization

/// What an experiment is doing.
package struct ExperimentProgress: Sendable {
    /// The arm.
    package var arm: String
    /// The batch size; nil where the arm's network is made.
    package var batchSize: Int?
    /// What is done with it.
    package var stage: Stage
    /// Cells that are done, and all.
    package var done: Int
    package var of: Int

    /// What is done.
    package enum Stage: Sendable {
        /// The arm's network is made.
        case converting
        /// It is fitted to images.
        case calibrating(CalibrationProgress)
        /// Rates are tried. The share of the cell's steps that are done, 0…1, as far as can be told before.
        case searching(share: Double)
        /// The trainings of the table.
        case training(share: Double)
        case done(ExperimentReport.Cell)
    }
}

/// Counts the steps of a cell's trainings, which are done on several threads.
final class CellWork: Sendable {
    private struct State {
        var done = 0
        var all: Int
        var isSearching = true
    }
    private let state: Mutex<State>
    private let show: @Sendable (ExperimentProgress.Stage) -> Void

    /// - Parameters:
    ///   - steps: what is planned.
    ///   - show: is told each step, on any thread.
    init(steps: Int, show: @escaping @Sendable (ExperimentProgress.Stage) -> Void) {
        state = Mutex(State(all: steps))
        self.show = show
    }

    /// More steps than were planned.
    func add(steps: Int) { state.withLock { $0.all += steps } }

    /// The search has ended.
    func train() { state.withLock { $0.isSearching = false } }

    /// A step is done.
    func step() {
        let (share, isSearching) = state.withLock { state in
            state.done += 1
            return (min(Double(state.done) / Double(max(state.all, 1)), 1), state.isSearching)
        }
        show(isSearching ? .searching(share: share) : .training(share: share))
    }
}
