import NormConvKit
import Synchronization

/// A line on standard error that says how far a training is, and a line that stays for each evaluation.
final class FineTuneLine: Sendable {
    private let isOn: Bool
    private let progress: Mutex<ProgressLine?>
    private let start = ContinuousClock.now

    init(isOn: Bool) {
        self.isOn = isOn
        progress = Mutex(nil)
    }

    /// Shows what happened, with the report so far.
    @Sendable func show(_ event: FineTuneProgress, _ report: FineTuneReport) {
        switch event {
        case .notWritten(_, let reason): warn(reason)
        case _ where !isOn: break
        case .searching(let trial, let count):
            guard Terminal.showsProgress else { return }
            Terminal.progress(
                ProgressText(
                    "learning rate", stage: "trial", done: trial - 1, of: count,
                    share: Double(trial - 1) / Double(max(count, 1)),
                    seconds: (ContinuousClock.now - start) / .seconds(1)))
        case .training(let images, let total, let loss, _):
            line("training, loss \(Formatting.fixed(loss, digits: 3))", from: images, total: total)
                .reach(images, of: total)
        case .evaluated:
            finish()
            if let round = report.rounds.last { Terminal.note(round.line) }
        }
    }

    /// A file that could not be written; the training goes on. It is told with --quiet too: what is lost is hours of work.
    func warn(_ error: Any) {
        if isOn { Terminal.endLine() }
        Terminal.note("warning: \(error); the training goes on")
    }

    /// The current line. A new one measures the rate from now on, `from` images.
    private func line(_ title: String, from images: Int, total: Int) -> ProgressLine {
        progress.withLock { progress in
            if let progress { return progress.titled(title) }
            let new = ProgressLine(title, total: total, isOn: isOn)
            new.exclude(images)
            progress = new
            return new
        }
    }

    /// Clears the line.
    func finish() {
        progress.withLock { $0 = nil }
        if isOn { Terminal.endLine() }
    }
}

extension FineTuneReport.Round {
    /// `step 125, epoch 5.0: loss 0.412, top-1 87.5 %; validation loss 0.533, top-1 81.0 %; 33.1 images/s`
    var line: String {
        var parts = ["step \(Formatting.grouped(step)), epoch \(Formatting.fixed(epoch, digits: 1)):"]
        if let trainingLoss, let trainingTop1 {
            parts.append(
                "loss \(Formatting.fixed(trainingLoss, digits: 3)), top-1 \(Formatting.percent(trainingTop1));"
            )
        }
        let loss = loss.map { "loss \(Formatting.fixed($0, digits: 3)), " } ?? ""
        parts.append("validation \(loss)top-1 \(Formatting.percent(top1))")
        if let imagesPerSecond { parts[parts.count - 1] += "; \(Formatting.rate(imagesPerSecond)) images/s" }
        return parts.joined(separator: " ")
    }
}

extension FineTuneReport {
    /// The lines of the report.
    var lines: [String] {
        let settings = settings
        var lines = [
            Terminal.bold("\(model): fine-tuned on \(Formatting.grouped(images)) images of \(data)"),
            "  \(newHead ? "new head of" : "head of") \(classes) classes; \(Formatting.grouped(parameters)) of its numbers trained"
                + (frozen.isEmpty ? "" : ", \(Formatting.counted(frozen.count, "parameter")) frozen"),
            "  batch \(settings.batch), \(Formatting.grouped(steps.count)) of \(Formatting.grouped(settings.steps)) steps, "
                + "\(settings.optimizer), learning rate \(settings.learningRate.short)"
                + (search == nil ? "" : " (found by a search)")
                + ", schedule \(settings.schedule), seed \(settings.seed)",
            "  images \(imageShape[0])×\(imageShape[1]), augmentation: \(augmentation)",
        ]
        if batchNorms > 0 {
            lines.append("  \(Formatting.counted(batchNorms, "batch norm")): \(batchNormText)")
        }
        if standardized > 0 {
            lines.append("  \(Formatting.counted(standardized, "kernel")) stay standardized")
        }
        if let endedEarly { lines.append("  ended early: \(endedEarly.text)") }
        if let kept {
            let round = rounds[kept]
            lines.append(
                "Validation on \(Formatting.grouped(validationImages)) images of \(validation): top-1 "
                    + (newHead ? "" : "\(Formatting.percent(rounds[0].top1)) before, ")
                    + "\(Formatting.percent(round.top1)) after \(Formatting.counted(round.step, "step"))"
            )
        }
        if isWorse {
            lines.append("  lower than before: try a lower --lr; the old network is the better one")
        }
        if let output { lines.append("Wrote \(output)") }
        return lines
    }
}
