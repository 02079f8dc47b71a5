import FineTuning
import Foundation
import TestSupport
import Testing

@testable import NormConvKit

@Suite("What is fine-tuned")
struct FineTuneJobTests {
    private func job(
        _ file: String = "mnist-resnet.torch.h5", data: String = "mnist-test-100.npz",
        _ change: (inout FineTuneOptions) throws -> Void = { _ in }
    ) throws -> FineTuneJob {
        let split = try Split(path: TestFiles.fixture(data))
        var options = FineTuneOptions(workers: 2)
        (options.training.batch, options.training.steps, options.searchesRate) = (8, 12, false)
        options.preprocessing = try Preprocessing(parsing: "0.1307,0.3081")
        try change(&options)
        return try FineTuneJob(
            Model(path: TestFiles.fixture(file)), on: split, validating: split, options: options)
    }

    private func trained(
        _ job: FineTuneJob, state: String? = nil
    ) throws -> (model: Model, report: FineTuneReport) {
        var run = try FineTuneRun(job, stateFile: state)
        return try run.run()
    }

    @Test("Every pass has each image once; a batch that is not full is left out")
    func batches() throws {
        let job = try job()
        let batches = job.batches(from: 0, to: 30)
        #expect(job.stepsPerEpoch == 12 && batches.count == 30)
        #expect(batches.map(\.epoch) == (0..<30).map { $0 / 12 })
        #expect(Set(batches[..<12].flatMap(\.images)).count == 96)
        #expect(batches[0].images != batches[12].images)
        #expect(job.batches(from: 7, to: 30).map(\.images) == batches[7...].map(\.images))
        let some = job.batches(from: 0, to: 4, of: [3, 5, 7, 9, 11, 13, 15, 17])
        #expect(some.allSatisfy { $0.images.sorted() == [3, 5, 7, 9, 11, 13, 15, 17] })
    }

    @Test("A training that stopped early goes on to the same parameters", arguments: [1, 3])
    func resumes(workers: Int) throws {
        try TestFiles.withTemporaryFolder { folder in
            let whole = try trained(job { $0.keeps = .last })
            let state = folder + "/state"
            // It stops where the page of the third evaluation cannot be written.
            struct Stop: Error {}
            var stopped = try FineTuneRun(job { $0.keeps = .last }, stateFile: state) { event, report in
                if case .evaluated = event, report.rounds.count == 4 { throw Stop() }
            }
            #expect(throws: Stop.self) { try stopped.run() }
            try #require(FileManager.default.fileExists(atPath: state))
            let job = try job {
                $0.keeps = .last
                $0.workers = workers
            }
            let resumed = try trained(job, state: state)
            #expect(resumed.model.replacements == whole.model.replacements)
            #expect(resumed.report.steps == whole.report.steps && whole.report.steps.count == 12)
        }
    }

    @Test("A state that cannot be written is an error the first time; later the training goes on")
    func unwritable() throws {
        try TestFiles.withTemporaryFolder { folder in
            let whole = try trained(job { $0.keeps = .last })
            let inner = folder + "/inner"
            var unwritten: [String] = []
            func run(removingAt round: Int) throws -> FineTuneRun {
                try FileManager.default.createDirectory(atPath: inner, withIntermediateDirectories: true)
                return try FineTuneRun(job { $0.keeps = .last }, stateFile: inner + "/state") {
                    event, report in
                    if case .evaluated = event, report.rounds.count == round {
                        try FileManager.default.removeItem(atPath: inner)
                    }
                    if case .notWritten(let file, let reason) = event {
                        unwritten.append(file)
                        #expect(reason.contains(file))
                    }
                }
            }
            var later = try run(removingAt: 3)
            #expect(try later.run().model.replacements == whole.model.replacements)
            #expect(!unwritten.isEmpty && unwritten.allSatisfy { $0 == inner + "/state" })
            var first = try run(removingAt: 1)
            #expect(throws: (any Error).self) { try first.run() }
        }
    }

    @Test("A new head has zeros and an output for each class; the rest is the network's")
    func newHead() throws {
        let job = try job()
        let head = try #require(job.model.network.classifierHead)
        #expect(job.classes == 10 && head.outputs == 10)
        #expect(job.model.replacements[head.kernel]?.values.allSatisfy { $0 == 0 } == true)
        let kept = try self.job { $0.keepsHead = true }
        #expect(kept.model.replacements.isEmpty && !kept.losesFittingHead && job.losesFittingHead)
    }

    @Test("Balanced classes count the same: images / (classes · images of the class)")
    func balanced() throws {
        let job = try job { $0.classWeights = .balanced }
        let weights = try #require(job.classWeights)
        for label in Set(job.labels) {
            let images = job.labels.count { $0 == label }
            #expect(abs(weights[label] - 100 / (10 * Double(images))) < 1e-12)
        }
    }

    @Test("Frozen parameters stay as they are, and patterns are as fnmatch's")
    func frozen() throws {
        let job = try job { $0.frozen = ["layer1", "*bn2*"] }
        #expect(job.frozen.allSatisfy { $0.hasPrefix("layer1.") || $0.contains("bn2") })
        #expect(job.frozen.contains("layer1.0.conv1.weight") && job.frozen.contains("layer3.0.bn2.bias"))
        let tensors = try trained(job).model.replacements
        #expect(tensors.keys.allSatisfy { !job.frozen.contains($0) })
        #expect(throws: FineTuningFailure.self) { try self.job { $0.frozen = ["layer9"] } }
        #expect(throws: FineTuningFailure.self) { try self.job { $0.frozen = ["*"] } }
    }

    @Test("Filters that a conversion standardized stay so; --ws baked trains plain ones")
    func standardized() throws {
        try TestFiles.withTemporaryFolder { folder in
            let file = folder + "/gn.torch.h5"
            try Model(path: TestFiles.fixture("mnist-resnet.torch.h5"))
                .convert(to: file, options: ConversionOptions(weightStandardization: .on))
            let split = try Split(path: TestFiles.fixture("mnist-test-100.npz"))
            for standardization in [FineTuningOptions.Standardization.layer, .baked] {
                var options = FineTuneOptions(workers: 2)
                (options.training.batch, options.training.steps) = (8, 6)
                (options.training.standardization, options.searchesRate) = (standardization, false)
                // Without a limit plain filters change enough to be told from standardized ones.
                options.clipping = nil
                options.preprocessing = try Preprocessing(parsing: "0.1307,0.3081")
                let job = try FineTuneJob(
                    Model(path: file), on: split, validating: split, options: options)
                #expect(job.standardized.names.count == 7)
                let tensors = try trained(job).model.replacements
                let isKept = job.standardized.names.allSatisfy { name in
                    guard let kernel = tensors[name] else { return false }
                    let size = kernel.shape.count / kernel.shape[0]
                    return (0..<kernel.shape[0]).allSatisfy { row in
                        let own = kernel.values[row * size..<(row + 1) * size].map(Double.init)
                        let mean = own.reduce(0, +) / Double(size)
                        let variance = own.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(size)
                        return abs(mean) < 1e-5 && abs(variance - 1) < 1e-3
                    }
                }
                #expect(isKept == (standardization == .layer))
            }
        }
    }
}
