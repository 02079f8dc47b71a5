import Foundation
import TestSupport
import Testing

@testable import NormConvKit

@Suite("Experiments")
struct ExperimentTests {
    @Test("Arms are written as they are read")
    func arms() {
        let texts = [
            "bn", "bn-eval", "bn-frozen", "bn:refreshed", "bn-eval:refreshed", "bn-frozen:refreshed", "gn",
            "gn+ws",
            "gn:calibrated", "gn+ws:calibrated", "gn:source", "gn+ws:source", "gn:refreshed",
            "gn+ws:refreshed", "gn:steady",
            "gn:steady=32",
            "copy", "reset",
        ]
        #expect(texts.compactMap { ExperimentArm(parsing: $0)?.description } == texts)
        #expect(Set(texts.compactMap { ExperimentArm(parsing: $0) }).count == texts.count)
        for text in [
            "", "GN", "gn+", "gn:", "gn:steady=", "gn:steady=-1", "gn+ws:steady", "bn:calibrated",
            "bn:source", "ln",
        ] {
            #expect(ExperimentArm(parsing: text) == nil, "\(text)")
        }
    }

    private func run(
        _ arms: [String], batches: [Int], workers: Int, seen: Int = 16, source: String? = nil, folder: String
    ) async throws -> ExperimentReport {
        let model = try Model(path: TestFiles.fixture("mnist-resnet.torch.h5"))
        let images = try Split(path: TestFiles.fixture("mnist-test-100.npz"))
        var options = ExperimentOptions(
            arms: arms.compactMap(ExperimentArm.init(parsing:)), batchSizes: batches, workers: workers)
        options.imagesSeen = seen
        options.source = try source.map { try Split(path: TestFiles.fixture($0), requiresLabels: false) }
        options.seeds = 2
        options.preprocessing = try Preprocessing(parsing: "0.1307,0.3081")
        options.training.clipping = nil
        (options.calibration.images, options.calibration.epochs) = (16, 0)
        return try await ExperimentRun(
            model, on: images, testing: images, options: options, folder: folder
        ).run()
    }

    /// What does not depend on the clock.
    private func figures(_ report: ExperimentReport) -> [String] {
        report.cells.map { "\($0.arm) \($0.batchSize) \($0.learningRate ?? 0) \($0.errors) \($0.trials)" }
            .sorted()
    }

    @Test("Results are the same for any number of workers, and where an experiment goes on later")
    func workers() async throws {
        let arms = ["bn", "gn+ws:refreshed", "reset"]
        try await TestFiles.withTemporaryFolder { folder in
            let whole = try await run(arms, batches: [2, 8], workers: 1, folder: folder + "/a")
            #expect(whole.cells.count == 6 && whole.cells.allSatisfy { $0.errors.count == 2 })
            _ = try await run(["bn"], batches: [8], workers: 3, folder: folder + "/b")
            let later = try await run(arms, batches: [2, 8], workers: 3, folder: folder + "/b")
            #expect(figures(later) == figures(whole))
            let page = try String(contentsOfFile: folder + "/b/report.html", encoding: .utf8)
            #expect(page.hasPrefix("<!DOCTYPE html>") && page.contains("gn+ws:refreshed"))
        }
    }

