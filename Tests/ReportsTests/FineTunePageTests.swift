import Evaluation
import Foundation
import Testing

@testable import Reports

@Suite("the HTML report of a fine-tuning")
struct FineTunePageTests {
    private func content(_ report: FineTuneReport) throws -> PageContent {
        try #require(PageContent(page(report)))
    }

    private func page(_ report: FineTuneReport) throws -> String {
        try FineTunePage(report, command: ["normconv", "finetune", "<a>.h5"], date: Sample.date).html()
    }

    /// Places and sizes that are no numbers.
    private func expectNumbers(_ content: PageContent) {
        for attribute in content.attributes where attribute.element != "meta" {
            let isNumber = !attribute.value.contains("nan") && !attribute.value.contains("inf")
            #expect(isNumber, "\(attribute)")
        }
    }

    @Test(
        "A network that keeps its head is worse where its top-1 was higher before; one with a new head is not"
    )
    func worse() {
        var report = FineTuneReport.sample()
        report.newHead = false
        #expect(!report.isWorse)
        report.rounds[0].top1 = 0.9
        #expect(report.isWorse)
        report.newHead = true
        #expect(!report.isWorse)
        (report.newHead, report.kept) = (false, nil)
        #expect(!report.isWorse)
    }

    @Test("is well-formed, escapes names, needs nothing from elsewhere, and says the JSON's figures")
    func figures() throws {
        let content = try content(.sample())
        #expect(
            content.identifiers == ["summary", "training", "search", "evaluations", "classes", "settings"])
        #expect(content.elements["script"] == nil && content.elements["link"] == nil)
        #expect(!content.attributes.contains { ["src", "href"].contains($0.name) })
        expectNumbers(content)
        for part in [
            "<net> & \"x\".h5: validation top-1 75.0 % after 90 steps of fine-tuning", "1,440 images",
            "train \"<x>\".h5", "2026-11-29 20:55 UTC", "normconv 1.2.3", "normconv finetune '<a>.h5'",
            "tuned.h5", "Ring: the rate of the training, 0.01.", "Cross: diverged at 0.03.", "75 of 100",
        ] { #expect(content.text.contains(part), "\(part)") }
        #expect(!content.heading.contains("before"))
        #expect(content.title == content.heading)
    }

    @Test("names every setting")
    func settings() throws {
        var report = FineTuneReport.sample()
        report.frozen = ["conv1.weight", "bn1.weight"]
        report.settings.clip = 1.5
        let entries = FineTuneReport.entries(report)
        #expect(entries["Head"] == "new, of zeros; 4 classes")
        #expect(entries["Frozen"] == "2 parameters: conv1.weight, bn1.weight")
        #expect(entries["Standardized"] == "5 kernels, which stay so")
        #expect(entries["Batch norms"] == "19, normalized with the batch")
        #expect(entries["Image size"] == "32×32×3" && entries["Augmentation"] == "flip <half>")
        #expect(entries["Preprocessing"] == "raw" && entries["Batch"] == "16 images")
        #expect(entries["Steps"] == "90" && entries["Learning rate"] == "0.01, found by the search")
        #expect(entries["Optimizer"] == "sgd, momentum 0.9" && entries["Weight decay"] == "0.0001")
        #expect(entries["Limit of the gradient"] == "1.5" && entries["Seed"] == "7")
        #expect(entries["Label smoothing"] == "0.1" && entries["Mixup"] == "0")
        #expect(entries["Schedule"] == "bit" && entries["Class weights"] == "equal")
        #expect(entries["Standardization"] == "layer" && entries["Time"] == "1:12")
        #expect(entries["Speed"] == "20.0 training images a second")
    }

    @Test("a head of the network's own has a value before the training, and a given rate no search")
    func ownHead() throws {
        var report = FineTuneReport.sample()
        (report.newHead, report.search) = (false, nil)
        let content = try content(report)
        #expect(content.heading.hasSuffix("after 90 steps of fine-tuning, 25.0 % before"))
        #expect(!content.identifiers.contains("search") && content.text.contains("0.01, given"))
    }

    @Test("one step and one evaluation have a place too")
    func oneRound() throws {
        var report = FineTuneReport.sample(steps: 1, rounds: 1)
        report.settings.steps = 1
        let content = try content(report)
        expectNumbers(content)
        #expect(content.heading.contains("after 1 step of"))
        #expect(content.elements["polyline"] == 7)
        // The loss: 1 step, its mean, 2 rounds. Top-1: 1 and 2 rounds, a ring. A rate. The search: 2 and a ring.
        #expect(content.elements["circle"] == 4 + 4 + 1 + 3)
    }

