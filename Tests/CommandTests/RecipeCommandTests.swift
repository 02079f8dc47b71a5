import Foundation
import TestSupport
import Testing

@Suite("Recipes and estimates of the command")
struct RecipeCommandTests {
    private let trained = TestFiles.fixture("mnist-sequential.keras3.h5")
    private let split = TestFiles.fixture("mnist-test.h5")

    @Test("A network that would be ruined is not written without asking for it")
    func refusal() throws {
        try TestFiles.withTemporaryFolder { folder in
            let output = folder + "/gn.h5"
            let run = try normconv("convert", trained, output, "--min-agreement", "50")
            #expect(run.code == 1)
            for text in [trained, "at least 50 %", "--calibrate", "--synthesize", "--min-agreement 0"] {
                #expect(run.errors.contains(text), "\(text)")
            }
            #expect(!FileManager.default.fileExists(atPath: output))
            let allowed = try normconv("convert", trained, output, "--min-agreement", "1", "--json")
            #expect(allowed.code == 0)
            let estimate = try #require(allowed.json()["estimate"] as? [String: Any])
            let agreement = try #require(estimate["agreement"] as? Double)
            #expect(agreement < 0.5 && estimate["images"] as? Int == 128)
            // A dry run writes nothing that could be ruined.
            let dry = try normconv(
                "convert", trained, folder + "/dry.h5", "--min-agreement", "50", "--dry-run")
            #expect(dry.code == 0 && dry.output.contains("Estimated agreement"))
            #expect(dry.output.contains("--calibrate IMAGES usually keeps more"))
            // The estimate has the figure that warnings without it predict.
            let predicted = "standardized without images"
            #expect(!dry.errors.contains(predicted))
            #expect(try allowed.json()["warnings"] as? [String] == [])
            #expect(try normconv("convert", trained, folder + "/z.h5").errors.contains(predicted))
        }
    }

