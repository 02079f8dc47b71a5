import NormConvKit
import Synchronization

/// A progress line on standard error that counts images, if standard error is a terminal.
final class ProgressLine: Sendable {
    private struct State {
        var done = 0
        var total: Int
        /// Images of an earlier run.
        var before = 0
        var shown: ContinuousClock.Instant?
        var title: String
    }
    private let isOn: Bool
    private let start = ContinuousClock.now
    private let state: Mutex<State>

    /// Shows the line at once.
    init(_ title: String, total: Int, isOn: Bool) {
        state = Mutex(State(total: total, title: OneLine.printable(title)))
        self.isOn = isOn && Terminal.showsProgress
        advance(0)
    }

    /// The line with another title.
    func titled(_ title: String) -> ProgressLine {
        state.withLock { $0.title = OneLine.printable(title) }
        return self
    }

    /// Excludes the images of an earlier run from the rate. `advance` must count them too.
    func exclude(_ images: Int) { state.withLock { $0.before = images } }

    /// Counts images. Updates the line at most ten times a second.
    func advance(_ images: Int) { update { $0.done += images } }

    /// The same, where all images that are done are told, and how many there are.
    func reach(_ images: Int, of total: Int) {
        update { ($0.done, $0.total) = (max($0.done, images), total) }
    }

    private func update(_ change: (inout State) -> Void) {
        guard isOn else { return }
        state.withLock { state in
            change(&state)
            guard state.shown.map({ .now - $0 > .milliseconds(100) }) ?? true else { return }
            state.shown = .now
            Terminal.progress(
                ProgressText(
                    state.title, images: state.done, before: state.before, of: state.total,
                    seconds: (.now - start) / .seconds(1)))
        }
    }

    /// Clears the line.
    func finish() { if isOn { Terminal.endLine() } }
}

/// A line on standard error that says how far a calibration is, where that is a terminal.
final class StageLine: Sendable {
    private struct Shown {
        var at: ContinuousClock.Instant
        var stage: String
    }
    private let title: String
    private let isOn: Bool
    private let start = ContinuousClock.now
    private let shown = Mutex<Shown?>(nil)

    /// Shows the line at once.
    init(_ title: String = "calibrating", isOn: Bool) {
        self.title = title
        self.isOn = isOn && Terminal.showsProgress
        show(CalibrationProgress(stage: "starting", done: 0, total: 0, share: 0))
    }

    /// At most ten times a second, and at each new stage, the line is written anew.
    @Sendable func show(_ progress: CalibrationProgress) {
        guard isOn else { return }
        let now = ContinuousClock.now
        let isDue = shown.withLock { shown in
            if let shown, shown.stage == progress.stage, now - shown.at <= .milliseconds(100) { return false }
            shown = Shown(at: now, stage: progress.stage)
            return true
        }
        guard isDue else { return }
        Terminal.progress(
            ProgressText(
                title, stage: progress.stage, done: progress.done, of: progress.total,
                share: progress.share, seconds: (now - start) / .seconds(1)))
    }

    /// Clears the line.
    func finish() { if isOn { Terminal.endLine() } }
}
