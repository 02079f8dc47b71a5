import Foundation
import TestSupport
import Testing

@testable import NormConvKit

@Suite("Fine-tuning for users of the library")
struct FineTuneLibraryTests {
    private let images = TestFiles.fixture("mnist-test-100.npz")

    private func options(_ change: (inout FineTuneOptions) -> Void = { _ in }) throws -> FineTuneOptions {
        var options = FineTuneOptions.plain
        (options.batch, options.steps, options.learningRate) = (8, 10, 0.003)
        options.preprocessing = try Preprocessing("0.1307,0.3081")
        options.workers = 2
        change(&options)
        return options
    }

    private func parts() throws -> (model: Model, training: Split, validation: Split) {
        let model = try Model(TestFiles.fixture("mnist-resnet.torch.h5"))
        let splits = try model.trainingSplits(images, validation: images)
        return (model, splits.training, splits.validation)
    }

    @Test(
        "The network is trained, its progress is a sequence that ends, and the written file has what was trained"
    )
    func trains() async throws {
        let (model, training, validation) = try parts()
        let options = try options { $0.keepsLast = true }
        let (progress, reporter) = AsyncStream.makeStream(of: FineTuneProgress.self)
        async let result = model.finetuned(
            on: training, validating: validation, options: options, reporting: reporter)
        var images: [Int] = []
        var evaluated: [(step: Int, top1: Double)] = []
        for await event in progress {
            switch event {
            case .searching: Issue.record("A rate was given.")
            case .training(let done, let total, let loss, let before):
                #expect(total == 80 && loss > 0 && before == 0)
                images.append(done)
            case .evaluated(let step, _, let top1): evaluated.append((step, top1))
            case .notWritten: Issue.record("There is no state.")
            }
        }
        let tuned = try await result
        #expect(images == (1...10).map { 8 * $0 })
        #expect(evaluated.map(\.step) == [0, 2, 4, 6, 8, 10])

        // The same as the command's steps, one by one.
        let job = try FineTuneJob(
            model, on: training, validating: validation, options: options.settled(for: training))
        let tuner = try job.tuner(job.options.training)
        for batch in job.batches(from: 0, to: 10) {
            let values = try batch.images.flatMap { try job.training.read($0, epoch: batch.epoch) }
            _ = try tuner.step(values, labels: batch.images.map { job.labels[$0] })
        }
        let expected = tuner.tensors
        try await TestFiles.withTemporaryFolder { folder in
            try tuned.keepingNorms().write(to: folder + "/tuned.torch.h5")
            let written = try Model(folder + "/tuned.torch.h5")
            for (name, tensor) in expected {
                #expect(try written.stored[name]?.read().values == tensor.values, "\(name)")
            }
            let top1 = try await written.evaluated(on: validation).top1.value
            #expect(top1 == evaluated.last?.top1)
        }
    }

