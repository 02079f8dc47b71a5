import Foundation
import NormConvKit
import TestSupport
import Testing

private let network = TestFiles.fixture("mnist-resnet.torch.h5")
private let arrays = TestFiles.fixture("mnist-test-100.npz")

/// What gets in the way of a training. Each error is one line that names the file.
@Suite("faults of finetune")
struct FineTuneFaultTests {
    private func arguments(
        _ output: String, data: String = arrays, validation: String = arrays, _ more: String...
    ) -> [String] {
        ["finetune", network, output, "--data", data, "--validate", validation, "--batch", "4"]
            + ["--steps", "10", "--lr", "0.001", "--preprocess", "unit"] + more
    }

    /// Folders of images for each class, beside one another.
    private func write(_ folders: [String: [String]], in folder: String) throws {
        for (name, classes) in folders {
            for label in classes {
                let target = "\(folder)/\(name)/\(label)"
                try FileManager.default.createDirectory(atPath: target, withIntermediateDirectories: true)
                for image in 0..<4 {
                    try FileManager.default.copyItem(
                        atPath: TestFiles.fixture("images/grey.png"), toPath: "\(target)/\(image).png")
                }
            }
        }
    }

    private func isOneLine(_ run: Run) -> Bool {
        run.code == 1 && run.output.isEmpty && run.errors.split(separator: "\n").count == 1
    }

    @Test(
        "where the state or the network finds no space, neither is there, and nothing else",
        arguments: [("--resume", "state", 8), ("--patience", "5", 64), ("--log", "log.csv", 0)])
    func space(option: String, value: String, blocks: Int) throws {
        try TestFiles.withTemporaryFolder { folder in
            let more = option == "--patience" ? value : "\(folder)/\(value)"
            let run = try normconv(
                inShell: "ulimit -f \(blocks); exec \"$0\" \"$@\"",
                arguments(folder + "/tuned.h5", option, more, "--quiet"))
            #expect(isOneLine(run) && run.errors.contains("File too large"), "\(run.errors)")
            let file = option == "--patience" ? "tuned.h5" : value
            #expect(run.errors.contains("\(folder)/\(file): "), "\(run.errors)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
        }
    }

    @Test("an image that cannot be read in the middle of an epoch is named; the log has what was done")
    func brokenImage() throws {
        try TestFiles.withTemporaryFolder { folder in
            try write(["train": ["a", "b", "c"], "val": ["a", "b", "c"]], in: folder)
            let whole = try Data(contentsOf: URL(fileURLWithPath: TestFiles.fixture("images/grey.png")))
            let broken = folder + "/train/b/2.png"
            try whole.prefix(60).write(to: URL(fileURLWithPath: broken))
            let run = try normconv(
                arguments(
                    folder + "/tuned.h5", data: folder + "/train", validation: folder + "/val",
                    "--crop", "28", "--log", folder + "/log.csv", "--quiet"))
            #expect(isOneLine(run) && run.errors.contains("\(broken): PNG ends early"), "\(run.errors)")
            #expect(run.errors.contains("expected the whole image; use --skip-broken"))
            let log = try String(contentsOfFile: folder + "/log.csv", encoding: .utf8)
            #expect(log.hasPrefix("step,epoch,"))
            #expect(!FileManager.default.fileExists(atPath: folder + "/tuned.h5"))
        }
    }

    @Test("a class without validation images keeps its output; a class of them alone is refused")
    func classes() throws {
        try TestFiles.withTemporaryFolder { folder in
            let folders = ["train": ["a", "b", "c"], "val": ["a", "c"], "more": ["a", "d"]]
            try write(folders, in: folder)
            func run(_ validation: String) throws -> Run {
                try normconv(
                    arguments(
                        folder + "/\(validation).h5", data: folder + "/train",
                        validation: folder + "/" + validation, "--crop", "28", "--quiet", "--json"))
            }
            let good = try run("val")
            #expect(good.code == 0, "\(good.errors)")
            let classes = try #require(try good.json()["classResults"] as? [[String: Any]])
            #expect(classes.map { $0["name"] as? String } == ["a", "b", "c"])
            #expect(classes.map { $0["images"] as? Int } == [4, 0, 4])
            let bad = try run("more")
            #expect(bad.code == 1 && bad.errors.contains("more"), "\(bad.errors)")
            #expect(bad.errors.contains("class 'd' is not in \(folder)/train"), "\(bad.errors)")
        }
    }

    @Test("a state of a training with other images is refused with what was found and expected, and stays")
    func otherImages() throws {
        try TestFiles.withTemporaryFolder { folder in
            let state = folder + "/state"
            // Where no network can be written the state stays.
            let blocked = folder + "/none/tuned.h5"
            try FileManager.default.createDirectory(
                atPath: folder + "/none", withIntermediateDirectories: false)
            let model = try Model(network)
            let splits = try model.trainingSplits(arrays, validation: arrays)
            var options = FineTuneOptions()
            (options.batch, options.steps, options.learningRate) = (4, 10, 0.001)
            options.preprocessing = .unit
            let job = try FineTuneJob(
                model, on: splits.training, validating: splits.validation,
                options: options.settled(for: splits.training))
            var training = try FineTuneRun(job, stateFile: state)
            _ = try training.run()
            let kept = try Data(contentsOf: URL(fileURLWithPath: state))
            let run = try normconv(
                arguments(
                    blocked, data: TestFiles.fixture("mnist-test.h5"), "--resume", state, "--quiet"))
            #expect(isOneLine(run), "\(run.errors)")
            let expected =
                "\(state): the state of another training: training images: found 100 images, checksum"
            #expect(run.errors.contains(expected) && run.errors.contains(", expected 1000 images"))
            #expect(try Data(contentsOf: URL(fileURLWithPath: state)) == kept)
            // The same images go on, with nothing left to do.
            let done = try normconv(arguments(blocked, "--resume", state, "--quiet"))
            #expect(done.code == 0, "\(done.errors)")
            #expect(!FileManager.default.fileExists(atPath: state))
        }
    }

    @Test("filters that layers standardize are the same network in every layout")
    func standardizedLayers() throws {
        try TestFiles.withTemporaryFolder { folder in
            let source = folder + "/ws.keras"
            let converted = try normconv(
                "convert", TestFiles.fixture("mnist-resnet.keras3.h5"), source, "--ws", "layer")
            #expect(converted.code == 0, "\(converted.errors)")
            var outputs: [[Float]] = []
            for name in ["a.keras", "a.h5", "a.safetensors", "a.pth"] {
                let output = folder + "/" + name
                let run = try normconv(
                    "finetune", source, output, "--data", arrays, "--validate", arrays, "--batch", "4",
                    "--steps", "2", "--lr", "0.001", "--quiet", "--json")
                #expect(run.code == 0, "\(name): \(run.errors)")
                #expect(try run.json()["standardized"] as? Int == 9)
                let model = try Model(output)
                outputs.append(try model.run(on: model.split(arrays)).logits.values)
            }
            let largest = outputs[0].map(abs).max() ?? 0
            #expect(largest > 0)
            for other in outputs.dropFirst() {
                let apart = zip(outputs[0], other).map { abs($0 - $1) }.max() ?? .infinity
                #expect(apart <= 1e-5 * largest)
            }
        }
    }
}
