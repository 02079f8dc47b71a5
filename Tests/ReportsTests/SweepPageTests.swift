import Evaluation
import Foundation
import Testing

@testable import Reports

@Suite("the HTML report of a sweep")
struct SweepPageTests {
    /// A network of batch norms and one without, at these sizes.
    private func report(_ sizes: [Int] = [1, 4, 64], shuffles: Int = 2) -> SweepReport {
        func network(_ name: String, _ norms: Int, _ error: (Int) -> [Double]) -> SweepReport.Network {
            SweepReport.Network(
                model: name, preprocess: "raw", batchNorms: norms, stored: Proportion(20, of: 100),
                points: sizes.map { SweepReport.Point(batchSize: $0, errors: error($0)) })
        }
        return SweepReport(
            version: "1.2.3", data: "split \"<x>\".h5", images: 1234, shuffles: shuffles, seed: 7,
            models: [
                network("a/<bn> & \"b\".h5", 3) { size in
                    (0..<shuffles).map { 0.9 / Double(size).squareRoot() - 0.02 * Double($0) }
                },
                network("gn.h5", 0) { _ in [0.2] },
            ])
    }

    private func content(_ report: SweepReport) throws -> PageContent {
        let page = try SweepPage(report, command: ["normconv", "sweep", "<a>.h5"], date: Sample.date).html()
        return try #require(PageContent(page))
    }

    @Test("is well-formed, escapes names, needs nothing from elsewhere, and says the JSON's figures")
    func figures() throws {
        let report = report()
        let content = try content(report)
        #expect(content.identifiers == ["sweep", "settings"])
        #expect(content.elements["script"] == nil && content.elements["link"] == nil)
        #expect(!content.attributes.contains { ["src", "href"].contains($0.name) })
        #expect(content.text.contains("<bn> & \"b\".h5") && content.text.contains("split \"<x>\".h5"))
        #expect(content.text.contains("1,234 images") && content.text.contains("2, seed 7"))
        for cell in report.models.flatMap(\.points).map(\.text) { #expect(content.text.contains(cell)) }
        #expect(content.text.contains("89.0 ± 1.4") && content.text.contains("20.0 [13.3–28.9]"))
    }

    @Test("the chart has a logarithmic axis, the largest batch at the left, and the error upwards")
    func chart() throws {
        let report = report()
        let chart = SweepChart(report, report.names.map { NetworkName(text: $0, label: $0, series: "s0") })
        let x = chart.columns.compactMap { Double($0.x) }
        #expect(chart.columns.map(\.size) == ["64", "4", "1"])
        // log₂ is 6, 2 and 0.
        #expect(x[2] > x[1] && abs((x[2] - x[1]) * 2 - (x[1] - x[0])) < 0.3)
        let rows = chart.rows.compactMap { row in Double(row.y) }
        #expect(chart.rows.first?.error == "0 %" && chart.rows.last?.error == "100 %")
        #expect(rows.first == 340 && rows.last == 0)
        let points = chart.lines[0].points
        #expect(abs(try #require(Double(points[0].y)) - (1 - 0.89) * 340) < 0.1)
        #expect(try #require(Double(points[0].low)) > #require(Double(points[0].high)))
        #expect(points.map(\.x) == chart.columns.map(\.x).reversed())
        #expect(chart.lines.map(\.storedY) == ["272.0", nil])
    }

    @Test("the table and the chart have networks and batch sizes in the same order")
    func order() throws {
        let report = report()
        let names = report.names.map { NetworkName(text: $0, label: $0, series: "s0") }
        let (chart, table) = (SweepChart(report, names), SweepTable(report, names))
        #expect(table.sizes.map(\.size) == ["64", "4", "1"])
        // From the left to the right.
        let columns = try chart.columns.sorted { try #require(Double($0.x)) < #require(Double($1.x)) }
        #expect(columns.map(\.size) == table.sizes.map(\.size))
        #expect(chart.lines.map(\.name.text) == table.networks.map(\.text))
        #expect(table.networks.map(\.text) == report.names)
        for (row, size) in zip(table.sizes, [64, 4, 1]) {
            let expected = report.models.map { $0.points.first { $0.batchSize == size }?.text }
            #expect(row.cells == expected)
        }
        let page = try SweepPage(report, command: [], date: Sample.date).html()
        let text = try #require(PageContent(page)).text
        let places = try report.names.map { name in
            let ranges = text.ranges(of: name)
            return try #require(ranges.last).lowerBound
        }
        #expect(places == places.sorted())
    }

    @Test(
        "marks of the batch size that would touch in a narrow window are left out there, the largest first to stay"
    )
    func denseMarks() {
        let report = report([1, 2, 3, 4, 5, 6, 7, 8, 512])
        let names = report.names.map { NetworkName(text: $0, label: $0, series: "s0") }
        let columns = SweepChart(report, names).columns
        let shown = columns.filter { $0.columnKind.isEmpty }.compactMap { Double($0.x) }
        #expect(columns.first { $0.size == "512" }?.columnKind == "")
        #expect(columns.count == 9 && shown.count < 9)
        #expect(zip(shown, shown.dropFirst()).allSatisfy { abs($0 - $1) >= 79.8 })
    }

    @Test("says when it was made, and how each network was converted")
    func origin() throws {
        var report = report()
        report.models[1].sha256 = String(repeating: "ab", count: 32)
        report.models[0].conversion = ConversionSummary(
            to: "ln", groups: "auto", initialization: "copy", weightStandardization: "off", version: "1")
        let content = try content(report)
        #expect(content.identifiers == ["sweep", "networks", "settings"])
        #expect(content.text.contains("2026-11-29 20:55 UTC") && content.text.contains("normconv 1.2.3"))
        #expect(content.text.contains("LayerNorm (one group), parameters copied, weights not standardized"))
        #expect(content.text.contains("not converted") && content.text.contains("SHA-256 abababababab…"))
        #expect(content.title.hasPrefix("<bn> & \"b\".h5: top-1 error 89.0 % at batch size 1, "))
    }

    @Test("one size and one shuffle have a place too")
    func ends() throws {
        let report = report([8], shuffles: 1)
        let content = try content(report)
        #expect(content.elements["circle"] == 2)
        #expect(!content.text.contains("31.8 ±") && content.text.contains("31.8"))
        #expect(!content.attributes.contains { $0.value.contains("nan") || $0.value.contains("inf") })
    }

    @Test("JSON reads back and has sorted keys")
    func json() throws {
        let report = report()
        let text = try JSONReport.text(report)
        #expect(try JSONDecoder().decode(SweepReport.self, from: Data(text.utf8)) == report)
        let object = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        #expect(
            object.keys.sorted() == [
                "data", "images", "models", "schemaVersion", "seed", "shuffles", "version",
            ])
    }
}
