import Datasets
import Foundation
import Reports
import Threads

/// How far a fine-tuning is.
public enum FineTuneProgress: Sendable, Equatable {
    /// A learning rate is tried: its number, and how many there are at least.
    case searching(trial: Int, of: Int)
    /// So many images of how many are trained on, `before` of them in an earlier sitting; the mean loss of the last step.
    case training(images: Int, of: Int, loss: Double, before: Int)
    /// The network was evaluated behind so many steps: its mean loss on the validation images, nil where that is not finite,
    /// and the share that is right. The first time is before the first step.
    case evaluated(step: Int, loss: Double?, top1: Double)
    /// The state could not be written again, as on a full disk. The training goes on; the file has an earlier state.
    case notWritten(file: String, reason: String)
}

extension SplitOptions {
    /// How the training images of a fine-tuning are read: classes are those of the images where the head is new.
    package func forTraining(keepsHead: Bool) -> SplitOptions {
        var options = self
        (options.requiresLabels, options.ignoresOutputs) = (true, !keepsHead)
        options.takesTrainingPart = true
        return options
    }

    /// How its validation images are read: classes have the training images' indices.
    package func forValidation(beside training: Split, keepsHead: Bool) throws -> SplitOptions {
        var options = self
        (options.requiresLabels, options.ignoresOutputs) = (true, !keepsHead)
        options.takesTrainingPart = false
        if options.classes == nil, !keepsHead { options.classes = try training.classIndices }
        return options
    }
}

extension Model {
    /// Opens the labelled images of a fine-tuning. With a new head, classes are those of the training images. Of data sets of
    /// several parts, the training part is read from the first path and the test part from the second; they may be the same.
    ///
    /// - Parameters:
    ///   - training: a folder, a list, or a file of arrays, with labels.
    ///   - validation: the same, for images that are not trained on.
    ///   - keepsHead: whether the network keeps its head, as `FineTuneOptions.keepsHead`.
    ///   - options: how they are read, where that is not the network's own way.
    /// - Throws: `NormConvError`.
    public func trainingSplits(
        _ training: String, validation: String, keepsHead: Bool = false,
        options: SplitOptions = SplitOptions()
    ) throws -> (training: Split, validation: Split) {
        try reporting {
            let images = try split(path: training, options: options.forTraining(keepsHead: keepsHead))
            let others = try split(
                path: validation, options: options.forValidation(beside: images, keepsHead: keepsHead))
            return (images, others)
        }
    }

    /// Fine-tunes the network on labelled images. The network must be one of images whose outputs go through a softmax.
    ///
    /// ```swift
    /// let (progress, reporter) = AsyncStream.makeStream(of: FineTuneProgress.self)
    /// async let tuned = model.finetuned(on: training, validating: validation, reporting: reporter)
    /// for await event in progress { print(event) }
    /// try await tuned.keepingNorms().write(to: "tuned.h5")
    /// ```
    ///
    /// - Parameters:
    ///   - training: the images, opened with `trainingSplits`.
    ///   - validation: images that are evaluated five to twenty times on the way; they choose the parameters that are kept.
    ///   - options: how.
    ///   - stateFile: where the state is kept behind each evaluation. Where there is one of the same training, that training goes
    ///     on, with the same result as without an interruption. The file is removed at the end. Nil for none.
    ///   - progress: the end of an `AsyncStream` that is told how far things are. It is finished when the training ends,
    ///     whatever the reason.
    /// - Returns: the network with its new parameters, and its new head. `keepingNorms()` makes it ready to be written.
    /// - Throws: `NormConvError`, also where the loss is not finite; `CancellationError` soon after the task is cancelled.
    public func finetuned(
        on training: Split, validating validation: Split, options: FineTuneOptions = FineTuneOptions(),
        stateFile: String? = nil,
        reporting progress: AsyncStream<FineTuneProgress>.Continuation? = nil
    ) async throws -> Model {
        defer { progress?.finish() }
        return try await NormConvKit.reporting(computing: {
            let settled = try options.settled(for: training)
            let job = try FineTuneJob(self, on: training, validating: validation, options: settled)
            if let stateFile { try OutputIsInput.check(stateFile, [path, training.file, validation.file]) }
            var run = try FineTuneRun(job, stateFile: stateFile) { event, _ in progress?.yield(event) }
            let model = try run.run().model
            if let stateFile { try? FileManager.default.removeItem(atPath: stateFile) }
            return model
        })
    }
}
