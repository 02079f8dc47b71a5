import Evaluation
import Foundation
import Tensors
import Testing

@testable import Reports

/// Networks of two classes that classify so many of a thousand images right; each is right on the first ones.
private func scored(_ right: [Int], baseline: Int? = nil, names: [String]? = nil) throws -> EvalReport {
    let labels = [Int](repeating: 0, count: 1000)
    let outcomes = try right.map { count in
        try Outcomes(
            outputs: Tensor(
                shape: [1000, 2], values: (0..<1000).flatMap { $0 < count ? [1, 0] : [0, 1] as [Float] }),
            labels: labels)
    }
    let paths = names ?? right.indices.map { "folder/\($0).h5" }
    let models = try right.indices.map { index in
        EvalReport.Network(
            model: paths[index], preprocess: "raw", imagesPerSecond: 1,
            evaluation: try Evaluation(outcomes[index]),
            comparison: try baseline.flatMap {
                $0 == index ? nil : try Comparison(before: outcomes[$0], after: outcomes[index])
            })
    }
    return EvalReport(
        version: "1", data: "d", engine: "fast", baseline: baseline.map { paths[$0] }, models: models)
}

private func sentences(_ report: EvalReport) -> [String] {
    let baseline = report.baseline.flatMap { path in report.models.firstIndex { $0.model == path } }
    return Verdicts(report, NetworkName.all(report.networkNames), baseline).sentences
}

@Suite("the verdict of a report")
struct VerdictTests {
    @Test("one network: its top-1")
    func alone() throws {
        #expect(try sentences(scored([957])) == ["0.h5: top-1 95.7 %"])
    }

    @Test("a loss or a gain has its points and the interval's ends, whichever network is the baseline")
    func difference() throws {
        // Tango's interval of 0 and 100 discordant pairs among 1,000, as statsmodels' and Tango's formula have it, is
        // in EvaluationTests; here it is what the comparison says, its signs turned.
        let lost = try scored([950, 850], baseline: 0)
        let interval = try #require(lost.models[1].comparison?.paired?.difference)
        let low = String(format: "%.1f", -interval.high * 100)
        let high = String(format: "%.1f", -interval.low * 100)
        #expect(
            sentences(lost) == [
                "1.h5 loses 10.0 points of top-1 against 0.h5 (95 % interval \(low) to \(high))"
            ])
        #expect(
            try sentences(scored([950, 850], baseline: 1)) == [
                "0.h5 gains 10.0 points of top-1 against 1.h5 (95 % interval \(low) to \(high))"
            ])
    }

    @Test("a difference whose interval has zero in it is none")
    func same() throws {
        let report = try scored([950, 949], baseline: 0)
        let interval = try #require(report.models[1].comparison?.paired?.difference)
        #expect(interval.low < 0 && interval.high >= 0)
        let (low, high) = (Formatting.points(interval.low), Formatting.points(interval.high))
        #expect(
            sentences(report) == [
                "1.h5 scores the same as 0.h5 within the 95 % interval (\(low) to \(high) points of top-1)"
            ])
        #expect(
            try sentences(scored([950, 950], baseline: 0))[0].hasPrefix("1.h5 scores the same as 0.h5"))
    }

    @Test("an interval that nearly reaches zero has two decimals")
    func decimals() throws {
        for count in 1...40 {
            let report = try scored([1000, 1000 - count], baseline: 0)
            let interval = try #require(report.models[1].comparison?.paired?.difference)
            guard interval.high < 0 else { continue }
            let sentence = sentences(report)[0]
            #expect(!sentence.contains("interval 0.0 ") && !sentence.contains("interval 0 "), "\(sentence)")
        }
    }

    @Test(
        "several networks: a sentence each, three at most, and the count of the others",
        arguments: [2, 3, 4, 5, 8])
    func several(networks: Int) throws {
        let right = (0..<networks).map { 950 - 100 * $0 }
        let found = try sentences(scored(right, baseline: 0))
        #expect(found.count == min(networks - 1, 4))
        for (index, sentence) in found.prefix(3).enumerated() {
            #expect(sentence.hasPrefix("\(index + 1).h5 loses \(index + 1)0.0 points"))
        }
        if networks > 4 { #expect(found.last == "and \(networks - 4) more") }
        let alone = try sentences(scored(right))
        #expect(alone.first == "0.h5: top-1 95.0 %" && alone.count == min(networks, 4))
        if networks > 3 { #expect(alone.last == "and \(networks - 3) more") }
    }

    @Test("is the page's title and first heading, with names escaped and not read as templates")
    func page() throws {
        let names = ["a/<b>&\"{{css}}\".h5", "a/'<script>'.h5"]
        let labels = [Int](repeating: 0, count: 1000)
        let report = try scored([950, 850], baseline: 0, names: names)
        let outcomes = try [950, 850].map { count in
            try Outcomes(
                outputs: Tensor(
                    shape: [1000, 2], values: (0..<1000).flatMap { $0 < count ? [1, 0] : [0, 1] as [Float] }),
                labels: labels)
        }
        let page = try EvalPage(report, outcomes: outcomes, command: [], date: Sample.date) { _ in nil }
            .html()
        let content = try #require(PageContent(page))
        let start = "'<script>'.h5 loses 10.0 points of top-1 against <b>&\"{{css}}\".h5 (95 % interval "
        #expect(content.title.hasPrefix(start) && content.heading == content.title)
        #expect(content.elements["script"] == nil && content.elements["b"] == nil)
    }

    @Test("of a sweep: the error at the smallest and the largest batch")
    func sweep() {
        func verdict(_ sizes: [Int], batchNorms: Int) -> [String] {
            let points = sizes.map { SweepReport.Point(batchSize: $0, errors: [0.5 / Double($0)]) }
            let report = SweepReport(
                version: "1", data: "d", images: 100, shuffles: 1, seed: 0,
                models: [
                    .init(
                        model: "n.h5", preprocess: "raw", batchNorms: batchNorms,
                        stored: Proportion(20, of: 100), points: points)
                ])
            return Verdicts(report, NetworkName.all(report.networkNames)).sentences
        }
        #expect(
            verdict([1, 2, 4], batchNorms: 3) == ["n.h5: top-1 error 50.0 % at batch size 1, 12.5 % at 4"])
        #expect(verdict([2], batchNorms: 3) == ["n.h5: top-1 error 25.0 % at batch size 2"])
        #expect(verdict([1, 2], batchNorms: 0) == ["n.h5: top-1 error 20.0 % at every batch size"])
    }
}

