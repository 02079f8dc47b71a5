import NormConvKit
import Synchronization

/// What an experiment does, on standard error: a line that stays for each cell.
final class ExperimentLine: Sendable {
    private struct State {
        var start = ContinuousClock.now
        /// Cells of earlier runs.
        var before: Int?
        var shown: ContinuousClock.Instant?
        /// The line of a calibration, and its arm.
        var calibration: (arm: String, line: StageLine)?
    }
    private let isOn: Bool
    private let state = Mutex(State())

    init(isOn: Bool) { self.isOn = isOn }

    @Sendable func show(_ progress: ExperimentProgress) {
        guard isOn else { return }
        let name = progress.arm + (progress.batchSize.map { ", batch \($0)" } ?? "")
        switch progress.stage {
        case .converting: say("\(name): converting", progress, share: 0)
        case .calibrating(let stage): calibrationLine(progress.arm).show(stage)
        case .searching(let share): say("\(name): searching for a learning rate", progress, share: share)
        case .training(let share): say("\(name): training", progress, share: share)
        case .done(let cell):
            Terminal.endLine()
            Terminal.note("\(name): \(cell.text)")
        }
    }

    private func calibrationLine(_ arm: String) -> StageLine {
        state.withLock { state in
            if let (name, line) = state.calibration, name == arm { return line }
            let line = StageLine("\(arm): calibrating", isOn: isOn)
            state.calibration = (arm, line)
            return line
        }
    }

    /// At most ten times a second. `share` is that of the cell.
    private func say(_ text: String, _ progress: ExperimentProgress, share: Double) {
        guard Terminal.showsProgress else { return }
        state.withLock { state in
            let before = state.before ?? progress.done
            state.before = before
            guard state.shown.map({ .now - $0 > .milliseconds(100) }) ?? true else { return }
            state.shown = .now
            Terminal.progress(
                ProgressText(
                    "experiment", stage: text, done: progress.done, of: progress.of,
                    share: (Double(progress.done - before) + share) / Double(max(progress.of - before, 1)),
                    seconds: (.now - state.start) / .seconds(1)))
        }
    }

    func finish() { if isOn { Terminal.endLine() } }
}

extension ExperimentReport.Cell {
    /// `error 24.5 ± 0.6 %, learning rate 0.003, 41 s`
    var text: String {
        guard let point else { return obstacle ?? "no result" }
        let diverged = diverged == 0 ? "" : ", \(self.diverged) of \(errors.count) diverged"
        return "error \(point.text) %\(diverged), learning rate \(learningRate?.short ?? "-"), "
            + "\(Formatting.fixed(seconds, digits: 0)) s"
    }
}

extension ExperimentReport {
    /// The table: arms in rows, batch sizes in columns.
    var lines: [String] {
        var table = TextTable(
            [(title: "arm", alignment: .left)] + batchSizes.map { (title: "batch \($0)", alignment: .right) })
        for arm in arms {
            table.add([arm] + batchSizes.map { size in cell(arm, size)?.point?.text ?? "–" })
        }
        let settings = settings.map { "\($0.name) \($0.value)" }.joined(separator: ", ")
        return [
            Terminal.bold(
                "\(model): test error in %, \(Formatting.grouped(validationImages)) images of \(validation)"),
            "mean\(seeds > 1 ? " ± standard deviation of \(seeds) trainings" : ""), each of \(Formatting.grouped(imagesSeen)) images "
                + "(\(Formatting.grouped(images)) different ones of \(data))",
            settings,
        ] + table.lines.map { "  " + $0 }
    }
}