    @Test("A cancelled training throws CancellationError and ends its progress")
    func cancels() async throws {
        let (model, training, validation) = try parts()
        let options = try options { $0.steps = 100_000 }
        let (progress, reporter) = AsyncStream.makeStream(of: FineTuneProgress.self)
        let task = Task {
            try await model.finetuned(
                on: training, validating: validation, options: options, reporting: reporter)
        }
        for await event in progress {
            if case .training = event { task.cancel() }
        }
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test("With a state file a cancelled training goes on to the same parameters")
    func resumes() async throws {
        let (model, training, validation) = try parts()
        try await TestFiles.withTemporaryFolder { folder in
            let state = folder + "/state"
            let whole = try await model.finetuned(on: training, validating: validation, options: options())
            let (progress, reporter) = AsyncStream.makeStream(of: FineTuneProgress.self)
            let task = Task {
                try await model.finetuned(
                    on: training, validating: validation, options: options(), stateFile: state,
                    reporting: reporter)
            }
            for await _ in progress where FileManager.default.fileExists(atPath: state) { task.cancel() }
            let interrupted = try? await task.value
            let resumed = try await model.finetuned(
                on: training, validating: validation, options: options { $0.workers = 1 }, stateFile: state)
            #expect(resumed.replacements == whole.replacements)
            #expect(interrupted == nil || interrupted?.replacements == whole.replacements)
            #expect(!FileManager.default.fileExists(atPath: state))
        }
    }

    @Test(
        "A setting that makes no sense is told with what was found and expected",
        arguments: [
            "batch", "steps", "epochs", "learningRate", "momentum", "labelSmoothing", "weightDecay", "mixup",
            "clipping", "patience", "imagesAtOnce", "workers",
        ])
    func settings(name: String) async throws {
        let (model, training, validation) = try parts()
        let options = try options {
            switch name {
            case "batch": $0.batch = 0
            case "steps": $0.steps = 0
            case "epochs": $0.epochs = .nan
            case "learningRate": $0.learningRate = -1
            case "momentum": $0.momentum = 1
            case "labelSmoothing": $0.labelSmoothing = 1
            case "weightDecay": $0.weightDecay = -.infinity
            case "mixup": $0.mixup = -1
            case "clipping": $0.clipping = 0
            case "patience": $0.patience = 0
            case "imagesAtOnce": $0.imagesAtOnce = 0
            default: $0.workers = 0
            }
        }
        let error = await #expect(throws: NormConvError.self) {
            try await model.finetuned(on: training, validating: validation, options: options)
        }
        #expect(error?.object == name && error?.found != nil && error?.expected != nil)
    }

    @Test("The recipe fills in what is not given")
    func settles() throws {
        let (_, training, _) = try parts()
        let bit = try FineTuneOptions().settled(for: training)
        #expect(bit.training.steps == 300 && bit.training.schedule == .bit && bit.training.mixup == 0)
        #expect(bit.augmentation.description == "random crop with a mirrored margin of 3, flips")
        var plain = FineTuneOptions.plain
        (plain.batch, plain.epochs, plain.mixup, plain.flips) = (8, 2.5, 0.2, false)
        plain.colorJitter = 0.4
        let settled = try plain.settled(for: training)
        #expect(settled.training.steps == 30 && settled.training.schedule == .cosine)
        #expect(settled.training.mixup == 0.2)
        let margin = "random crop with a mirrored margin of 3, color jitter 0.4:0.4:0.4:0.0"
        #expect(settled.augmentation.description == margin)
        plain.crops = false
        #expect(try !plain.settled(for: training).augmentation.description.contains("crop"))
    }

    @Test("Image files are cropped as the recipe says, in proportion to their size")
    func augmentations() throws {
        try TestFiles.withTemporaryFolder { folder in
            let model = try Model(TestFiles.fixture("mnist-resnet.torch.h5"))
            for (name, file) in [("a", "grey.png"), ("b", "grey1.png")] {
                let target = "\(folder)/\(name)"
                try FileManager.default.createDirectory(atPath: target, withIntermediateDirectories: false)
                try FileManager.default.copyItem(
                    atPath: TestFiles.fixture("images/" + file), toPath: "\(target)/\(file)")
            }
            var options = SplitOptions()
            options.crop = Extent(32)
            let split = try model.trainingSplits(folder, validation: folder, options: options).training
            func text(_ rule: AugmentationRule, _ recipe: FineTuneRecipe) throws -> String {
                try rule.augmentation(for: split, recipe).description
            }
            #expect(try text(.auto, .bit) == "resized to 40×40, random crop 32×32, flips")
            #expect(try text(.auto, .plain) == text(.imagenet, .bit))
            #expect(try text(.imagenet, .bit).hasPrefix("random resized crop 32×32"))
            #expect(try text(.cifar, .bit) == "random crop with a margin of 4, flips")
            #expect(try text(.none, .bit) == "none")
        }
    }
}