    @Test("a training that goes on says how far it is, and one that ended early why")
    func unfinished() throws {
        var report = FineTuneReport.sample(steps: 40)
        (report.kept, report.classResults, report.output) = (nil, [], nil)
        var content = try content(report)
        #expect(content.heading.hasSuffix("In training: 40 of 90 steps"))
        #expect(!content.identifiers.contains("classes") && content.text.contains("none yet"))
        (report.kept, report.endedEarly) = (1, .patience)
        content = try self.content(report)
        #expect(content.heading.hasSuffix("after 40 of 90 steps: no better evaluation (--patience)"))
        (report.steps, report.rounds, report.kept) = ([], [report.rounds[0]], nil)
        report.endedEarly = nil
        content = try self.content(report)
        #expect(content.heading.hasSuffix("before the first step of fine-tuning"))
        #expect(!content.identifiers.contains("training"))
        expectNumbers(content)
    }

    @Test("of a thousand classes the forty weakest are listed, and how many are left out")
    func manyClasses() throws {
        var report = FineTuneReport.sample()
        report.classResults = (0..<1000).map { .init(name: "c\($0)", images: 1000, hits: ($0 * 7) % 1000) }
        report.classResults[3].images = 0
        report.classResults[3].hits = 0
        let classes = FineTuneClasses(report.classResults)
        #expect(classes.resultRows.count == 40 && classes.histogram.count == 1)
        #expect(classes.resultRows[0].resultName == "c0" && classes.resultRows[0].hits == "0 of 1,000")
        // 7 · 143 = 1001.
        #expect(classes.resultRows[1].resultName == "c143" && classes.resultRows[1].hits == "1 of 1,000")
        let text = try content(report).text
        #expect(text.contains("959 more classes are left out"))
        #expect(text.contains("Without validation images: 1 of 1,000 classes"))
    }

    @Test("a page of ten thousand steps and a thousand classes stays below 300 kB")
    func size() throws {
        var report = FineTuneReport.sample(steps: 10_000, rounds: 20)
        report.classResults = (0..<1000).map { .init(name: "class \($0)", images: 50, hits: $0 % 51) }
        let page = try page(report)
        #expect(page.utf8.count < 300_000)
        for path in page.matches(of: /points="([^"]*)"/) {
            #expect(path.1.split(separator: " ").count <= 600)
        }
    }

    @Test("JSON reads back")
    func json() throws {
        let report = FineTuneReport.sample()
        let text = try JSONReport.text(report)
        #expect(try JSONDecoder().decode(FineTuneReport.self, from: Data(text.utf8)) == report)
    }
}

extension FineTuneReport {
    /// What the page says of each setting.
    fileprivate static func entries(_ report: FineTuneReport) -> [String: String] {
        let entries = SettingsView(report, []).entries
        return Dictionary(entries.map { ($0.term, $0.definition) }, uniquingKeysWith: { $1 })
    }

    /// A training of 4 classes whose loss falls as 2 / step, evaluated at equal distances; the last round is kept.
    static func sample(steps: Int = 90, rounds: Int = 3) -> FineTuneReport {
        var report = FineTuneReport(
            version: "1.2.3", model: "a/<net> & \"x\".h5", data: "train \"<x>\".h5", validation: "val.h5",
            images: 1440, validationImages: 400, imageShape: [32, 32, 3], classNames: nil, classes: 4,
            newHead: true, augmentation: "flip <half>", preprocess: "raw", parameters: 12_345, frozen: [],
            batchNorms: 19, standardized: 5,
            settings: Settings(
                batch: 16, steps: 90, learningRate: 0.01, schedule: "bit", optimizer: "sgd", momentum: 0.9,
                weightDecay: 1e-4, labelSmoothing: 0.1, mixup: 0, clip: nil, classWeights: "equal",
                batchNorms: "batch", standardization: "layer", seed: 7))
        report.search = [
            Trial(rate: 0.003, loss: 1.2), Trial(rate: 0.01, loss: 0.9), Trial(rate: 0.03, loss: nil),
        ]
        report.steps = (1...steps).map {
            Step(
                step: $0, epoch: Double($0 - 1) / 90, learningRate: 0.01, loss: 2 / Double($0), top1: 0.5,
                gradientNorm: 1)
        }
        report.rounds = (0...rounds).map { round in
            let step = round * steps / rounds
            return Round(
                step: step, epoch: Double(step) / 90, trainingLoss: round == 0 ? nil : 0.5,
                trainingTop1: round == 0 ? nil : 0.6, loss: 1.4 - 0.1 * Double(round),
                top1: 0.25 + 0.5 * Double(round) / Double(rounds), imagesPerSecond: round == 0 ? nil : 20)
        }
        report.kept = rounds
        report.classResults = [("cat", 75), ("<dog>", 100), ("nul\u{0}", 50), ("bird", 75)].map {
            ClassResult(name: $0.0, images: 100, hits: $0.1)
        }
        (report.output, report.seconds) = ("tuned.h5", Double(steps) * 0.8)
        return report
    }
}
