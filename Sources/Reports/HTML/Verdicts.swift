import Evaluation
import Foundation

/// What a report comes to, in words: one sentence a network, of at most three, and the count of the others.
struct Verdicts {
    let sentences: [String]
    /// All in one line.
    let line: String

    static let limit = 3

    /// The sentences of all networks that are in question.
    init(all sentences: [String]) {
        let rest = sentences.count - Self.limit
        self.sentences = sentences.prefix(Self.limit) + (rest > 0 ? ["and \(rest) more"] : [])
        line = self.sentences.joined(separator: "; ")
    }

    /// Each network against the baseline, or its top-1 where there is none.
    init(_ report: EvalReport, _ names: [NetworkName], _ baseline: Int?) {
        self.init(
            all: names.indices.filter { $0 != baseline || names.count == 1 }.map { index in
                let model = report.models[index]
                guard let baseline, let paired = model.comparison?.paired else {
                    let share = Formatting.percent(model.evaluation.top1.value)
                    return "\(names[index].text): top-1 \(share)"
                }
                return Self.comparison(names[index].text, names[baseline].text, paired.difference)
            })
    }

    /// Each network's error at the smallest and the largest batch.
    init(_ report: SweepReport, _ names: [NetworkName]) {
        self.init(
            all: zip(report.models, names).map { model, name in
                let start = "\(name.text): top-1 error "
                guard model.batchNorms > 0, let first = model.points.first, let last = model.points.last
                else {
                    return start + "\(Formatting.percent(model.stored.value)) at every batch size"
                }
                let rest =
                    model.points.count > 1 ? ", \(Formatting.percent(last.mean)) at \(last.batchSize)" : ""
                return start + "\(Formatting.percent(first.mean)) at batch size \(first.batchSize)\(rest)"
            })
    }

    /// What a training came to, or how far it is; and why it ended early.
    init(_ report: FineTuneReport) {
        let (done, all) = (report.steps.count, report.settings.steps)
        let isOver = report.kept != nil
        var sentences: [String] = []
        if let first = report.rounds.first, let result = report.result, result.step > 0 {
            // Before, a new head knows nothing.
            let before = report.newHead ? "" : ", \(Formatting.percent(first.top1)) before"
            sentences.append(
                "\(report.name): validation top-1 \(Formatting.percent(result.top1)) after "
                    + "\(Formatting.counted(result.step, "step")) of fine-tuning" + before)
        } else {
            sentences.append("\(report.name): before the first step of fine-tuning")
        }
        if let reason = report.endedEarly {
            sentences.append(
                "Ended early, after \(Formatting.grouped(done)) of \(Formatting.grouped(all)) steps: \(reason.text)"
            )
        } else if !isOver, done > 0 {
            sentences.append("In training: \(Formatting.grouped(done)) of \(Formatting.grouped(all)) steps")
        }
        self.init(all: sentences)
    }

    /// `gn.h5 loses 1.5 points of top-1 against resnet.h5 (95 % interval 0.6 to 2.6)`
    private static func comparison(_ name: String, _ other: String, _ difference: Estimate) -> String {
        guard difference.low > 0 || difference.high < 0 else {
            let (low, high) = (Formatting.points(difference.low), Formatting.points(difference.high))
            return
                "\(name) scores the same as \(other) within the 95 % interval (\(low) to \(high) points of top-1)"
        }
        let isLoss = difference.high < 0
        let ends = [abs(difference.low), abs(difference.high)].sorted()
        // A difference that one decimal shows as zero.
        let digits = ends[0] < 0.0005 ? 2 : 1
        let (value, low, high) = (abs(difference.value), ends[0], ends[1])
        let texts = [value, low, high].map { Formatting.fixed($0 * 100, digits: digits) }
        return "\(name) \(isLoss ? "loses" : "gains") \(texts[0]) points of top-1 against \(other) "
            + "(95 % interval \(texts[1]) to \(texts[2]))"
    }
}

/// A moment, in UTC.
struct DateView {
    /// `2026-11-29T20:55:02Z`
    let machine: String
    /// `2026-11-29 20:55 UTC`
    let people: String

    init(_ date: Date) {
        machine = date.formatted(.iso8601)
        people = machine.dropLast(4).replacing("T", with: " ") + " UTC"
    }
}
