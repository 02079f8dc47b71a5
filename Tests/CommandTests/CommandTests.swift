import Foundation
import TestSupport
import Testing

private let model = TestFiles.fixture("mnist-resnet.keras3.h5")
private let split = TestFiles.fixture("mnist-test.h5")

@Suite("the command")
struct CommandTests {
    @Test("--version and --help succeed, and every command's help has examples")
    func help() throws {
        let version = try normconv("--version")
        #expect(version.code == 0)
        #expect(version.output == "0.2.0\n")
        for command in ["inspect", "convert", "eval", "diff", "benchmark"] {
            let help = try normconv(command, "--help")
            #expect(help.code == 0)
            #expect(help.output.contains("EXAMPLES"))
        }
    }

    @Test("inspect names the network, its norms and the convolutions before them")
    func inspect() throws {
        let run = try normconv("inspect", model, "--json")
        #expect(run.code == 0)
        let report = try run.json()
        #expect(report["schemaVersion"] as? Int == 1)
        #expect(report["classes"] as? Int == 10)
        #expect(report["layout"] as? String == "keras-legacy")
        let norms = try #require(report["norms"] as? [[String: Any]])
        #expect(norms.count == 9)
        #expect(norms.first?["convolution"] as? String == "stem_conv")
        #expect(norms.allSatisfy { $0["kind"] as? String == "batch" })
    }

    @Test("convert writes a file that eval scores, and says what it did")
    func convertAndEval() throws {
        try TestFiles.withTemporaryFolder { folder in
            let output = folder + "/gn.h5"
            let run = try normconv("convert", model, output, "--groups", "size:8", "--ws", "off", "--json")
            #expect(run.code == 0)
            let report = try run.json()
            let stages = try #require(report["stages"] as? [[String: Any]])
            #expect(stages.map { $0["groups"] as? Int } == [2, 4, 8])
            #expect(report["output"] as? String == output)

            let score = try normconv("eval", output, "--data", split, "--against", model, "--json")
            #expect(score.code == 0)
            let evaluation = try score.json()
            #expect(evaluation["schemaVersion"] as? Int == 2)
            #expect(evaluation["baseline"] as? String == model)
            let models = try #require(evaluation["models"] as? [[String: Any]])
            #expect(models.map { $0["model"] as? String } == [output, model])
            for key in ["top1", "top5", "nll", "images", "imagesPerSecond", "preprocess", "comparison"] {
                #expect(models[0][key] != nil, "\(key)")
            }
            let top1 = try #require(models[0]["top1"] as? [String: Any])
            let (value, low, high) = (top1["value"], top1["low"], top1["high"])
            #expect(try #require(value as? Double) > 0.9)
            #expect(try #require(low as? Double) < #require(value as? Double))
            #expect(try #require(high as? Double) > #require(value as? Double))
            let other = try #require(models[1]["top1"] as? [String: Any])
            #expect(other["count"] as? Int == 972)
        }
    }

