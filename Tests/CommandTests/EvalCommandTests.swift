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
            for workers in ["1", "2", "7"] {
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

    @Test("bfloat16 is compared with floats, or refused before anything is read")
    func precision() throws {
        let run = try normconv("eval", keras, "--data", split, "--precision", "bf16", "--json")
        if run.code == 0 {
            let models = try #require(try run.json()["models"] as? [[String: Any]])
            #expect(models.map { $0["model"] as? String } == [keras + " (bf16)", keras])
            #expect(models.map { $0["comparison"] == nil } == [false, true])
        } else {
            #expect(run.code == 1 && run.errors.contains("has no bfloat16 instructions: found"))
        }
        for extra in [[other], ["--against", other], ["--engine", "reference"], ["--outputs", "new.npy"]] {
            let run = try normconv(["eval", keras, "--data", split, "--precision", "bf16"] + extra)
            #expect(run.code == 64 && run.errors.contains("--precision"))
        }
    }

    @Test("files of one name in a folder and a link to it are one, and nothing is computed")
    func linkedFolder() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            try FileManager.default.createSymbolicLink(atPath: folder + "/link", withDestinationPath: ".")
            let run = try normconv(
                "eval", keras, "--data", split, "--csv", folder + "/x", "--html", folder + "/link/x",
                "--force")
            #expect(run.code == 64 && run.errors.contains("different names"))
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["link"])
        }
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
            let told = try #require(try again.json()["error"] as? [String: Any])
            #expect(again.code == 1 && again.errors == "Error: \(told["message"] as? String ?? "")\n")
            #expect(again.errors.contains("report.html"))
            #expect(try normconv(arguments + ["--force"]).code == 0)
        }
    }

    /// A report without speeds.
    private func withoutSpeed(_ run: Run) throws -> Data {
        var report = try run.json()
        let models = try #require(report["models"] as? [[String: Any]])
        report["models"] = models.map { $0.filter { $0.key != "imagesPerSecond" } }
        return try JSONSerialization.data(withJSONObject: report, options: .sortedKeys)
    }

    @Test("merge says of shards what eval says of the whole, in JSON, CSV and HTML; so does a resumed run")
    func shards() throws {
        try TestFiles.withTemporaryFolder { folder in
            let arguments = ["eval", keras, "--against", other, "--data", split]
            let whole = try normconv(arguments + ["--json", "--csv", folder + "/whole.csv"])
            let parts = ["1", "2", "3"].map { folder + "/part-\($0).json" }
            for (index, part) in parts.enumerated() {
                let run = try normconv(
                    arguments + ["--shard", "\(index + 1)/3", "--partial", part, "--json"])
                #expect(run.code == 0, "\(run.errors)")
                #expect(try run.json()["images"] as? Int == [333, 333, 334][index])
            }
            let files = ["--csv", folder + "/merged.csv", "--html", folder + "/merged.html"]
            let merged = try normconv(["merge", "--json"] + parts.reversed() + files)
            #expect(merged.code == 0, "\(merged.errors)")
            #expect(try withoutSpeed(merged) == withoutSpeed(whole))
            let text = { try String(contentsOfFile: folder + $0, encoding: .utf8) }
            #expect(try text("/merged.csv") == text("/whole.csv"))
            #expect(try text("/merged.html").contains("97.2 %"))

            let resume = arguments + ["--json", "--resume", folder + "/run.json"]
            for _ in 0..<2 { #expect(try withoutSpeed(normconv(resume)) == withoutSpeed(whole)) }
        }
    }

    @Test("merge of one network against another reads as eval does")
    func mergedText() throws {
        try TestFiles.withTemporaryFolder { folder in
            let part = folder + "/part.json"
            let run = try normconv(
                "eval", keras, "--against", other, "--data", split, "--partial", part)
            let merged = try normconv("merge", part)
            let lines = { (run: Run) in
                run.output.split(separator: "\n").filter { !$0.contains("images/s") }
            }
            #expect(run.code == 0 && merged.code == 0 && lines(run) == lines(merged))
            let again = try normconv("eval", keras, "--data", split, "--partial", part)
            #expect(again.code == 1 && again.errors.contains("part.json: exists; --resume"))
            let missing = try normconv("merge", part, folder + "/other.json")
            #expect(missing.code == 1 && missing.errors.contains("other.json: No such file"))
        }
    }

    @Test(
        "options of parts that do not go together are wrong usage",
        arguments: [
            ["--shard", "1/2"], ["--shard", "3/2", "--partial", "a"], ["--shard", "1/0", "--partial", "a"],
            ["--partial", "a", "--resume", "b"], ["--shard", "1/2", "--partial", "a", "--html", "b"],
            ["--partial", "a", "--outputs", "b"], ["--partial", "a", "--csv", "a"],
        ])
    func partUsage(arguments: [String]) throws {
        let run = try normconv(["eval", keras, "--data", split] + arguments)
        #expect(run.code == 64 && run.output.isEmpty)
    }
}
