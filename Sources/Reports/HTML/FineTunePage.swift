import Evaluation
import Foundation
import Tensors

/// A report on a training as one HTML file that needs no other: curves, the search for the learning rate, the classes.
/// It is well-formed XML too. The training may still go on.
package struct FineTunePage: Sendable {
    private let view: FineTuneView

    /// Lays out a page; `command` is what was typed, to repeat it, and `date` when the report was made.
    package init(_ report: FineTuneReport, command: [String], date: Date) {
        let charts = FineTuneCharts(report)?.all ?? []
        view = FineTuneView(
            css: PageTemplates.css, verdicts: Verdicts(report), date: DateView(date),
            version: report.version, split: report.data, imageCount: Formatting.grouped(report.images),
            tiles: report.tiles, hasCurves: !charts.isEmpty, curveCharts: charts,
            rounds: report.rounds.indices.map { FineTuneView.Round(report, $0) },
            search: report.search.map { FineTuneView.Search(report, $0) },
            results: report.classResults.isEmpty ? nil : FineTuneClasses(report.classResults),
            settings: SettingsView(report, command))
    }

    /// The page. Throws where a template cannot be read, which tests would have found.
    package func html() throws -> String { try PageTemplates.render(view, template: "finetune") }
}

/// All that the page's template shows.
struct FineTuneView {
    let css: String
    let verdicts: Verdicts
    let date: DateView
    let version: String
    let split: String
    let imageCount: String
    let tiles: [SummaryView.Tile]
    let hasCurves: Bool
    let curveCharts: [CurveChart]
    let rounds: [Round]
    let search: Search?
    let results: FineTuneClasses?
    let settings: SettingsView

    /// An evaluation.
    struct Round {
        let step: String
        let epoch: String
        let trainingLoss: String
        let trainingTop1: String
        let validationLoss: String
        let validationTop1: String
        let speed: String
        let isKept: Bool
    }

    /// The search for a learning rate.
    struct Search {
        let searchChart: CurveChart?
        let trials: [Trial]

        struct Trial {
            let rate: String
            let loss: String
        }
    }
}

extension FineTuneView.Round {
    fileprivate init(_ report: FineTuneReport, _ index: Int) {
        let round = report.rounds[index]
        func loss(_ value: Double?) -> String { value.map { Formatting.fixed($0, digits: 3) } ?? "–" }
        self.init(
            step: Formatting.grouped(round.step), epoch: Formatting.fixed(round.epoch, digits: 1),
            trainingLoss: loss(round.trainingLoss),
            trainingTop1: round.trainingTop1.map { Formatting.percent($0) } ?? "–",
            validationLoss: loss(round.loss), validationTop1: Formatting.percent(round.top1),
            speed: round.imagesPerSecond.map(Formatting.rate) ?? "–", isKept: index == report.kept)
    }
}

extension FineTuneView.Search {
    fileprivate init(_ report: FineTuneReport, _ trials: [FineTuneReport.Trial]) {
        searchChart = report.searchChart(trials)
        self.trials = trials.map { trial in
            Trial(
                rate: trial.rate.short,
                loss: trial.loss.map { Formatting.fixed($0, digits: 3) } ?? "diverged")
        }
    }
}

extension FineTuneReport {
    /// The name of the network, for headings.
    var name: String { NetworkNames([model]).full[0] }

    /// The evaluation of the written parameters; of the last ones while the training goes on.
    var result: Round? { kept.map { rounds[$0] } ?? rounds.last }

    /// Training images a second.
    var imagesPerSecond: Double? {
        seconds > 0 && !steps.isEmpty ? Double(steps.count * settings.batch) / seconds : nil
    }

    fileprivate var tiles: [SummaryView.Tile] {
        guard let first = rounds.first, let result else { return [] }
        func top1(_ name: String, _ round: Round, _ meaning: String) -> SummaryView.Tile {
            let hits = Int((round.top1 * Double(validationImages)).rounded())
            return SummaryView.Tile(name, Proportion(hits, of: validationImages), meaning)
        }
        func tile(_ name: String, _ value: String, _ meaning: String) -> SummaryView.Tile {
            SummaryView.Tile(figure: name, figureValue: value, range: nil, meaning: meaning)
        }
        let start = newHead ? "with the new head of zeros" : "before the training"
        var tiles = [top1("Top-1 before", first, "share of validation images, \(start)")]
        if result.step > 0 {
            let when = "after \(Formatting.counted(result.step, "step"))"
            tiles.append(top1("Top-1", result, "share of validation images, \(when)"))
            if let loss = result.loss {
                tiles.append(tile("Loss", Formatting.fixed(loss, digits: 3), "on validation images, \(when)"))
            }
        }
        if let imagesPerSecond {
            tiles.append(tile("Speed", Formatting.rate(imagesPerSecond), "training images a second"))
            tiles.append(tile("Time", Formatting.duration(seconds: seconds), "of the training"))
        }
        return tiles
    }
}