    @Test("Without options standardized weights are estimated, others and copied parameters are not")
    func defaults() throws {
        try TestFiles.withTemporaryFolder { folder in
            let line = "exec \"$0\" convert \"$@\""
            let output = folder + "/gn.h5"
            #expect(try normconv(inShell: line, trained, output).code == 1)
            #expect(!FileManager.default.fileExists(atPath: output))
            for options in [["--ws", "off"], ["--init", "copy"]] {
                let run = try normconv(inShell: line, [trained, output, "--force"] + options)
                #expect(run.code == 0 && !run.output.contains("stimated"))
            }
            #expect(
                try normconv("convert", trained, folder + "/c.h5", "--init", "copy", "--min-agreement", "50")
                    .code == 1)
        }
    }

    @Test("A calibration is refused by what it measured, where a limit is given")
    func measured() throws {
        try TestFiles.withTemporaryFolder { folder in
            let run = try normconv(
                "convert", trained, folder + "/x.h5", "--calibrate", split, "--calibration-images", "16",
                "--epochs",
                "0", "--min-agreement", "100")
            #expect(run.code == 1 && run.errors.contains("held-out"))
            #expect(!FileManager.default.fileExists(atPath: folder + "/x.h5"))
        }
    }

    @Test("A network without batch norms is not compared, with images or without")
    func nothingToCompare() throws {
        try TestFiles.withTemporaryFolder { folder in
            #expect(try normconv("convert", trained, folder + "/gn.h5").code == 0)
            for data in [[], ["--data", split]] {
                let run = try normconv(["convert", folder + "/gn.h5", "--compare-recipes"] + data)
                #expect(run.code == 1 && run.errors.contains("no batch normalization"))
            }
        }
    }

    @Test("Images that are fitted to are not those that are compared on")
    func fitted() throws {
        let run = try normconv("convert", trained, "--compare-recipes", "--data", split, "--calibrate", split)
        #expect(run.code == 1 && run.errors.contains("expected others for --data"))
    }

    @Test("What cannot be estimated is written and the report says why, but not where a limit is given")
    func notEstimated() throws {
        try TestFiles.withTemporaryFolder { folder in
            let network = TestFiles.fixture("mnist-sequential.keras2-weights.h5")
            let run = try normconv(
                inShell: "exec \"$0\" convert \"$@\"", network, folder + "/x.h5")
            #expect(run.code == 0 && run.output.contains("not estimated: the graph is unknown"))
            let demanded = try normconv("convert", network, folder + "/y.h5", "--min-agreement", "50")
            #expect(demanded.code == 1 && demanded.errors.contains("not estimated: the graph is unknown"))
            #expect(!FileManager.default.fileExists(atPath: folder + "/y.h5"))
        }
    }

    @Test("A recipe is the same as its options, and options that are given go before it")
    func recipes() throws {
        try TestFiles.withTemporaryFolder { folder in
            func bytes(_ name: String, _ options: String...) throws -> Data {
                let path = folder + "/" + name
                #expect(try normconv(["convert", trained, path] + options).code == 0)
                return try Data(contentsOf: URL(fileURLWithPath: path))
            }
            let fast = try bytes("fast.h5", "--recipe", "fast")
            #expect(try bytes("fast2.h5", "--groups", "near:16", "--ws", "auto") == fast)
            let free = try bytes("free.h5", "--recipe", "data-free")
            #expect(try bytes("free2.h5", "--groups", "near:16", "--ws", "auto", "--init", "noise") == free)
            #expect(free != fast)
            let four = try bytes("four.h5", "--recipe", "data-free", "--groups", "near:4")
            #expect(try bytes("four2.h5", "--groups", "near:4", "--ws", "auto", "--init", "noise") == four)
        }
    }

    /// The agreement of a file that is written is another computation.
    @Test("A comparison's agreement is what eval measures of the converted file")
    func comparison() throws {
        try TestFiles.withTemporaryFolder { folder in
            let run = try normconv("convert", trained, "--compare-recipes", "--data", split, "--json")
            #expect(run.code == 0)
            let report = try run.json()
            #expect(report["data"] as? String == split && report["images"] as? Int == 512)
            let rows = try #require(report["rows"] as? [[String: Any]])
            #expect(rows.count == 24)
            let all = try normconv("convert", trained, "--compare-recipes", "--data", split)
            #expect(all.output.contains("steady") && all.output.contains("Best:"))
            for row in [rows[2], rows[7], rows[15], rows[23]] {
                let arguments = try #require(row["arguments"] as? [String])
                let path = folder + "/" + arguments.joined().replacing(":", with: "")
                #expect(try normconv(["convert", trained, path + ".h5"] + arguments).code == 0)
                let eval = try normconv(
                    "eval", path + ".h5", "--data", split, "--against", trained, "--json")
                let scored = try #require(eval.json()["models"] as? [[String: Any]])
                let comparison = try #require(scored[0]["comparison"] as? [String: Any])
                let share = try #require((comparison["agreement"] as? [String: Any])?["value"] as? Double)
                let agreement = try #require(row["agreement"] as? Double)
                // 512 of the 1,000 images: within four standard errors.
                #expect(abs(agreement - share) < 4 * (share * (1 - share) / 512).squareRoot() + 0.002)
            }
        }
    }

    @Test(
        "Options that do not go together are refused",
        arguments: [
            ["in.h5", "out.h5", "--recipe", "best"],
            ["in.h5", "out.h5", "--recipe", "fast", "--to", "ln"],
            ["in.h5", "out.h5", "--recipe", "fast", "--calibrate", "x.h5"],
            ["in.h5", "out.h5", "--recipe", "fast", "--synthesize"],
            ["in.h5", "out.h5", "--recipe", "data-free", "--calibrate", "x.h5"],
            ["in.h5", "out.h5", "--min-agreement", "101"],
            ["in.h5", "out.h5", "--min-agreement", "0.5"],
            ["in.h5", "out.h5", "--min-agreement", "10", "--to", "none"],
            ["in.h5", "out.h5", "--data", "x.h5"],
            ["in.h5", "out.h5", "--compare-recipes"],
            ["in.h5", "--compare-recipes", "--recipe", "fast"],
            ["in.h5", "--compare-recipes", "--ws", "off"],
            ["in.h5", "--compare-recipes", "--in-place"],
            ["in.h5", "--compare-recipes", "--synthesize"],
        ])
    func usage(arguments: [String]) throws {
        let run = try normconv(["convert"] + arguments)
        #expect(run.code == 64 && run.output.isEmpty)
    }
}
