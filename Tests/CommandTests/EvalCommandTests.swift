import Foundation
import TestSupport
import Testing

private let keras = TestFiles.fixture("mnist-resnet.keras3.h5")
private let sequential = TestFiles.fixture("mnist-sequential.keras3.h5")
private let other = TestFiles.fixture("mnist-sequential.keras")
private let split = TestFiles.fixture("mnist-test.h5")

@Suite("eval with several networks")
struct EvalCommandTests {
    private func models(_ arguments: String...) throws -> [[String: Any]] {
        let run = try normconv(["eval"] + arguments + ["--data", split, "--json"])
        #expect(run.code == 0, "\(run.errors)")
        return try #require(try run.json()["models"] as? [[String: Any]])
    }

    /// What of a network does not depend on time.
    private func figures(_ model: [String: Any]) throws -> Data {
        var model = model
        model["imagesPerSecond"] = nil
        model["comparison"] = nil
        return try JSONSerialization.data(withJSONObject: model, options: .sortedKeys)
    }

    @Test(
        "each has the figures that it has alone, for any number of workers and whatever the others' preprocessing"
    )
    func together() throws {
        try TestFiles.withTemporaryFolder { folder in
            let standardized = folder + "/gn.h5"
            let conversion = try normconv(
                "convert", TestFiles.fixture("mnist-resnet.torch.h5"), standardized, "--to", "ln", "--ws",
                "off",
                "--preprocess", "0.1307,0.3081")
            #expect(conversion.code == 0, "\(conversion.errors)")
            let alone = try [keras, standardized, sequential].map { try figures(models($0)[0]) }
            for workers in ["1", "3"] {
                let together = try models(keras, standardized, sequential, "--workers", workers)
                #expect(try together.map(figures) == alone)
                #expect(together.map { $0["preprocess"] as? String } == ["raw", "0.1307,0.3081", "raw"])
            }
        }
    }

    @Test("the first is the baseline unless --against names another")
    func baseline() throws {
        let first = try models(keras, sequential, other)
        #expect(first.map { $0["comparison"] == nil } == [true, false, false])
        let named = try models(keras, sequential, "--against", sequential)
        #expect(named.map { $0["comparison"] == nil } == [false, true])
        let added = try models(keras, "--against", other)
        #expect(added.map { $0["model"] as? String } == [keras, other])
        #expect(added.map { $0["comparison"] == nil } == [false, true])
    }

    @Test("the tables fit 80 columns")
    func width() throws {
        for arguments in [[keras], [keras, "--against", other], [keras, sequential, other]] {
            let run = try normconv(
                ["eval"] + arguments + ["--data", split, "--workers", "2"])
            #expect(run.code == 0, "\(run.errors)")
            let paths = [keras, sequential, other, split]
            for line in run.output.split(separator: "\n") where !paths.contains(where: line.contains) {
                #expect(line.count <= 80, "\(line)")
            }
        }
    }

    @Test("--html and --csv write whole files, overwrite nothing unasked, and say what the JSON says")
    func files() throws {
        try TestFiles.withTemporaryFolder { folder in
            let (html, csv) = (folder + "/report.html", folder + "/images.csv")
            let arguments = ["eval", keras, other, "--data", split, "--html", html, "--csv", csv, "--json"]
            let run = try normconv(arguments)
            #expect(run.code == 0, "\(run.errors)")
            let lines = try String(contentsOfFile: csv, encoding: .utf8).components(separatedBy: "\r\n")
            #expect(lines.count == 2002)
            let models = try #require(try run.json()["models"] as? [[String: Any]])
            for model in models {
                let path = try #require(model["model"] as? String)
                let top1 = try #require(model["top1"] as? [String: Any])
                #expect(
                    lines.count { $0.contains("," + path + ",") && $0.hasSuffix(",1") } == top1["count"]
                        as? Int)
            }
            let page = try String(contentsOfFile: html, encoding: .utf8)
            #expect(page.hasPrefix("<!DOCTYPE html>") && page.contains("data:image/png;base64,"))
            #expect(page.contains("97.2 %"))

            let again = try normconv(arguments)
            #expect(again.code == 1 && again.output.isEmpty && again.errors.contains("report.html"))
            #expect(try normconv(arguments + ["--force"]).code == 0)
        }
    }
}