@Suite("how a network was converted, in words")
struct ConversionSummaryTests {
    private func text(
        _ to: String, _ groups: String, _ initialization: String, _ standardization: String,
        _ calibration: ConversionSummary.Calibration? = nil
    ) -> String {
        ConversionSummary(
            to: to, groups: groups, initialization: initialization, weightStandardization: standardization,
            calibration: calibration, version: "1.2.3"
        ).text
    }

    @Test(
        "every target, kind of groups and weight standardization",
        arguments: [
            (
                "gn", "size:8", "off",
                "GroupNorm with 8 channels a group, closed form, weights not standardized"
            ),
            ("gn", "16", "on", "GroupNorm with 16 groups, closed form, weights standardized"),
            (
                "gn", "auto", "all",
                "GroupNorm with 32 groups where they fit, closed form, all weights standardized"
            ),
            ("gn", "gcd", "on", "GroupNorm with gcd(32, channels) groups, closed form, weights standardized"),
            ("ln", "auto", "on", "LayerNorm (one group), closed form, weights standardized"),
            (
                "in", "auto", "off",
                "InstanceNorm (one channel a group), closed form, weights not standardized"
            ),
        ])
    func targets(to: String, groups: String, standardization: String, expected: String) {
        #expect(text(to, groups, "statistics", standardization) == expected + " (normconv 1.2.3)")
    }

    @Test("parameters that were copied, calibrated, or calibrated on synthetic images, and a layout alone")
    func parameters() {
        let start = "LayerNorm (one group), "
        let end = ", weights standardized (normconv 1.2.3)"
        #expect(text("ln", "auto", "copy", "on") == start + "parameters copied" + end)
        #expect(
            text("ln", "auto", "statistics", "on", .init(images: 1536, heldOut: 512, synthetic: false))
                == start
                + "calibrated on 1,536 images, judged by 512 others" + end)
        #expect(
            text("ln", "auto", "statistics", "on", .init(images: 96, heldOut: 32, synthetic: true)) == start
                + "calibrated on 96 synthetic images, judged by 32 others" + end)
        #expect(text("none", "-", "-", "off") == "layout changed only (normconv 1.2.3)")
        var refreshed = ConversionSummary(
            to: "none", groups: "-", initialization: "-", weightStandardization: "off", version: "1.2.3")
        refreshed.refreshImages = 1536
        #expect(refreshed.text == "statistics of batch norms from 1,536 images (normconv 1.2.3)")
        (refreshed.to, refreshed.initialization) = ("in", "copy")
        #expect(
            refreshed.text
                == "statistics of batch norms from 1,536 images, InstanceNorm (one channel a group), parameters copied, "
                + "weights not standardized (normconv 1.2.3)")
    }

    @Test("a note's unknown words are shown as they are, and shortened")
    func unknown() {
        let long = String(repeating: "x", count: 10_000)
        let found = text(long, long, long, long)
        #expect(found.hasPrefix("norm 'xxxx") && found.count < 200)
    }
}
