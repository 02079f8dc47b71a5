import Foundation

/// The charts of a training: what changed step by step, and the search before it.
struct FineTuneCharts {
    private let report: FineTuneReport
    private let steps: Scale
    private let epochs: Scale

    /// Nil before the first step.
    init?(_ report: FineTuneReport) {
        guard let last = report.steps.last else { return nil }
        self.report = report
        let width = CurveChart.extent.width
        steps = .progress(to: Double(last.step), least: 1, length: width)
        let perEpoch = max(report.images / max(report.settings.batch, 1), 1)
        epochs = .progress(to: Double(last.step) / Double(perEpoch), length: width)
    }

    /// Loss, accuracy and learning rate.
    var all: [CurveChart] { [loss, accuracy, learningRate] }

    private func chart(
        _ title: String, _ yTitle: String, _ y: Scale, _ curves: [CurveData], _ notes: [String] = []
    ) -> CurveChart {
        CurveChart(
            title, x: (steps, "step"), y: (y, yTitle), top: (epochs, "epoch"), curves: curves, notes: notes)
    }

    // MARK: Loss

    /// The loss of each step, their running mean, and the loss on the validation images.
    var loss: CurveChart {
        let losses = report.steps.map(\.loss)
        let window = max(losses.count / 20, 10)
        let places = report.steps.map { Double($0.step) }
        func points(_ values: [Double]) -> [(x: Double, y: Double)] {
            CurveData.thinned(Array(zip(places, values)).map { (x: $0.0, y: $0.1) })
        }
        let each = points(losses)
        let mean = points(CurveData.runningMean(losses, window: window))
        let validation = validationLosses
        // A few batches far above the others do not set the scale.
        let usual = each.map(\.y).sorted().prefix(max(each.count * 49 / 50, 1))
        let scale = Scale.linear(
            usual + mean.map(\.y) + validation.map(\.y), length: CurveChart.extent.height)
        let above = each.count { $0.y > scale.high }
        return chart(
            "Loss", "cross-entropy, nats", scale,
            [
                CurveData(series: "s0", isFaint: true, points: each),
                CurveData(name: "training", series: "s0", points: mean),
                CurveData(
                    name: "validation", series: "s1", points: validation.map { ($0.x, $0.y) },
                    dots: validation),
            ], lossNotes(window: window, above: above))
    }

    private var validationLosses: [CurveData.Mark] {
        report.rounds.compactMap { round in
            round.loss.map {
                let loss = Formatting.fixed($0, digits: 3)
                let text = "step \(Formatting.grouped(round.step)): validation loss \(loss)"
                return (Double(round.step), $0, text)
            }
        }
    }

    /// What the lines of the loss are, and what only the one of training has.
    private func lossNotes(window: Int, above: Int) -> [String] {
        let bin = CurveData.binSize(report.steps.count)
        let thin = bin == 1 ? "each step" : "means of \(bin) steps"
        var notes = ["Thin: \(thin). Thick: the mean of the last \(window) steps."]
        if above > 0 {
            notes.append("Above the chart: \(Formatting.counted(above, "point")) of the thin line.")
        }
        let own = [
            report.settings.labelSmoothing > 0 ? "label smoothing" : nil,
            report.settings.mixup > 0 ? "mixup" : nil,
            report.settings.classWeights == "equal" ? nil : "class weights",
        ].compactMap(\.self)
        if !own.isEmpty { notes.append("Only the training loss has \(own.joined(separator: " and ")).") }
        return notes
    }

    // MARK: Accuracy

    /// Top-1 on the training images between two evaluations, and on the validation images.
    var accuracy: CurveChart {
        let training = report.rounds.compactMap { round in
            round.trainingTop1.map { Self.mark(round, $0, "training") }
        }
        let validation = report.rounds.map { Self.mark($0, $0.top1, "validation") }
        let kept = report.kept.map { validation[$0] }
        var notes = ["Training: over the steps since the last evaluation, in training mode."]
        if let kept { notes.append("Ring: the parameters that were written, \(kept.text).") }
        return chart(
            "Accuracy", "top-1",
            .shares((training + validation).map(\.y), length: CurveChart.extent.height),
            [
                CurveData(
                    name: "training", series: "s0", points: training.map { ($0.x, $0.y) }, dots: training),
                CurveData(
                    name: "validation", series: "s1", points: validation.map { ($0.x, $0.y) },
                    dots: validation, rings: kept.map { [$0] } ?? []),
            ], notes)
    }

    private static func mark(_ round: FineTuneReport.Round, _ share: Double, _ name: String) -> CurveData.Mark
    {
        (
            Double(round.step), share,
            "step \(Formatting.grouped(round.step)): \(name) top-1 \(Formatting.percent(share))"
        )
    }

    // MARK: Learning rate

    /// The learning rate of each step: on a logarithmic axis where many would lie on the bottom of another one.
    var learningRate: CurveChart {
        let rates = report.steps.map(\.learningRate)
        let highest = max(rates.max() ?? 0, report.settings.learningRate)
        let small = rates.filter { $0 > 0 && $0 < highest / 100 }
        let height = CurveChart.extent.height
        let isLogarithmic = small.count > rates.count / 10
        let scale: Scale =
            isLogarithmic
            ? .decades(rates.filter { $0 > 0 }, length: height) : .progress(to: highest, length: height)
        let points = zip(report.steps, rates).map { (x: Double($0.step), y: $1) }
        return chart(
            "Learning rate", "rate", scale,
            [CurveData(series: "s2", points: CurveData.thinned(points))])
    }
}

extension FineTuneReport {
    /// The loss that each learning rate of the search came to.
    func searchChart(_ trials: [Trial]) -> CurveChart? {
        let finite = trials.compactMap { trial in
            trial.loss.map {
                (
                    x: trial.rate, y: $0,
                    text: "learning rate \(trial.rate.short): loss \(Formatting.fixed($0, digits: 3))"
                )
            }
        }
        guard !finite.isEmpty else { return nil }
        let y = Scale.fitting(finite.map(\.y), length: CurveChart.extent.height)
        let diverged = trials.filter { $0.loss == nil }.map {
            (x: $0.rate, y: y.high, text: "learning rate \($0.rate.short): diverged")
        }
        let chosen = finite.filter { $0.x == settings.learningRate }
        var notes = ["Ring: the rate of the training, \(settings.learningRate.short)."]
        if !diverged.isEmpty {
            notes.append("Cross: diverged at \(diverged.map(\.x.short).joined(separator: ", ")).")
        }
        return CurveChart(
            "Loss on held-out training images by learning rate",
            x: (.decades(trials.map(\.rate), length: CurveChart.extent.width), "learning rate"),
            y: (y, "cross-entropy, nats"),
            curves: [
                CurveData(
                    series: "s3", points: finite.map { ($0.x, $0.y) }, dots: finite, rings: chosen,
                    crosses: diverged)
            ], notes: notes)
    }
}
