import Evaluation
import Foundation
import Tensors

/// What a network reaches on the whole split.
struct SummaryView {
    let isAlone: Bool
    let tiles: [Tile]
    let table: [Row]
    let chart: IntervalChart?
    let warnings: [String]

    /// A figure of a single network.
    struct Tile {
        let figure: String
        let figureValue: String
        let range: String?
        let meaning: String
    }

    /// One of several networks.
    struct Row {
        let network: NetworkName
        let top1: String
        let top1Range: String
        let top5: String
        let perClass: String
        let nll: String
        let brier: String
        let ece: String
        let speed: String
    }

    init(_ report: EvalReport, _ names: [NetworkName]) {
        isAlone = report.models.count == 1
        tiles = isAlone ? report.models.flatMap(Self.tiles) : []
        table = isAlone ? [] : zip(report.models, names).map(Row.init)
        warnings = zip(report.models, names).filter { $0.0.evaluation.nonFinite > 0 }.map {
            "\($1.text): \(Formatting.grouped($0.evaluation.nonFinite)) images with outputs that are not finite, counted as errors"
        }
        let shares = report.models.map(\.evaluation.top1)
        chart =
            isAlone
            ? nil
            : IntervalChart(
                "Top-1 with its 95 % interval",
                zip(names, shares).map { ($0, $1.value, $1.low, $1.high, Formatting.percent($1.value)) },
                axis: Axis(
                    covering: shares.flatMap { [$0.low, $0.high] }, within: 0...1, width: IntervalChart.width,
                    count: 4),
                tick: { Formatting.percent($0, digits: $1) })
    }

    private static func tiles(_ model: EvalReport.Network) -> [Tile] {
        let score = model.evaluation
        var tiles = [Tile("Top-1", score.top1, "share of images whose label scores highest")]
        if let top5 = score.top5 {
            tiles.append(Tile("Top-5", top5, "share of images whose label is among the five highest"))
        }
        let mean = score.meanPerClass
        tiles.append(
            Tile(
                figure: "Mean per class", figureValue: Formatting.percent(mean.value),
                range: Formatting.range(mean.low * 100, mean.high * 100, digits: 1),
                meaning: "mean of the classes’ recalls"))
        if let nll = score.nll {
            tiles.append(Tile("NLL", nll, "mean negative log-likelihood, nats; 0 is best"))
        }
        if let brier = score.brier {
            tiles.append(Tile("Brier", brier, "mean squared error of probabilities; 0 is best, 2 worst"))
        }
        if let reliability = score.reliability {
            tiles.append(
                Tile(
                    figure: "ECE", figureValue: Formatting.fixed(reliability.ece, digits: 3), range: nil,
                    meaning: "expected calibration error; 0 is best"))
        }
        tiles.append(
            Tile(
                figure: "Speed", figureValue: Formatting.rate(model.imagesPerSecond), range: nil,
                meaning: "images a second"))
        return tiles
    }
}

extension SummaryView.Tile {
    init(_ name: String, _ share: Proportion, _ meaning: String) {
        self.init(
            figure: name, figureValue: Formatting.percent(share.value),
            range: Formatting.range(share.low * 100, share.high * 100, digits: 1), meaning: meaning)
    }

    init(_ name: String, _ mean: Estimate, _ meaning: String) {
        self.init(
            figure: name, figureValue: Formatting.fixed(mean.value, digits: 3),
            range: Formatting.range(mean.low, mean.high, digits: 3), meaning: meaning)
    }
}

extension SummaryView.Row {
    init(_ model: EvalReport.Network, _ name: NetworkName) {
        let score = model.evaluation
        let fixed = { (value: Double?) in value.map { Formatting.fixed($0, digits: 3) } ?? "–" }
        self.init(
            network: name, top1: Formatting.percent(score.top1.value),
            top1Range: Formatting.range(score.top1.low * 100, score.top1.high * 100, digits: 1),
            top5: score.top5.map { Formatting.percent($0.value) } ?? "–",
            perClass: Formatting.percent(score.meanPerClass.value), nll: fixed(score.nll?.value),
            brier: fixed(score.brier?.value), ece: fixed(score.reliability?.ece),
            speed: Formatting.rate(model.imagesPerSecond))
    }
}

/// What it takes to get the same figures again.
struct SettingsView {
    let commandLine: String
    let entries: [Entry]

    struct Entry {
        let term: String
        let definition: String
    }

    init(entries: [Entry], command: [String]) {
        commandLine = command.map(\.shellWord).joined(separator: " ")
        self.entries = entries
    }

    init(_ report: EvalReport, _ names: [NetworkName], _ command: [String]) {
        var entries = [
            Entry(term: "normconv", definition: report.version),
            Entry(term: "Split", definition: report.data),
            Entry(term: "Images", definition: Formatting.grouped(report.images)),
            Entry(term: "Engine", definition: report.engine),
        ]
        if let transform = report.transform {
            entries.append(Entry(term: "Image files", definition: transform))
        }
        if let labels = report.labels {
            entries.append(Entry(term: "Labels", definition: "\(labels.source), \(labels.order)"))
            if let doubt = labels.doubt { entries.append(Entry(term: "Doubtful", definition: doubt)) }
        }
        for broken in report.broken ?? [] {
            entries.append(Entry(term: "Excluded", definition: broken.reason))
        }
        for model in report.models {
            entries.append(
                Entry(
                    term: "Network",
                    definition: "\(model.model), preprocessing \(model.preprocess)"
                        + (model.head.description.map { ", \($0)" } ?? "")))
        }
        if let baseline = report.baseline { entries.append(Entry(term: "Baseline", definition: baseline)) }
        let draws = Formatting.grouped(report.bootstrap.draws)
        entries.append(
            Entry(
                term: "Intervals",
                definition:
                    "95 %. Shares: Wilson’s score interval. Means: percentile bootstrap over images, \(draws) draws, "
                    + "seed \(report.bootstrap.seed). Differences of two networks: Tango’s score interval for paired "
                    + "proportions. ECE: \(report.models.first?.evaluation.reliability?.bins.count ?? 15) bins of equal width."
            ))
        self.init(entries: entries, command: command)
    }
}