    @Test("convert's report names the parameters of each norm and convolution, and what was done to them")
    func layers() throws {
        let network = TestFiles.fixture("torchvision-basic.torch.h5")
        let options = ["--groups", "size:4", "--ws", "auto", "--epsilon", "0.001", "--add-bias"]
        let run = try normconv(
            ["convert", network, "out.h5", "--dry-run", "--json", "--min-agreement", "0"] + options)
        #expect(run.code == 0, "\(run.errors)")
        let report = try run.json()
        let norms = try #require(report["norms"] as? [[String: Any]])
        let first = try #require(norms.first)
        let channels = try #require(first["channels"] as? Int)
        #expect(first["layer"] as? String == "bn1" && first["module"] as? String == "bn1")
        #expect(first["gamma"] as? String == "bn1.weight" && first["beta"] as? String == "bn1.bias")
        #expect(first["groups"] as? Int == channels / 4 && first["epsilon"] as? Double == 0.001)

        let convolutions = try #require(report["convolutions"] as? [[String: Any]])
        let kernels = convolutions.compactMap { $0["kernel"] as? String }
        #expect(kernels.count == norms.count && kernels.count == Set(kernels).count)
        // The one that reads the image is kept, with the reason; all get a bias.
        #expect(convolutions[0]["weights"] as? String == "kept")
        #expect((convolutions[0]["reason"] as? String)?.hasPrefix("it reads the image") == true)
        #expect(
            convolutions.dropFirst().allSatisfy {
                $0["weights"] as? String == "standardized" && $0["reason"] == nil
            })
        #expect(
            convolutions.map { $0["newBias"] as? String }
                == kernels.map { $0.replacingOccurrences(of: ".weight", with: ".bias") })
    }

    @Test("convert fits to images without labels, reports every step and norm, and remembers it")
    func calibrate() throws {
        try TestFiles.withTemporaryFolder { folder in
            let output = folder + "/gn.h5"
            let images = TestFiles.fixture("mnist-test-100.npz")
            let arguments = [
                "convert", model, output, "--groups", "size:8", "--calibrate", images, "--calibration-images",
                "24",
                "--epochs", "1", "--seed", "5",
            ]
            let run = try normconv(arguments + ["--json"])
            #expect(run.code == 0)
            #expect(run.errors.isEmpty)
            let report = try #require(try run.json()["calibration"] as? [String: Any])
            #expect(report["fitted"] as? Int == 18 && report["setAside"] as? Int == 6)
            let steps = try #require(report["steps"] as? [[String: Any]])
            #expect(
                steps.map { $0["name"] as? String } == [
                    "statistics", "layers", "head", "training", "halfway", "head after training",
                ])
            #expect((report["norms"] as? [Any])?.count == 9)
            #expect(report["forwardSeconds"] is Double && report["solveSeconds"] is Double)
            let described = try normconv("inspect", output)
            #expect(described.output.contains("calibrated on 18 images"))
            // An output that is there is refused before the work, not after it.
            let again = try normconv(arguments)
            #expect(again.code == 1 && again.output.isEmpty && again.errors.contains("--force"))
            let text = try normconv(arguments + ["--force"])
            #expect(text.output.contains("Calibrated on 18 images") && text.output.contains("agreement"))
        }
    }

    @Test("convert makes images where there are none, says how, and remembers it")
    func synthesize() throws {
        try TestFiles.withTemporaryFolder { folder in
            let output = folder + "/gn.h5"
            let arguments = [
                "convert", model, output, "--groups", "size:8", "--synthesize", "--calibration-images", "8",
                "--seed", "5",
            ]
            let run = try normconv(arguments + ["--json"])
            #expect(run.code == 0 && run.errors.isEmpty)
            let report = try #require(try run.json()["calibration"] as? [String: Any])
            #expect(report["fitted"] as? Int == 6 && report["setAside"] as? Int == 2)
            #expect(report["data"] == nil)
            let made = try #require(report["synthesis"] as? [String: Any])
            #expect(made["images"] as? Int == 8 && made["height"] as? Int == 28)
            #expect(try #require(made["steps"] as? Int).isMultiple(of: 60))
            #expect(
                try #require(made["lastLoss"] as? Double) < 0.2 * #require(made["firstLoss"] as? Double))
            #expect(try normconv("inspect", output).output.contains("calibrated on 6 synthetic images"))
            let text = try normconv(arguments + ["--force"])
            #expect(text.output.contains("6 synthetic images"))
            #expect(text.output.contains("8 images of 28×28"))
        }
    }

    @Test("diff shows each layer's distance, 0 to itself")
    func diff() throws {
        let images = TestFiles.fixture("mnist-test-100.npz")
        let same = try normconv("diff", model, model, "--data", images, "--images", "20", "--json")
        #expect(same.code == 0)
        let layers = try #require(try same.json()["layers"] as? [[String: Any]])
        #expect(layers.count > 20)
        #expect(layers.allSatisfy { $0["relativeError"] as? Double == 0 })
        try TestFiles.withTemporaryFolder { folder in
            #expect(try normconv("convert", model, folder + "/gn.h5", "--ws", "off").code == 0)
            let run = try normconv("diff", model, folder + "/gn.h5", "--data", images)
            #expect(run.code == 0 && run.output.contains("stage3_2_bn") && run.output.contains("cosine"))
            let other = TestFiles.fixture("torchvision-basic.torch.h5")
            let refused = try normconv("diff", model, other, "--data", images)
            #expect(refused.code == 1 && refused.errors.contains(other))
        }
    }

    @Test("JSON reports have sorted keys and nothing else on standard output")
    func sortedKeys() throws {
        let run = try normconv("inspect", model, "--json")
        let topLevel = run.output.split(separator: "\n").filter { $0.hasPrefix("  \"") }
        #expect(topLevel.count > 8)
        #expect(topLevel == topLevel.sorted())
        #expect(run.errors.isEmpty)
    }

    @Test("a dry run writes nothing")
    func dryRun() throws {
        try TestFiles.withTemporaryFolder { folder in
            let run = try normconv("convert", model, folder + "/gn.h5", "--dry-run")
            #expect(run.code == 0)
            #expect(run.output.contains("nothing written"))
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
        }
    }

    @Test("--quiet leaves no remarks")
    func quiet() throws {
        try TestFiles.withTemporaryFolder { folder in
            let run = try normconv("convert", model, folder + "/gn.h5", "--quiet")
            #expect(run.code == 0)
            #expect(run.output.isEmpty)
            #expect(run.errors.isEmpty)
        }
    }

    @Test("an existing output is only overwritten with --force")
    func force() throws {
        try TestFiles.withTemporaryFolder { folder in
            let output = folder + "/gn.h5"
            try Data("mine".utf8).write(to: URL(fileURLWithPath: output))
            let refused = try normconv("convert", model, output)
            #expect(refused.code == 1)
            #expect(refused.errors.contains("--force"))
            #expect(try Data(contentsOf: URL(fileURLWithPath: output)) == Data("mine".utf8))
            #expect(try normconv("convert", model, output, "--force").code == 0)
        }
    }

    @Test("a warning names three layers and how many more there are, and all in JSON")
    func warnings() throws {
        try TestFiles.withTemporaryFolder { folder in
            let (input, output) = (
                TestFiles.fixture("torchvision-bottleneck.safetensors"), folder + "/x.safetensors"
            )
            let run = try normconv("convert", input, output, "--to", "in", "--json")
            #expect(run.code == 0)
            let line = try #require(run.errors.split(separator: "\n").first { $0.contains("become zero") })
            #expect(line.hasSuffix(": bn1, layer1.0.bn1, layer1.0.bn2, … and 17 more"), "\(line)")
            let warnings = try #require(try run.json()["warnings"] as? [String])
            let warning = try #require(warnings.first { $0.contains("become zero") })
            let listed = try #require(warning.components(separatedBy: ": ").last).components(
                separatedBy: ", ")
            let norms = try #require(
                try normconv("inspect", input, "--json").json()["norms"] as? [[String: Any]])
            #expect(norms.count == 20 && listed == norms.map { $0["layer"] as? String }, "\(listed)")
        }
    }

    @Test(
        "wrong usage ends with 64 and writes nothing",
        arguments: [
            ["convert", "in.h5"], ["convert", "in.h5", "out.h5", "--in-place"], ["convert", "--in-place"],
            ["convert", "in.h5", "out.h5", "--to", "bn"],
            ["convert", "in.h5", "out.h5", "--groups", "size:0"],
            ["convert", "in.h5", "out.h5", "--to", "ln", "--groups", "2"],
            ["convert", "in.h5", "out.h5", "--epsilon", "0"],
            ["convert", "in.h5", "out.h5", "--init", "copy", "--add-bias"],
            ["convert", "in.h5", "out.h5", "--steady", "8"],
            ["convert", "in.h5", "out.h5", "--to", "ln", "--add-bias", "--steady=-1"],
            ["convert", "in.h5", "out.h5", "--to", "ln", "--add-bias", "--steady", "inf"],
            ["convert", "in.h5", "out.h5", "--to", "in", "--add-bias", "--steady", "8"],
            ["convert", "in.h5", "out.h5", "--to", "ln", "--add-bias", "--steady", "8", "--synthesize"],
            ["convert", "in.h5", "out.h5", "--add-bias", "--steady", "8"],
            ["convert", "in.h5", "out.h5", "--to", "none", "--init", "noise"],
            ["convert", "in.h5", "out.h5", "--seed", "1"],
            ["convert", "in.h5", "out.h5", "--calibrate", "x.h5", "--calibration-images", "7"],
            ["convert", "in.h5", "out.h5", "--calibrate", "x.h5", "--calibration-memory", "0"],
            ["convert", "in.h5", "out.h5", "--calibrate", "x.h5", "--to", "none"],
            ["convert", "in.h5", "out.h5", "--calibrate", "x.h5", "--synthesize"],
            ["convert", "in.h5", "out.h5", "--calibrate", "x.h5", "--image-size", "32"],
            ["convert", "in.h5", "out.h5", "--synthesize", "--scale", "unit"],
            ["convert", "in.h5", "out.h5", "--synthesize", "--to", "none"],
            ["convert", "in.h5", "out.h5", "--skip-broken"],
            ["convert", "in.h5", "out.h5", "--scale", "unit"],
            ["convert", "in.h5", "out.h5", "--image-layout", "nchw"],
            ["diff", "a.h5", "b.h5"], ["diff", "a.h5", "b.h5", "--data", "x.h5", "--images", "0"],
            ["eval", "in.h5"], ["eval", "in.h5", "--data", "x.h5", "--preprocess", "wrong"],
            ["eval", "in.h5", "--data", "x.h5", "--workers", "0"],
            ["eval", "a.h5", "b.h5", "--data", "x.h5", "--outputs", "o.npy"],
            ["eval", "a.h5", "--data", "x.h5", "--csv", "same", "--html", "same"],
            ["eval", "a.h5", "--data", "x.h5", "--csv", "same", "--html", "./same"],
            ["eval", "a.h5", "--data", "x.h5", "--against", "a.h5"], ["unknown"],
        ])
    func usage(arguments: [String]) throws {
        let run = try normconv(arguments)
        #expect(run.code == 64)
        #expect(run.output.isEmpty)
        #expect(!run.errors.isEmpty)
    }
}

