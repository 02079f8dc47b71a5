import Foundation
import NormConvKit
import TestSupport
import Testing

private let keras = TestFiles.fixture("mnist-resnet.keras3.h5")
private let torch = TestFiles.fixture("torchvision-bottleneck.pth")
private let safetensors = TestFiles.fixture("torchvision-bottleneck.safetensors")
private let options = ["--groups", "size:4"]

@Suite("convert --output-dir")
struct OutputFolderCommandTests {
    private func convert(_ inputs: [String], to folder: String, _ more: String...) throws -> Run {
        try normconv(["convert"] + inputs + ["--output-dir", folder] + options + more)
    }

    private func list(_ folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
    }

    @Test("each network becomes what a conversion of its own gives, with a line of its own")
    func several() throws {
        try TestFiles.withTemporaryFolder { folder in
            let inputs = [keras, torch, safetensors]
            let run = try convert(inputs, to: folder + "/gn")
            #expect(run.code == 0, "\(run.errors)")
            let lines = run.output.split(separator: "\n")
            #expect(lines.count == 3)
            for (line, input) in zip(lines, inputs) {
                let name = URL(fileURLWithPath: input).lastPathComponent
                #expect(line.hasPrefix("\(input): ") && line.hasSuffix("; wrote \(folder)/gn/\(name)"))
                let alone = folder + "/" + name
                #expect(try normconv(["convert", input, alone] + options).code == 0)
                let files = try [alone, folder + "/gn/" + name].map {
                    try Data(contentsOf: URL(fileURLWithPath: $0))
                }
                #expect(files[0] == files[1], "\(name)")
            }
        }
    }

    @Test("one network that fails does not keep the others, and the exit code is 1")
    func failure() throws {
        try TestFiles.withTemporaryFolder { folder in
            let (missing, output) = (folder + "/none.h5", folder + "/gn")
            let run = try convert([keras, missing, torch], to: output, "--quiet")
            #expect(run.code == 1 && run.output.isEmpty)
            let errors = run.errors.split(separator: "\n")
            #expect(errors.count == 2, "\(run.errors)")
            #expect(errors[0].hasPrefix("Error: \(missing): ") && errors[0].contains("no such file"))
            #expect(errors[1] == "Error: 1 of 3 networks not converted: \(missing)")
            #expect(try list(output) == ["mnist-resnet.keras3.h5", "torchvision-bottleneck.pth"])

            // What is there stays as it is without --force.
            let again = try convert([keras, torch], to: output, "--json")
            #expect(again.code == 1)
            let report = try again.json()
            #expect(report["schemaVersion"] as? Int == 1 && report["folder"] as? String == output)
            #expect(report["failed"] as? Int == 2 && report["converted"] as? Int == 0)
            let files = try #require(report["files"] as? [[String: Any]])
            #expect(files.map { $0["input"] as? String } == [keras, torch])
            #expect(
                files.allSatisfy {
                    ($0["error"] as? String)?.contains("--force") == true && $0["report"] == nil
                })
            #expect(try convert([keras, torch], to: output, "--force").code == 0)
        }
    }

    @Test("--json is one object with a report of each network")
    func json() throws {
        try TestFiles.withTemporaryFolder { folder in
            let run = try convert([keras, safetensors], to: folder, "--json", "--layout", "pth")
            #expect(run.code == 0, "\(run.errors)")
            let files = try #require(try run.json()["files"] as? [[String: Any]])
            let reports = try files.map { try #require($0["report"] as? [String: Any]) }
            #expect(try run.json()["converted"] as? Int == 2)
            #expect(
                reports.map { $0["output"] as? String } == [
                    folder + "/mnist-resnet.keras3.pth", folder + "/torchvision-bottleneck.pth",
                ])
            #expect(reports.allSatisfy { ($0["stages"] as? [Any])?.isEmpty == false })
        }
    }

    @Test("a dry run writes nothing, not even the folder")
    func dryRun() throws {
        try TestFiles.withTemporaryFolder { folder in
            let run = try convert([keras, torch], to: folder + "/gn", "--dry-run")
            #expect(run.code == 0 && run.output.components(separatedBy: "; nothing written\n").count == 3)
            #expect(try list(folder).isEmpty)
        }
    }

    @Test("two inputs of one name are refused before anything is written")
    func sameName() throws {
        try TestFiles.withTemporaryFolder { folder in
            let run = try convert([keras, torch, safetensors], to: folder + "/gn", "--layout", "safetensors")
            #expect(run.code == 1 && run.output.isEmpty)
            #expect(run.errors.contains(torch) && run.errors.contains(safetensors), "\(run.errors)")
            #expect(run.errors.split(separator: "\n").count == 1)
            #expect(try list(folder).isEmpty)
        }
    }

    @Test(
        "wrong usage says what to do",
        arguments: [
            (["a.h5", "b.h5", "c.h5"], "--output-dir"), (["a.h5"], "--output-dir"),
            (["a.h5", "--in-place", "--output-dir", "x"], "--in-place"), (["--output-dir", "x"], "<input>"),
        ])
    func usage(arguments: [String], word: String) throws {
        let run = try normconv(["convert"] + arguments)
        #expect(run.code == 64 && run.output.isEmpty)
        #expect(run.errors.contains(word), "\(run.errors)")
    }
}
