import Evaluation
import Foundation
import Tensors
import Testing

@testable import Reports

@Suite("the report as JSON and CSV")
struct EvalReportTests {
    @Test("JSON reads back, has sorted keys, and each network's figures beside its name")
    func json() throws {
        let report = try Sample(networks: 2).report
        let text = try JSONReport.text(report)
        #expect(try JSONDecoder().decode(EvalReport.self, from: Data(text.utf8)) == report)
        let object = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        let expected = [
            "baseline", "bootstrap", "data", "engine", "images", "models", "schemaVersion", "version",
        ]
        #expect(object.keys.sorted() == expected)
        #expect(object["schemaVersion"] as? Int == 2)
        let models = try #require(object["models"] as? [[String: Any]])
        #expect(models[0]["top1"] != nil && models[0]["comparison"] == nil && models[1]["comparison"] != nil)
        #expect(models[0]["sha256"] as? String == report.models[0].sha256 && models[0]["conversion"] == nil)
        #expect((models[1]["conversion"] as? [String: Any])?["to"] as? String == "gn")
        let keys = text.split(separator: "\n").filter { $0.hasPrefix("  \"") }.compactMap {
            $0.split(separator: "\"").dropFirst().first
        }
        #expect(keys.map(String.init) == expected)
    }

    @Test("CSV has a line for each image and network, quoted as RFC 4180 says")
    func csv() throws {
        let sample = try Sample(networks: 2)
        let models = zip(sample.report.models.map(\.model), sample.outcomes).map { (name: $0, outcomes: $1) }
        let lines = try OutcomeTable(Array(models)).csv.components(separatedBy: "\r\n")
        #expect(lines.count == 2 * 60 + 2 && lines.last == "")
        #expect(lines[0] == "index,label,model,prediction,probability,correct")
        let outcome = try sample.outcomes[1].complete()[59]
        let cells = lines[120].components(separatedBy: ",")
        #expect(
            cells[..<4] == [
                "59", "\(59 * 7 % 6)", "folder/<net> & 1.h5", "\(try #require(outcome.prediction))",
            ])
        #expect(Double(cells[4]) == outcome.confidence)
        #expect(cells[5] == (outcome.isCorrect(within: 1) ? "1" : "0"))

        let named = try OutcomeTable(
            Array(models), classNames: sample.classNames, paths: (0..<60).map { "a,\($0).png" }
        ).csv.components(separatedBy: "\r\n")
        #expect(
            named[0] == "index,path,label,label_name,model,prediction,prediction_name,probability,correct")
        #expect(named[1].hasPrefix("0,\"a,0.png\",0,<script>"))
        #expect(OutcomeTable.quoted("say \"no\"") == "\"say \"\"no\"\"\"")
        #expect(OutcomeTable.quoted("comma,\u{301}") == "\"comma,\u{301}\"")
    }

    @Test("an image without finite outputs leaves its cells empty")
    func nonFinite() throws {
        let outcomes = try Outcomes(outputs: .init(shape: [1, 2], values: [.nan, 0]), labels: [0])
        #expect(try OutcomeTable([("m", outcomes)]).csv.hasSuffix("\r\n0,0,m,,,0\r\n"))
    }
}

@Suite("figures for people")
struct FormattingTests {
    @Test("differences have a sign unless they are shown as zero")
    func points() {
        #expect(Formatting.points(-0.1165) == "−11.7" || Formatting.points(-0.1165) == "−11.6")
        #expect(Formatting.points(0.02) == "+2.0")
        #expect(Formatting.points(-0.0001) == "0.0")
    }

    @Test("a p that a double hardly holds is shown as below 1e-300, and is a number in JSON")
    func smallP() throws {
        let labels = (0..<1200).map { $0 % 2 }
        let right = Tensor(
            shape: [1200, 2], values: (0..<2400).map { $0 % 2 == labels[$0 / 2] ? 1 : 0 })
        let wrong = Tensor(shape: [1200, 2], values: right.values.map { 1 - $0 })
        let comparison = try Comparison(before: right, after: wrong, labels: labels)
        // 2 · 2⁻¹²⁰⁰
        #expect(try #require(comparison.paired).mcNemarP < 1e-300)
        let outcomes = try [right, wrong].map { try Outcomes(outputs: $0, labels: labels) }
        let models = try zip(outcomes, [nil, comparison]).enumerated().map { index, pair in
            EvalReport.Network(
                model: "\(index).h5", preprocess: "raw", imagesPerSecond: 1,
                evaluation: try Evaluation(pair.0, classNames: nil), comparison: pair.1)
        }
        let report = EvalReport(version: "1", data: "d", engine: "fast", baseline: "0.h5", models: models)
        let page = try EvalPage(report, outcomes: outcomes, command: [], date: Sample.date) { _ in nil }
            .html()
        #expect(try #require(PageContent(page)).text.contains("< 1e-300") && page.contains("&lt; 1e-300"))
        let json = try JSONReport.text(report)
        #expect(json.contains(/"mcNemarP" : [0-9.e-]+/), "\(json.prefix(300))")
    }

    @Test(
        "small probabilities do not become zero",
        arguments: [
            (0.5, "0.5000"), (1e-29, "1.0e-29"), (1, "1.0000"), (0.0001, "0.0001"), (9.9e-5, "9.9e-05"),
            (1e-300, "1.0e-300"), (9.9e-301, "< 1e-300"), (.leastNonzeroMagnitude, "< 1e-300"),
            (0, "< 1e-300"),
            (.nan, "nan"),
        ] as [(Double, String)])
    func probability(value: Double, expected: String) {
        #expect(Formatting.probability(value) == expected)
    }

    @Test(
        "durations",
        arguments: [
            (0.0, "0:00"), (-5, "0:00"), (6.2, "0:07"), (750, "12:30"), (3723, "1:02:03"), (1e9, "–"),
        ])
    func duration(seconds: Double, expected: String) {
        #expect(Formatting.duration(seconds: seconds) == expected)
    }

    @Test("axes have round marks around all values, within their bounds")
    func axis() {
        let axis = Axis(covering: [0.683, 0.836], within: 0...1, width: 100)
        #expect(abs(axis.low - 0.65) < 1e-12 && abs(axis.high - 0.85) < 1e-12)
        #expect(
            axis.ticks { Formatting.percent($0, digits: $1) }.map(\.tick) == [
                "65 %", "70 %", "75 %", "80 %", "85 %",
            ])
        let whole = Axis(covering: [1, 1], within: 0...1, width: 100)
        #expect(whole.low < 1 && whole.high == 1 && whole.x(1) == 100)
    }
}