@Suite("damaged files")
struct DamagedFileTests {
    /// A damaged file by name, and what the one line on standard error says of it.
    @Test(
        "each has its own message, and no output is written",
        arguments: [
            ("html", "HTML"), ("lfs", "Git LFS pointer"), ("empty", "empty"), ("truncated", "cut off"),
            ("missing", "no such file"),
        ])
    func damaged(kind: String, message: String) throws {
        try TestFiles.withTemporaryFolder { folder in
            let input = folder + "/model.h5"
            let whole = try Data(contentsOf: URL(fileURLWithPath: model))
            let contents: Data? =
                switch kind {
                case "html": Data("<!DOCTYPE html><html><body>Not found</body></html>".utf8)
                case "lfs":
                    Data("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n".utf8)
                case "empty": Data()
                case "truncated": whole.prefix(whole.count / 2)
                default: nil
                }
            try contents?.write(to: URL(fileURLWithPath: input))
            let run = try normconv("convert", input, folder + "/out.h5")
            #expect(run.code == 1)
            #expect(run.output.isEmpty)
            #expect(run.errors.contains(message))
            #expect(run.errors.contains(input))
            #expect(run.errors.split(separator: "\n").count == 1)
            #expect(!FileManager.default.fileExists(atPath: folder + "/out.h5"))
        }
    }
}
