import Foundation

/// A report on an experiment as one HTML file that needs no other: the errors against the batch size. It is well-formed XML
/// too. The experiment may still go on.
package struct ExperimentPage: Sendable {
    private let view: ExperimentView

    /// Lays out a page; `command` is what was typed, to repeat it, and `date` when the report was made.
    package init(_ report: ExperimentReport, command: [String], date: Date) {
        let names = NetworkName.all(NetworkNames(report.arms))
        let sizes = report.batchSizes.sorted()
        let courses = report.arms.map { arm in
            (points: sizes.compactMap { report.cell(arm, $0)?.point }, stored: Double?.none)
        }
        view = ExperimentView(
            css: PageTemplates.css, verdicts: Verdicts(report), date: DateView(date), version: report.version,
            split: report.validation, imageCount: Formatting.grouped(report.validationImages),
            chart: SweepChart(courses, names, sizes: sizes), table: ExperimentTable(report, names),
            spread: report.seeds == 1
                ? "of one training" : "mean ± standard deviation of \(report.seeds) trainings",
            settings: SettingsView(report, command))
    }

    /// The page. Throws where a template cannot be read, which tests would have found.
    package func html() throws -> String { try PageTemplates.render(view, template: "experiment") }
}

/// All that the page's template shows.
struct ExperimentView {
    let css: String
    let verdicts: Verdicts
    let date: DateView
    let version: String
    let split: String
    let imageCount: String
    let chart: SweepChart
    let table: ExperimentTable
    let spread: String
    let settings: SettingsView
}

/// Arms in rows, batch sizes in columns.
struct ExperimentTable {
    let sizes: [String]
    let rows: [Row]

    struct Row {
        let name: NetworkName
        let cells: [String]
    }

    init(_ report: ExperimentReport, _ names: [NetworkName]) {
        sizes = report.batchSizes.map(String.init)
        rows = zip(report.arms, names).map { arm, name in
            Row(name: name, cells: report.batchSizes.map { report.cell(arm, $0)?.figure ?? "" })
        }
    }
}

extension ExperimentReport.Cell {
    /// `24.5 ± 0.6 (0.003)`; – where there is no result.
    fileprivate var figure: String {
        guard let point else { return "–" }
        return point.text + (learningRate.map { " (\($0.short))" } ?? "")
    }
}

extension Verdicts {
    /// The arm with the least error at each of up to three batch sizes.
    fileprivate init(_ report: ExperimentReport) {
        let sizes = report.batchSizes.filter { size in report.cells.contains { $0.batchSize == size } }
        self.init(
            all: sizes.compactMap { size in
                let cells = report.cells.filter { $0.batchSize == size && $0.point != nil }
                guard let best = cells.min(by: { ($0.point?.mean ?? 1) < ($1.point?.mean ?? 1) }),
                    let point = best.point
                else { return nil }
                return "batch \(size): \(best.arm), error \(point.text) %"
            })
    }
}

extension SettingsView {
    fileprivate init(_ report: ExperimentReport, _ command: [String]) {
        var entries = [
            Entry(term: "normconv", definition: report.version),
            Entry(term: "Network", definition: report.model),
            Entry(
                term: "Training images",
                definition:
                    "\(report.data), \(Formatting.grouped(report.images)), \(report.imageShape.map(String.init).joined(separator: "×"))"
            ),
            Entry(
                term: "Test images",
                definition: "\(report.validation), \(Formatting.grouped(report.validationImages))"),
            Entry(
                term: "Head", definition: "\(report.newHead ? "new" : "its own"), \(report.classes) classes"),
            Entry(
                term: "Images seen", definition: "\(Formatting.grouped(report.imagesSeen)) in each training"),
            Entry(term: "Trainings", definition: "\(report.seeds) of each arm and batch size"),
        ]
        entries += report.settings.map { Entry(term: $0.name.capitalized, definition: $0.value) }
        self.init(entries: entries, command: command)
    }
}
