import Foundation
import Testing

@testable import Reports

@Suite("the curves of a fine-tuning")
struct FineTuneChartTests {
    private func charts(_ report: FineTuneReport) throws -> FineTuneCharts {
        try #require(FineTuneCharts(report))
    }

    private func points(_ path: String) -> [(x: Double, y: Double)] {
        path.split(separator: " ").map { point in
            let numbers = point.split(separator: ",").compactMap { Double($0) }
            return (numbers[0], numbers[1])
        }
    }

    @Test("the loss of step s stands s steps from the left, and epochs above the steps that end them")
    func places() throws {
        let chart = try charts(.sample()).loss
        // 90 steps are 560 wide, and one epoch: 1,440 images of 16.
        let each = points(chart.curves[0].path)
        #expect(each.count == 90 && each[89].x == 560 && abs(each[44].x - 280) <= 0.05)
        #expect(chart.columns.map(\.columnText) == ["0", "20", "40", "60", "80"])
        #expect(chart.tops.map(\.columnText) == ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"])
        #expect(chart.tops.last?.x == "560.0")
        #expect(chart.curves[2].dots.map(\.x) == ["0.0", "186.7", "373.3", "560.0"])
        // 1.4 at the start, on an axis from 0 to 2 that is 300 high: 2 / 1 is the first step's.
        #expect(chart.rows.last?.rowText == "2.0" && chart.curves[2].dots[0].y == "90.0")
    }

    @Test("a few losses far above the others are drawn at the edge, and counted")
    func outliers() throws {
        var report = FineTuneReport.sample(steps: 200, rounds: 4)
        report.settings.labelSmoothing = 0
        for step in 0..<200 { report.steps[step].loss = 1 }
        report.steps[150].loss = 1000
        let chart = try charts(report).loss
        // The mean of the last ten steps, (9 + 1000) / 10, stays on the chart.
        #expect(chart.rows.last?.rowText == "120")
        let each = points(chart.curves[0].path)
        #expect(each[150].y == 0 && each[149].y == 297.5)
        #expect(chart.notes.last == "Above the chart: 1 point of the thin line.")
        report.steps[150].loss = 1
        #expect(try charts(report).loss.notes.count == 1)
    }

    @Test("the note says that training and validation measure the loss differently, where they do")
    func differentLosses() throws {
        var report = FineTuneReport.sample()
        report.settings.labelSmoothing = 0
        #expect(try charts(report).loss.notes.count == 1)
        (report.settings.mixup, report.settings.classWeights) = (0.1, "balanced")
        let note = "Only the training loss has mixup and class weights."
        #expect(try charts(report).loss.notes.last == note)
    }

    @Test("means of a window and of bins are those by hand")
    func means() {
        #expect(CurveData.runningMean([1, 2, 3, 4, 8], window: 3) == [1, 1.5, 2, 3, 5])
        #expect(CurveData.runningMean([], window: 3).isEmpty)
        let points = (0..<1201).map { (x: Double($0), y: Double($0 * 2)) }
        let thinned = CurveData.thinned(points)
        // Three at a time, and one that is left.
        #expect(thinned.count == 401 && thinned[0].x == 1 && thinned[0].y == 2)
        #expect(thinned[400].x == 1200 && thinned[400].y == 2400)
        #expect(CurveData.thinned(Array(points.prefix(600))).count == 600)
    }

    @Test("the ring is around the written round, and the note says it")
    func kept() throws {
        var report = FineTuneReport.sample()
        report.kept = 2
        let chart = try charts(report).accuracy
        #expect(chart.curves[1].rings.map(\.x) == [chart.curves[1].dots[2].x])
        #expect(
            chart.notes.last == "Ring: the parameters that were written, step 60: validation top-1 58.3 %.")
        #expect(chart.curves[0].dots.count == 3 && chart.curves[1].dots.count == 4)
        report.kept = nil
        #expect(try charts(report).accuracy.curves[1].rings.isEmpty)
    }

    @Test("rates that span decades have a logarithmic axis, a cosine has not")
    func rates() throws {
        var report = FineTuneReport.sample(steps: 100, rounds: 2)
        for step in 0..<100 { report.steps[step].learningRate = pow(10, -1 - Double(step / 25)) }
        let bit = try charts(report).learningRate
        #expect(bit.rows.map(\.rowText) == ["0.0001", "0.001", "0.01", "0.1"])
        #expect(bit.rows.map(\.y) == ["300.0", "200.0", "100.0", "0.0"])
        for step in 0..<100 {
            report.steps[step].learningRate = 0.05 * (1 + cos(Double.pi * Double(step) / 100))
        }
        let cosine = try charts(report).learningRate
        #expect(cosine.rows.map(\.rowText) == ["0.00", "0.02", "0.04", "0.06", "0.08", "0.10"])
        #expect(points(cosine.curves[0].path)[50].y == 150)
    }

    @Test("the search has powers of ten, a ring at the rate that was taken, and a cross where it diverged")
    func search() throws {
        let report = FineTuneReport.sample()
        let chart = try #require(report.searchChart(report.search ?? []))
        #expect(chart.columns.map(\.columnText) == ["0.001", "0.01", "0.1"])
        #expect(chart.columns.map(\.x) == ["0.0", "280.0", "560.0"])
        let curve = chart.curves[0]
        #expect(curve.dots.count == 2 && curve.rings.map(\.x) == ["280.0"])
        #expect(curve.crosses.map(\.tooltip) == ["learning rate 0.03: diverged"])
        #expect(curve.crosses[0].y == "0.0")
        #expect(report.searchChart([.init(rate: 0.1, loss: nil)]) == nil)
    }

    @Test(
        "round numbers on an axis that ends where a training does",
        arguments: [
            (1.0, 1.0, ["0", "1"]), (7, 1, ["0", "2", "4", "6"]),
            (10_000, 1, ["0", "2,000", "4,000", "6,000", "8,000", "10,000"]),
            (0.5, 0, ["0.0", "0.1", "0.2", "0.3", "0.4", "0.5"]),
            (3e-5, 0, ["0", "1e-05", "2e-05", "3e-05"]),
        ])
    func progress(end: Double, least: Double, marks: [String]) {
        let scale = Scale.progress(to: end, least: least, length: 100)
        #expect(scale.marks.map(\.text) == marks)
        #expect(scale.position(end) == 100 && scale.position(end / 2) == 50)
    }

    @Test("values beyond an axis stand at its end")
    func clamped() {
        let scale = Scale.decades([0.01, 1], length: 100)
        #expect(scale.position(0) == 0 && scale.position(0.1) == 50 && scale.position(.infinity) == 100)
    }
}
