import Foundation
import TestSupport
import Testing

private let keras = TestFiles.fixture("mnist-resnet.keras3.h5")
private let sequential = TestFiles.fixture("mnist-sequential.keras3.h5")
private let split = TestFiles.fixture("mnist-test-100.npz")

@Suite("sweep")
struct SweepCommandTests {
    private func sweep(_ arguments: String...) throws -> Run {
        try normconv(["sweep"] + arguments + ["--data", split, "--batch-sizes", "2,50"])
    }

    @Test("table and JSON say the same, for any number of workers, in 80 columns")
    func table() throws {
        let json = try sweep(keras, sequential, "--json", "--workers", "1")
        #expect(json.code == 0, "\(json.errors)")
        let again = try sweep(keras, sequential, "--json", "--workers", "3")
        #expect(again.output == json.output)
        let models = try #require(try json.json()["models"] as? [[String: Any]])
        #expect(models.map { $0["model"] as? String } == [keras, sequential])
        let run = try sweep(keras, sequential, keras, sequential, keras, sequential)
        #expect(run.code == 0, "\(run.errors)")
        for line in run.output.split(separator: "\n") where !line.contains(split) {
            #expect(line.count <= 80, "\(line)")
        }
        for model in models {
            for point in try #require(model["points"] as? [[String: Any]]) {
                let values = try ["mean", "deviation"].map { try #require(point[$0] as? Double) * 100 }
                let cell = String(format: "%.1f ± %.1f", values[0], values[1])
                #expect(run.output.contains(cell), "\(cell)")
            }
        }
    }

    @Test("--html writes a whole file, overwrites nothing unasked, and says what the JSON says")
    func html() throws {
        try TestFiles.withTemporaryFolder { folder in
            let html = folder + "/report.html"
            let run = try sweep(keras, "--html", html, "--shuffles", "1")
            #expect(run.code == 0, "\(run.errors)")
            let page = try String(contentsOfFile: html, encoding: .utf8)
            #expect(page.hasPrefix("<!DOCTYPE html>") && page.contains("<polyline"))
            #expect(page.contains("--batch-sizes 2,50") && page.contains("of one shuffle"))
            let again = try sweep(keras, "--html", html)
            #expect(again.code == 1 && again.output.isEmpty && again.errors.contains("report.html"))
            #expect(try sweep(keras, "--html", html, "--force").code == 0)
        }
    }

    @Test(
        "sizes and shuffles that make no sense are wrong usage",
        arguments: [
            ["--batch-sizes", "0,2"], ["--batch-sizes", "2,x"], ["--batch-sizes", ""], ["--shuffles", "0"],
            ["--workers", "0"],
        ])
    func usage(arguments: [String]) throws {
        let run = try normconv(["sweep", keras, "--data", split] + arguments)
        #expect(run.code == 64 && run.errors.contains(arguments[0]), "\(run.errors)")
    }

    @Test("a batch of more images than there are fails in one line that says both numbers")
    func tooLarge() throws {
        let run = try normconv("sweep", keras, "--data", split, "--batch-sizes", "4,101")
        #expect(run.code == 1 && run.output.isEmpty)
        #expect(run.errors.contains("100 images, expected at least as many as the batch size 101"))
    }
}
