import Evaluation
import Foundation

/// A report on errors against the batch size as one HTML file that needs no other, after the figure of Wu & He 2018. It is
/// well-formed XML too.
package struct SweepPage: Sendable {
    private let view: SweepView

    /// Lays out a page; `command` is what was typed, to repeat it, and `date` when the report was made.
    package init(_ report: SweepReport, command: [String], date: Date) {
        let names = NetworkName.all(report.networkNames)
        view = SweepView(
            css: PageTemplates.css, verdicts: Verdicts(report, names), date: DateView(date),
            version: report.version, split: report.data, imageCount: Formatting.grouped(report.images),
            networks: NetworksView(report.models.map { ($0.model, $0.conversion, $0.sha256) }, names),
            chart: SweepChart(report, names),
            table: SweepTable(report, names), spread: Self.spread(report),
            settings: SettingsView(report, command))
    }

    private static func spread(_ report: SweepReport) -> String {
        report.shuffles == 1
            ? "of one shuffle of the split"
            : "mean ± standard deviation over \(report.shuffles) shuffles of the split, which the bars in the chart show"
    }

    /// The page. Throws where a template cannot be read, which tests would have found.
    package func html() throws -> String { try PageTemplates.render(view, template: "sweep") }
}

/// All that the page's template shows.
struct SweepView {
    let css: String
    let verdicts: Verdicts
    let date: DateView
    let version: String
    let split: String
    let imageCount: String
    let networks: NetworksView?
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
    let columns: [Column]
    let rows: [Row]
    let lines: [Line]

    /// A mark of the batch size.
    struct Column {
        let x: String
        let size: String
        /// `dense` where there is no room for the size in a narrow window.
        let columnKind: String
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

    /// A network's errors, and that with stored statistics, where it has a line of its own.
    typealias Course = (points: [SweepReport.Point], stored: Double?)

    init(_ report: SweepReport, _ names: [NetworkName]) {
        self.init(
            report.models.map { ($0.points, $0.batchNorms > 0 ? $0.stored.value : nil) }, names,
            sizes: report.models.first?.points.map(\.batchSize) ?? [],
            covering: report.models.map(\.stored.value))
    }

    /// Errors of several networks at these batch sizes, smallest first; the axis also covers other errors.
    init(_ courses: [Course], _ names: [NetworkName], sizes: [Int], covering others: [Double] = []) {
        let (width, height) = Self.extent
        let axis = Axis(
            covering: others
                + courses.flatMap { $0.points.flatMap { [$0.mean - $0.deviation, $0.mean + $0.deviation] } },
            within: 0...1, width: height)
        let (least, most) = (log2(Double(sizes.first ?? 1)), log2(Double(sizes.last ?? 1)))
        func x(_ size: Int) -> Double {
            guard most > least else { return width / 2 }
            return Self.margin + (most - log2(Double(size))) / (most - least) * (width - 2 * Self.margin)
        }
        func y(_ error: Double) -> Double { height - axis.x(min(max(error, axis.low), axis.high)) }
        // With room for the marks of the error at the left and its title above.
        self.width = place(width + 104)
        self.height = place(height + 130)
        right = place(width)
        bottom = place(height)
        tickY = place(height + 28)
        (titleX, titleY) = (place(width / 2), place(height + 60))
        columns = Self.columns(sizes, x)
        rows = axis.marks { Formatting.percent($0, digits: $1) }.map {
            Row(y: place(y($0.value)), textY: place(y($0.value) + 4), error: $0.text)
        }
        lines = zip(courses, names).map { course, name in
            let points = course.points.map { point in
                Point(
                    x: place(x(point.batchSize)), y: place(y(point.mean)),
                    low: place(y(point.mean - point.deviation)), high: place(y(point.mean + point.deviation)),
                    tooltip: "\(name.text), batch size \(point.batchSize): \(point.text) %")
            }
            return Line(
                name: name, path: points.map { "\($0.x),\($0.y)" }.joined(separator: " "), points: points,
                storedY: course.stored.map { place(y($0)) },
                storedText: course.stored.map {
                    "\(name.text), stored statistics: \(Formatting.percent($0))"
                } ?? "")
        }
    }
}

extension SweepChart {
    /// The marks of the batch size. In a narrow window there is room for one in 80 units.
    private static func columns(_ sizes: [Int], _ x: (Int) -> Double) -> [Column] {
        var last = -Double.infinity
        return sizes.reversed().map { size in
            let isDense = x(size) - last < 80
            if !isDense { last = x(size) }
            return Column(x: place(x(size)), size: "\(size)", columnKind: isDense ? "dense" : "")
        }
    }
}

/// The figures of the chart, in its order: the largest batch first.
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
        sizes = (report.models.first?.points ?? []).indices.reversed().map { index in
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
            entries.append(Entry(term: "Image files", definition: transform))
        }
        for broken in report.broken ?? [] {
            entries.append(Entry(term: "Excluded", definition: broken.reason))
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
