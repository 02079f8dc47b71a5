import Foundation
import TestSupport
import Testing

private let model = TestFiles.fixture("mnist-resnet.keras3.h5")

@Suite("benchmark")
struct BenchmarkCommandTests {
    private let quick = ["--images", "2", "--repeats", "2", "--workers", "2", "--batch", "1"]

    @Test("JSON has all figures under sorted keys")
    func json() throws {
        let run = try normconv(["benchmark", model, "--json"] + quick)
        #expect(run.code == 0, "\(run.errors)")
        #expect(run.errors.isEmpty)
        let report = try run.json()
        #expect(
            Set(report.keys) == [
                "schemaVersion", "model", "architecture", "library", "input", "images", "batch", "workers",
                "imagesPerSecond", "latency", "latencyThreads", "multiplyAdds", "gigaflops", "peakMemory",
                "processorShare",
                "startSeconds", "kinds", "layers",
            ])
        let top = run.output.split(separator: "\n").filter { $0.hasPrefix("  \"") }
        #expect(top.count == report.count && top == top.sorted())
        #expect(report["schemaVersion"] as? Int == 1)
        #expect(report["model"] as? String == model)
        #expect(report["images"] as? Int == 2)
        for key in ["imagesPerSecond", "latency"] {
            let spread = try #require(report[key] as? [String: Any])
            let values = try ["min", "median", "max"].map { try #require(spread[$0] as? Double) }
            #expect(values == values.sorted() && values[0] > 0)
        }
        let layers = try #require(report["layers"] as? [[String: Any]])
        #expect(layers.prefix(2).map { $0["layer"] as? String } == ["rescaling", "stem_conv"])
        #expect(layers.prefix(2).map { $0["kind"] as? String } == ["elementwise", "convolution 3×3"])
        #expect(layers[1]["shape"] as? String == "28×28×1 → 28×28×16")
        #expect(layers[1]["multiplyAdds"] as? Double == Double(28 * 28 * 9 * 16))
    }

    @Test("the tables fit 80 columns and name every kind and layer")
    func table() throws {
        let run = try normconv(["benchmark", model, "--layers"] + quick)
        #expect(run.code == 0, "\(run.errors)")
        let lines = run.output.split(separator: "\n", omittingEmptySubsequences: false)
        for line in lines.dropFirst() { #expect(line.count <= 80, "\(line)") }
        for title in ["speed", "latency", "arithmetic", "memory", "start"] {
            #expect(lines.contains { $0.hasPrefix("  \(title) ") }, "\(title)")
        }
        #expect(lines.contains { $0.contains("convolution 3×3") })
        #expect(lines.contains { $0.contains("stem_conv") && $0.contains("28×28×1 → 28×28×16") })
        let brief = try normconv(["benchmark", model] + quick)
        #expect(!brief.output.contains("stem_conv"))
    }

    @Test("a name cannot move a terminal's cursor")
    func controlCharacters() throws {
        try TestFiles.withTemporaryFolder { folder throws in
            let path = folder + "/a\u{1B}[31m.h5"
            try FileManager.default.copyItem(atPath: model, toPath: path)
            let run = try normconv(["benchmark", path] + quick)
            #expect(run.code == 0, "\(run.errors)")
            #expect(run.output.contains("a\\u{1B}[31m.h5") && !run.output.contains("\u{1B}"))
        }
    }

    @Test(
        "numbers that make no sense are wrong usage",
        arguments: [
            ["--images", "0"], ["--repeats", "0"], ["--workers", "0"], ["--batch", "0"], ["--batch", "2000"],
            ["--input", "224"], ["--input", "224x224"], ["--input", "224x-1x3"], ["--input", "axbxc"],
            ["--input", "99999x2x3"], ["--input", "2x2x2x2"],
        ])
    func usage(arguments: [String]) throws {
        let run = try normconv(["benchmark", model] + arguments)
        #expect(run.code == 64 && run.output.isEmpty)
        #expect(run.errors.contains(arguments[0]), "\(run.errors)")
    }

    @Test(
        "a file that is missing or no network, and images that do not fit, are failures with the file's name")
    func failures() throws {
        let images = TestFiles.fixture("mnist-test.h5")
        for arguments in [["no.h5"], [images], [model, "--input", "32x32x1"]] {
            let run = try normconv(["benchmark"] + arguments + quick)
            #expect(run.code == 1 && run.output.isEmpty)
            #expect(run.errors.contains(arguments[0]), "\(run.errors)")
            #expect(run.errors.split(separator: "\n").count == 1)
        }
    }
}
