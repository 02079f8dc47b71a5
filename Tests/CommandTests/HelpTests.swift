import Foundation
import NormConvKit
import TestSupport
import Testing

private let commands = [
    "inspect", "convert", "eval", "sweep", "merge", "diff", "finetune", "experiment", "benchmark",
]

/// The examples on a page of help, without what other programs do with the results.
private func examples(_ command: [String]) throws -> [String] {
    let help = try normconv(command + ["--help"])
    #expect(help.code == 0)
    return help.output.split(separator: "\n").filter { $0.hasPrefix("  normconv ") && $0.contains(".") }.map {
        String($0.split(separator: "|")[0]).trimmingCharacters(in: .whitespaces)
    }
}

/// Makes less to do of an example that takes long; what is said last counts.
private let brief: [(part: String, options: String)] = [
    ("--refresh-statistics", "--refresh-images 4"), ("--calibrate", "--calibration-images 8 --epochs 0"),
    ("--synthesize", "--calibration-images 8"),
    ("normconv benchmark", "--images 2 --repeats 1 --batch 1"),
    ("normconv sweep", "--shuffles 1 --batch-sizes 10"),
    // Its small network with a norm behind the classifier keeps little of what it knows.
    ("convert in.weights.h5", "--min-agreement 0"),
    ("normconv finetune", "--epochs 0.2 --batch 2 --lr 0.001"),
    ("normconv experiment", "--images-seen 4 --seeds 1 --batch-sizes 2 --arms bn,gn"),
]

@Suite("help")
struct HelpTests {
    @Test("every example is right usage", arguments: [[]] + commands.map { [$0] })
    func usage(command: [String]) throws {
        let examples = try examples(command)
        #expect(examples.count >= 2)
        try TestFiles.withTemporaryFolder { folder in
            for example in examples {
                // There are no files, so that what is right usage fails with 1.
                let run = try shell(example, in: folder)
                #expect(run.code == 1 && !run.errors.contains("Usage:"), "\(example): \(run.errors)")
            }
        }
    }

    @Test("examples run, and write what the files' names say", arguments: [[]] + commands.map { [$0] })
    func run(command: [String]) throws {
        for example in try examples(command) {
            try TestFiles.withTemporaryFolder { folder in
                try makeInputs(folder, hasParts: example.contains("normconv merge"))
                // What an example is to write is not there yet.
                if example.contains("convert"), example.contains("resnet50-gn.h5") {
                    try FileManager.default.removeItem(atPath: folder + "/resnet50-gn.h5")
                }
                let names = try Set(FileManager.default.contentsOfDirectory(atPath: folder))
                var line = example
                for (part, options) in brief where example.contains(part) { line += " " + options }
                if line.contains("resnet20.h5 --input 32x32x3") {
                    line = line.replacing("resnet20.h5", with: "r50.safetensors")
                }
                let run = try shell(line, in: folder)
                if example.contains("bf16"), run.errors.contains("has no bfloat16 instructions") { return }
                #expect(run.code == 0, "\(line): \(run.errors)")
                if example.contains("--json") { _ = try run.json() }
                let new = try Set(FileManager.default.contentsOfDirectory(atPath: folder)).subtracting(names)
                let isWritten = [
                    "convert", "finetune", "experiment", "--html", "--csv", "--partial", "--resume",
                ].contains {
                    example.contains($0) && !example.contains("--dry-run")
                        && !example.contains("--compare-recipes")
                }
                #expect(new.isEmpty == !isWritten, "\(example): \(new)")
                for name in new { try expectSaid(folder + "/" + name) }
            }
        }
    }

    /// Runs a line in a folder.
    private func shell(_ line: String, in folder: String) throws -> Run {
        let arguments = line.dropFirst("normconv".count)
        return try normconv(inShell: "cd \"$1\" && exec \"$0\" \(arguments)", folder)
    }

    /// Whether a file is what its name says.
    private func expectSaid(_ path: String) throws {
        if let names = try? FileManager.default.contentsOfDirectory(atPath: path) {
            #expect(!names.isEmpty)
            for name in names { try expectSaid(path + "/" + name) }
            return
        }
        let data = try Data(contentsOf: URL(fileURLWithPath: path))
        let text = String(decoding: data, as: UTF8.self)
        switch URL(fileURLWithPath: path).pathExtension {
        case "html": #expect(text.hasPrefix("<!DOCTYPE html>"))
        case "csv" where path.hasSuffix("train.csv"): #expect(text.hasPrefix("step,"))
        case "csv": #expect(text.hasPrefix("index,") && text.contains("\r\n"))
        case "json": _ = try JSONSerialization.jsonObject(with: data)
        case "h5", "safetensors", "keras", "pth":
            #expect(try OutputName(path).layout(.keep, from: layout(path)) == nil)
        // The old file of a conversion in place, and partial results.
        case "bak": #expect(try layout(path) == .kerasLegacy)
        case "partial": #expect(try normconv("merge", path).errors.contains(/missing shards|^$/))
        default: Issue.record("\(path) has a name that says nothing")
        }
    }

    private func layout(_ path: String) throws -> Layout { try Model(path: path).checkpoint.layout }

    /// The files that examples name.
    private func makeInputs(_ folder: String, hasParts: Bool) throws {
        func copy(_ fixture: String, _ names: String...) throws {
            for name in names {
                try FileManager.default.copyItem(
                    atPath: TestFiles.fixture(fixture), toPath: folder + "/" + name)
            }
        }
        try copy(
            "mnist-resnet.keras3.h5", "in.h5", "resnet.h5", "resnet50.h5", "resnet20.h5", "pets.h5", "gn.h5",
            "ln.h5", "resnet-gn.h5", "resnet50-gn.h5")
        try copy("torchvision-bottleneck.safetensors", "in.safetensors", "r50.safetensors")
        try copy("torchvision-bottleneck.pth", "in.pth")
        try Data(#"{"conv1": "bn1"}"#.utf8).write(to: URL(fileURLWithPath: folder + "/pairs.json"))
        try copy("mnist-sequential.weights.h5", "in.weights.h5")
        let architecture = try Model(path: TestFiles.fixture("mnist-sequential.keras")).checkpoint.modelConfig
        try Data(#require(architecture).utf8).write(to: URL(fileURLWithPath: folder + "/model.json"))
        try copy("mnist-test-100.npz", "train.npz", "test.npz", "test.h5", "images.h5", "labels.h5")
        let splits = [
            ("train", "grey.png"), ("val", "grey.png"), ("test", "grey.png"), ("imagenette/val", "rgb.png"),
            ("images", "grey.png"),
        ]
        for (split, image) in splits {
            for index in 0..<10 {
                let path = "\(split)/class\(index)"
                try FileManager.default.createDirectory(
                    atPath: folder + "/" + path, withIntermediateDirectories: true)
                try copy("images/" + image, path + "/a.png")
            }
        }
        let names = (0..<10).map { "class\($0) \($0)\n" }.joined()
        try Data(names.utf8).write(to: URL(fileURLWithPath: folder + "/names.txt"))
        try FileManager.default.createDirectory(
            atPath: folder + "/annotations", withIntermediateDirectories: true)
        let list = (0..<10).map { "class\($0)/a \($0)\n" }.joined()
        try Data(list.utf8).write(to: URL(fileURLWithPath: folder + "/annotations/test.txt"))
        for index in 1...2 where hasParts {
            let part = try shell(
                "normconv eval resnet.h5 --data val --shard \(index)/2 --partial part-\(index).partial",
                in: folder)
            #expect(part.code == 0, "\(part.errors)")
        }
    }
}
