import Foundation
import TestSupport
import Testing

private let network = TestFiles.fixture("mnist-resnet.keras3.h5")
private let split = TestFiles.fixture("mnist-test-100.npz")

@Suite("finetune")
struct FineTuneCommandTests {
    private func finetune(_ output: String, _ arguments: String...) throws -> Run {
        try normconv(
            ["finetune", network, output, "--data", split, "--validate", split, "--batch", "4"]
                + ["--steps", "2", "--lr", "0.001", "--augment", "none"] + arguments)
    }

    @Test("--html writes a whole file, overwrites nothing unasked, and says what the JSON says")
    func html() throws {
        try TestFiles.withTemporaryFolder { folder in
            let (output, html) = (folder + "/tuned.h5", folder + "/report.html")
            let run = try finetune(output, "--html", html, "--json")
            #expect(run.code == 0, "\(run.errors)")
            let page = try String(contentsOfFile: html, encoding: .utf8)
            #expect(page.hasPrefix("<!DOCTYPE html>") && page.hasSuffix("</html>\n"))
            #expect(page.contains("--steps 2") && page.contains("<dd>\(output)</dd>"))
            let rounds = try #require(try run.json()["rounds"] as? [[String: Any]])
            for round in rounds {
                let top1 = try #require(round["top1"] as? Double) * 100
                let cell = String(format: "<td class=\"n\">%.1f %%</td>", top1)
                #expect(page.contains(cell), "\(cell)")
            }
            let again = try finetune(folder + "/other.h5", "--html", html)
            #expect(again.code == 1 && again.output.isEmpty && again.errors.contains("report.html"))
            #expect(try String(contentsOfFile: html, encoding: .utf8) == page)
            #expect(!FileManager.default.fileExists(atPath: folder + "/other.h5"))
            #expect(try finetune(output, "--html", html, "--force").code == 0)
        }
    }

    @Test("files of the same name are wrong usage")
    func names() throws {
        let run = try finetune("a.h5", "--html", "b", "--log", "./b")
        #expect(run.code == 64 && run.errors.contains("different names"), "\(run.errors)")
    }
}
