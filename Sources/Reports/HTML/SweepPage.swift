import Evaluation
import Foundation

/// A report on errors against the batch size as one HTML file that needs no other, after the figure of Wu & He 2018. It is
/// well-formed XML too.
package struct SweepPage: Sendable {
    private let view: SweepView

    /// Lays out a page; `command` is what was typed, to repeat it.
    package init(_ report: SweepReport, command: [String]) {
        let names = NetworkName.all(report.networkNames)
        view = SweepView(
            css: PageTemplates.css, heading: names.map(\.text).joined(separator: ", "), split: report.data,
            imageCount: Formatting.grouped(report.images), chart: SweepChart(report, names),
            table: SweepTable(report, names), spread: Self.spread(report),
            settings: SettingsView(report, command))
    }

    private static func spread(_ report: SweepReport) -> String {
        report.shuffles == 1
            ? "of one shuffle of the split"
            : "mean ± standard deviation over \(report.shuffles) shuffles of the split; bars in the chart are ± that"
    }

    /// The page. Throws where a template cannot be read, which tests would have found.
    package func html() throws -> String { try PageTemplates.render(view, template: "sweep") }
}

/// All that the page's template shows.
struct SweepView {
    let css: String
    let heading: String
    let split: String
    let imageCount: String
    let chart: SweepChart
    let table: SweepTable
    let spread: String
    let settings: SettingsView
}

/// Error against batch size: a logarithmic axis, the largest batch at the left, as in the paper.
struct SweepChart {
    let width: String
    let height: String
    let right: String
    let bottom: String
    let tickY: String
    let titleX: String
    let titleY: String
    let middle: String
    let columns: [Column]
    let rows: [Row]
    let lines: [Line]

    /// A mark of the batch size.
    struct Column {
        let x: String
        let size: String
    }

    /// A mark of the error.
    struct Row {
        let y: String
        let textY: String
        let error: String
    }

    /// A network.
    struct Line {
        let name: NetworkName
        let path: String
        let points: [Point]
        /// Where the error with stored statistics is; nil where it is the line itself.
        let storedY: String?
        let storedText: String
    }

    struct Point {
        let x: String
        let y: String
        let low: String
        let high: String
        let tooltip: String
    }

    private static let extent = (width: 600.0, height: 340.0)
    /// Free space at both ends, so that marks do not stand on the frame.
    private static let margin = 30.0

    init(_ report: SweepReport, _ names: [NetworkName]) {
        let (width, height) = Self.extent
        let sizes = report.models.first?.points.map(\.batchSize) ?? []
        let axis = Axis(
            covering: report.models.flatMap { model in
                [model.stored.value]
                    + model.points.flatMap { [$0.mean - $0.deviation, $0.mean + $0.deviation] }
            }, within: 0...1, width: height)
        let (least, most) = (log2(Double(sizes.first ?? 1)), log2(Double(sizes.last ?? 1)))
        func x(_ size: Int) -> Double {
            guard most > least else { return width / 2 }
            return Self.margin + (most - log2(Double(size))) / (most - least) * (width - 2 * Self.margin)
        }
        func y(_ error: Double) -> Double { height - axis.x(min(max(error, axis.low), axis.high)) }
        self.width = place(width + 80)
        self.height = place(height + 60)
        right = place(width)
        bottom = place(height)
        tickY = place(height + 18)
        (titleX, titleY) = (place(width / 2), place(height + 40))
        middle = place(height / 2)
        columns = sizes.map { Column(x: place(x($0)), size: "\($0)") }
        rows = axis.marks { Formatting.percent($0, digits: $1) }.map {
            Row(y: place(y($0.value)), textY: place(y($0.value) + 4), error: $0.text)
        }
        lines = zip(report.models, names).map { model, name in
            let points = model.points.map { point in
                Point(
                    x: place(x(point.batchSize)), y: place(y(point.mean)),
                    low: place(y(point.mean - point.deviation)), high: place(y(point.mean + point.deviation)),
                    tooltip: "\(name.text), batch size \(point.batchSize): \(point.text) %")
            }
            return Line(
                name: name, path: points.map { "\($0.x),\($0.y)" }.joined(separator: " "), points: points,
                storedY: model.batchNorms > 0 ? place(y(model.stored.value)) : nil,
                storedText: "\(name.text), stored statistics: \(Formatting.percent(model.stored.value))")
        }
    }
}

/// The figures of the chart.
struct SweepTable {
    let networks: [NetworkName]
    let sizes: [Row]
    let stored: [String]

    struct Row {
        let size: String
        let cells: [String]
    }

    init(_ report: SweepReport, _ names: [NetworkName]) {
        networks = names
        sizes = (report.models.first?.points ?? []).indices.map { index in
            Row(
                size: "\(report.models[0].points[index].batchSize)",
                cells: report.models.map { $0.points[index].text })
        }
        stored = report.models.map { model in
            "\(Formatting.fixed(model.stored.value * 100, digits: 1)) "
                + "[\(Formatting.range(model.stored.low * 100, model.stored.high * 100, digits: 1))]"
        }
    }
}

extension SweepReport.Point {
    /// `45.3 ± 0.6`, in percent; the spread only where there were several shuffles.
    package var text: String {
        let mean = Formatting.fixed(mean * 100, digits: 1)
        return errors.count < 2 ? mean : "\(mean) ± \(Formatting.fixed(deviation * 100, digits: 1))"
    }
}

extension SettingsView {
    fileprivate init(_ report: SweepReport, _ command: [String]) {
        var entries = [
            Entry(term: "normconv", definition: report.version),
            Entry(term: "Split", definition: report.data),
            Entry(term: "Images", definition: Formatting.grouped(report.images)),
        ]
        if let transform = report.transform {
            entries.append(Entry(term: "Images are", definition: transform))
        }
        for broken in report.broken ?? [] {
            entries.append(Entry(term: "Left out", definition: broken.reason))
        }
        for model in report.models {
            let norms = model.batchNorms == 0 ? "no batch norms" : "\(model.batchNorms) batch norms"
            entries.append(
                Entry(
                    term: "Network", definition: "\(model.model), preprocessing \(model.preprocess), \(norms)"
                ))
        }
        entries.append(Entry(term: "Shuffles", definition: "\(report.shuffles), seed \(report.seed)"))
        self.init(entries: entries, command: command)
    }
}