    @Test("Arms are fitted to the images of the source, which are compared when an experiment goes on")
    func source() async throws {
        try await TestFiles.withTemporaryFolder { folder in
            let report = try await run(
                ["gn:source", "gn:calibrated"], batches: [8], workers: 2, source: "mnist-test.h5",
                folder: folder)
            let parts = try ["gn-source", "gn-calibrated"].map {
                try Model(path: folder + "/\($0).torch.h5").checkpoint.parameters.sorted { $0.name < $1.name }
                    .flatMap { try $0.read().values }
            }
            #expect(parts[0].count == parts[1].count && parts[0] != parts[1])
            #expect(report.inputs?.last?.name == "--source")
            let failure = await #expect(throws: ExperimentFailure.self) {
                try await run(
                    ["gn:source"], batches: [8], workers: 2, source: "mnist-test-100.npz", folder: folder)
            }
            #expect("\(try #require(failure))".contains("the checksum of --source is"))
        }
    }

    @Test("A source may be added to an experiment, or left out of it")
    func laterSource() async throws {
        try await TestFiles.withTemporaryFolder { folder in
            _ = try await run(["reset"], batches: [8], workers: 2, folder: folder)
            let more = try await run(
                ["reset", "gn:source"], batches: [8], workers: 2, source: "mnist-test.h5", folder: folder)
            #expect(more.cells.count == 2 && more.inputs?.last?.name == "--source")
            let less = try await run(["reset"], batches: [8], workers: 2, folder: folder)
            #expect(figures(less) == figures(more) && less.inputs == more.inputs)
        }
    }

    @Test("Arms that need a source are refused without one")
    func noSource() async throws {
        try await TestFiles.withTemporaryFolder { folder in
            let failure = await #expect(throws: ExperimentFailure.self) {
                try await run(["bn", "gn+ws:source"], batches: [8], workers: 2, folder: folder)
            }
            #expect(failure == .noSource(arms: ["gn+ws:source"]))
        }
    }

    @Test("A folder with results of another experiment is refused, and the difference is told")
    func otherExperiment() async throws {
        try await TestFiles.withTemporaryFolder { folder in
            _ = try await run(["reset"], batches: [8], workers: 2, folder: folder)
            let failure = await #expect(throws: ExperimentFailure.self) {
                try await run(["reset"], batches: [8], workers: 2, seen: 24, folder: folder)
            }
            #expect("\(try #require(failure))".contains("the number of images seen is 16 there and 24 here"))
        }
    }

    @Test("Results of images or a network that were changed since are refused")
    func changedInputs() async throws {
        try await TestFiles.withTemporaryFolder { folder in
            let report = try await run(["reset"], batches: [8], workers: 2, folder: folder)
            let results = folder + "/experiment.json"
            let text = try String(contentsOfFile: results, encoding: .utf8)
            let inputs = try #require(report.inputs)
            #expect(inputs.map(\.name) == ["the network", "--data", "--validate"])
            let other = text.replacingOccurrences(of: inputs[1].value, with: "0123456789abcdef")
            try other.write(toFile: results, atomically: true, encoding: .utf8)
            let failure = await #expect(throws: ExperimentFailure.self) {
                try await run(["reset"], batches: [8], workers: 2, folder: folder)
            }
            #expect("\(try #require(failure))".contains("the checksum of --data is 0123456789abcdef there"))
        }
    }

    @Test("The checksum of arrays changes with a pixel and with a label")
    func arrayChecksum() throws {
        try TestFiles.withTemporaryFolder { folder in
            func checksum(_ images: [[Float]], _ labels: [UInt8]) throws -> String {
                let file = folder + "/\(UUID()).h5"
                try MadeNetwork.writeSplit(to: file, images, labels: labels)
                return try Split(path: file, layout: .nhwc).contentChecksum()
            }
            let first = try checksum([[1, 2, 3], [4, 5, 6]], [0, 1])
            #expect(try checksum([[1, 2, 3], [4, 5, 6]], [0, 1]) == first)
            #expect(try checksum([[1, 2, 3], [4, 5, 7]], [0, 1]) != first)
            #expect(try checksum([[1, 2, 3], [4, 5, 6]], [1, 0]) != first)
        }
    }

    @Test("The checksum of image files changes with a name and a time, not with the folder")
    func folderChecksum() throws {
        try TestFiles.withTemporaryFolder { folder in
            let manager = FileManager.default
            func write(_ path: String, time: Double) throws {
                let file = "\(folder)/\(path)"
                try manager.createDirectory(
                    atPath: URL(fileURLWithPath: file).deletingLastPathComponent().path,
                    withIntermediateDirectories: true)
                try manager.copyItem(atPath: TestFiles.fixture("images/grey.png"), toPath: file)
                try manager.setAttributes(
                    [.modificationDate: Date(timeIntervalSince1970: time)], ofItemAtPath: file)
            }
            func checksum(_ name: String) throws -> String {
                try Split(path: "\(folder)/\(name)").contentChecksum()
            }
            for (name, file, time) in [
                ("one", "1", 1e9), ("same", "1", 1e9), ("renamed", "2", 1e9), ("changed", "1", 1e9 + 1),
            ] {
                for label in ["a", "b"] { try write("\(name)/\(label)/\(file).png", time: time) }
            }
            #expect(try checksum("same") == checksum("one"))
            #expect(try checksum("renamed") != checksum("one"))
            #expect(try checksum("changed") != checksum("one"))
        }
    }
}
