import Evaluation
import Foundation
import Tensors
import Testing

@testable import Reports

@Suite("the HTML report")
struct EvalPageTests {
    @Test(
        "is well-formed and has every section, whatever the number of networks and classes",
        arguments: [1, 2, 4], [2, 6, 60])
    func sections(networks: Int, classes: Int) throws {
        let sample = try Sample(networks: networks, classes: classes, images: 120, names: [])
        let content = try #require(PageContent(try sample.page()))
        var expected = ["summary", "networks", "classes", "confusion", "reliability", "errors", "settings"]
        if networks > 1 { expected.insert("comparison", at: 1) }
        #expect(content.identifiers == expected)
        #expect(content.attributes.contains { $0.value == "matrix" } == (classes <= 40))
        #expect((content.elements["svg"] ?? 0) > networks)
    }

    @Test("escapes names of classes, files and the command, also where a mark combines with a quote")
    func escaping() throws {
        let sample = try Sample(networks: 2)
        let page = try sample.page(paths: (0..<60).map { "<img> \($0) \"\u{301}.png" })
        let content = try #require(PageContent(page))
        #expect(
            content.elements["script"] == nil && content.elements["x"] == nil
                && content.elements["net"] == nil)
        let allowed: Set = [
            "aria-hidden", "aria-label", "alt", "charset", "class", "content", "cx", "cy", "datetime", "dy",
            "fill-opacity",
            "height", "http-equiv", "id", "lang", "name", "preserveAspectRatio", "r", "role", "src",
            "title",
            "transform",
            "viewBox", "width", "x", "x1", "x2", "xmlns", "y", "y1", "y2",
        ]
        #expect(Set(content.attributes.map(\.name)).subtracting(allowed).isEmpty)
        for name in ["<script>alert(1)</script>", "a & b", "\"quoted\" 'name'", "{{css}}", "nul\u{FFFD}"] {
            #expect(content.text.contains(name), "\(name)")
        }
        #expect(content.text.contains("split \"<x>\".h5"))
        #expect(content.text.contains("normconv eval 'it'\\''s <here>.h5'"))
        #expect(content.attributes.contains { $0.name == "alt" && $0.value.hasSuffix("\"\u{301}.png") })
    }

    @Test("needs nothing from elsewhere, and runs nothing")
    func selfContained() throws {
        let content = try #require(PageContent(try Sample(networks: 2).page()))
        #expect(content.elements["link"] == nil && content.elements["script"] == nil)
        let sources = content.attributes.filter { ["src", "href"].contains($0.name) }
        #expect(!sources.isEmpty && sources.allSatisfy { $0.value.hasPrefix("data:image/png;base64,") })
        #expect(!content.text.contains("url(") && !content.text.contains("@import"))
        #expect(content.text.contains("prefers-color-scheme: dark") && content.text.contains("@media print"))
    }

    @Test("says the figures that the JSON says", arguments: [1, 3])
    func figures(networks: Int) throws {
        let sample = try Sample(networks: networks, names: [])
        let json = Data(try JSONReport.text(sample.report).utf8)
        let report = try JSONDecoder().decode(EvalReport.self, from: json)
        let text = try #require(PageContent(try sample.page())).text
        for model in report.models {
            let score = model.evaluation
            let expected = [
                Formatting.percent(score.top1.value), Formatting.percent(score.meanPerClass.value),
                Formatting.fixed(try #require(score.nll).value, digits: 3),
                Formatting.fixed(try #require(score.brier).value, digits: 3),
                Formatting.fixed(try #require(score.reliability).ece, digits: 3),
                "\(score.images - score.top1.count) errors",
            ]
            for figure in expected
                + score.classes.compactMap({ $0.recall.map { Formatting.percent($0.value) } })
            {
                #expect(text.contains(figure), "\(figure)")
            }
            for cell in score.confusion.cells {
                let label = "label \(cell.label), predicted \(cell.prediction): \(cell.images) images"
                #expect(text.contains(label), "\(label)")
            }
            guard let paired = model.comparison?.paired else { continue }
            #expect(text.contains(Formatting.points(paired.difference.value)))
            #expect(text.contains("\(paired.lost.count) images lost"))
        }
    }

    @Test("shows the most confident errors first, with their pictures")
    func errors() throws {
        let sample = try Sample(networks: 1, names: [])
        let outcomes = try sample.outcomes[0].complete()
        let wrong = outcomes.indices.filter { !outcomes[$0].isCorrect(within: 1) }
        let first = try #require(
            wrong.max { (outcomes[$0].confidence ?? 0) < (outcomes[$1].confidence ?? 0) })
        let content = try #require(PageContent(try sample.page()))
        let pictures = content.attributes.filter { $0.name == "alt" }.map(\.value)
        #expect(pictures.count == min(wrong.count, 24))
        #expect(pictures.first == "image \(first)")
        let picture = try #require(Picture(width: 2, height: 1, channels: 1, bytes: [UInt8(first), 255]))
        let source = try #require(content.attributes.first { $0.name == "src" }?.value)
        #expect(Data(base64Encoded: String(source.dropFirst(22))) == Data(picture.png))
    }

    @Test("says when it was made, by which version, and how each network was converted, with its checksum")
    func origin() throws {
        var sample = try Sample(networks: 3)
        sample.report.models[2].conversion = nil
        sample.report.models[2].sha256 = nil
        let content = try #require(PageContent(try sample.page()))
        #expect(content.text.contains("2026-11-29 20:55 UTC") && content.text.contains("normconv 1.2.3"))
        #expect(content.attributes.contains { $0.name == "datetime" && $0.value == "2026-11-29T20:55:02Z" })
        let details = content.attributes.filter { $0.element == "summary" && $0.name == "title" }.map(\.value)
        #expect(details == sample.report.models.prefix(2).compactMap(\.sha256))
        for whole in details {
            #expect(content.text.contains(whole))
            #expect(content.text.contains("SHA-256 \(whole.prefix(12))…"))
        }
        // The third is not known: it is not said to be unconverted.
        #expect(content.text.components(separatedBy: "not converted").count == 2)
        let conversion = "GroupNorm with <x> groups, closed form, weights standardized (normconv 1.2.2)"
        #expect(content.text.components(separatedBy: conversion).count == 2)
    }

    @Test("has no section of networks where nothing is known of them")
    func unknownOrigin() throws {
        var sample = try Sample(networks: 2)
        for index in 0..<2 {
            (sample.report.models[index].conversion, sample.report.models[index].sha256) = (nil, nil)
        }
        let content = try #require(PageContent(try sample.page()))
        #expect(!content.identifiers.contains("networks") && !content.text.contains("SHA-256"))
    }

    @Test("stays without pictures where images have no colours to show")
    func noPictures() throws {
        let sample = try Sample(networks: 1, names: [])
        let page = try EvalPage(sample.report, outcomes: sample.outcomes, command: [], date: Sample.date) {
            _ in nil
        }.html()
        let content = try #require(PageContent(page))
        #expect(content.elements["img"] == nil)
        #expect(content.attributes.contains { $0.value == "nopicture" })
    }

    @Test("a network that is always right has no errors, and one without finite outputs no reliability")
    func ends() throws {
        func page(_ value: (Int, Int) -> Float) throws -> String {
            let labels = [0, 1, 2]
            let outcomes = try Outcomes(
                outputs: .init(shape: [3, 3], values: (0..<9).map { value($0 / 3, $0 % 3) }), labels: labels)
            let report = EvalReport(
                version: "1", data: "d", engine: "fast",
                models: [
                    .init(
                        model: "m", preprocess: "raw", imagesPerSecond: 1,
                        evaluation: try Evaluation(outcomes))
                ])
            return try EvalPage(report, outcomes: [outcomes], command: [], date: Sample.date) { _ in nil }
                .html()
        }
        let right = try #require(PageContent(try page { $0 == $1 ? 1 : 0 }))
        #expect(
            right.text.contains("every image is classified correctly") && right.text.contains("0 errors"))
        let broken = try #require(PageContent(try page { _, _ in .nan }))
        #expect(broken.text.contains("3 images with outputs that are not finite"))
    }
}

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
