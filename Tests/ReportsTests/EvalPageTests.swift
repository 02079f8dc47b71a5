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
