import Foundation
import Testing

@testable import Reports

@Suite("the HTML report of an experiment")
struct ExperimentPageTests {
    private func report(seeds: Int = 3, arms: [String] = ["bn", "gn+ws:<x>", "reset"]) -> ExperimentReport {
        var report = ExperimentReport(
            version: "1.2.3", model: "a \"<b>\".h5", data: "train", validation: "test", images: 1234,
            validationImages: 2000, imageShape: [32, 32, 3], classes: 10, newHead: true,
            settings: [.init("optimizer", "sgd")], imagesSeen: 2468, seeds: seeds, arms: arms,
            batchSizes: [4, 1])
        for (place, arm) in arms.enumerated() {
            let errors = (0..<seeds).map { 0.2 + 0.1 * Double(place) + 0.01 * Double($0) }
            report.cells.append(
                .init(
                    arm: arm, batchSize: 4, learningRate: 0.003, trials: [], errors: errors, diverged: 0,
                    seconds: 1))
        }
        report.cells.append(
            .init(
                arm: arms[0], batchSize: 1, learningRate: nil, trials: [], errors: [], diverged: 0,
                seconds: 1,
                obstacle: "no variance"))
        return report
    }

    private func content(_ report: ExperimentReport) throws -> PageContent {
        let page = try ExperimentPage(report, command: ["normconv", "experiment"], date: Sample.date).html()
        return try #require(PageContent(page))
    }

    @Test(
        "is well-formed, escapes names, needs nothing from elsewhere, and says the figures",
        arguments: [1, 3])
    func figures(seeds: Int) throws {
        let report = report(seeds: seeds)
        let content = try content(report)
        #expect(content.identifiers == ["experiment", "arms", "settings"])
        #expect(content.elements["script"] == nil && content.elements["link"] == nil)
        #expect(content.text.contains("gn+ws:<x>") && content.text.contains("a \"<b>\".h5"))
        for text in report.cells.compactMap(\.point?.text) {
            #expect(content.text.contains(text + " (0.003)"))
        }
        #expect(content.text.contains("batch 4: bn, error \(seeds == 1 ? "20.0" : "21.0 ± 1.0") %"))
        #expect(!content.text.contains("batch 1: "))
    }

    @Test("is complete before the first cell is done, and of more arms than there are colours")
    func extremes() throws {
        var empty = report()
        empty.cells = []
        #expect(try content(empty).identifiers.contains("experiment"))
        let many = try content(report(arms: (0..<9).map { "arm\($0)" }))
        #expect((0..<9).allSatisfy { many.text.contains("arm\($0)") })
    }
}
