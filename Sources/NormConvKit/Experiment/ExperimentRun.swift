import Calibration
import Checkpoints
import Conversion
import Datasets
import FineTuning
import Foundation
import Reports
import Synchronization
import Tensors
import Threads

/// Carries out an experiment, cell by cell. What is done is kept in a folder, so that it can go on later.
package struct ExperimentRun {
    private let model: Model
    private let training: Split
    let validation: Split
    let options: ExperimentOptions
    private let folder: ExperimentFolder
    private let progress: @Sendable (ExperimentProgress) -> Void

    /// - Parameters:
    ///   - model: the network with batch norms.
    ///   - training: labelled images to train on, and to calibrate on without their labels.
    ///   - validation: labelled images that are looked at once for each training, at its end.
    ///   - options: what is trained.
    ///   - folder: where networks and results are kept.
    ///   - progress: is told what is being done, on any thread.
    package init(
        _ model: Model, on training: Split, testing validation: Split, options: ExperimentOptions,
        folder: String,
        progress: @escaping @Sendable (ExperimentProgress) -> Void = { _ in }
    ) throws {
        guard
            model.network.nodes.contains(where: { if case .batchNorm = $0.operation { true } else { false } })
        else {
            throw ConvertFailure.nothingToConvert(
                path: model.path, isBiT: model.network.family == .bit,
                architecture: model.network.architecture)
        }
        guard training.count >= FineTuneJob.leastForSearch else {
            throw FineTuningFailure.tooFewForSearch(
                file: training.file, found: training.count, expected: FineTuneJob.leastForSearch)
        }
        if let size = options.batchSizes.max(), size > training.count {
            throw FineTuningFailure.batchTooLarge(file: training.file, found: training.count, batch: size)
        }
        guard options.source != nil || !options.arms.contains(where: \.readsSource) else {
            throw ExperimentFailure.noSource(arms: options.arms.filter(\.readsSource).map(\.description))
        }
        if let source = options.source, source.shape != training.shape {
            throw ExperimentFailure.otherShape(
                file: source.file, found: source.shape, expected: training.shape)
        }
        (self.model, self.training, self.validation, self.options) = (model, training, validation, options)
        (self.folder, self.progress) = (try ExperimentFolder(folder), progress)
    }

    /// Trains what is missing. Returns the report.
    package func run() async throws -> ExperimentReport {
        let first = try job(model, arm: options.arms[0], batch: options.batchSizes[0])
        var report = try folder.report(like: report(first))
        // Before any network: those in the folder are of these settings then.
        try folder.write(report, command: options.command)
        for arm in options.arms {
            let missing = options.batchSizes.filter { report.cell("\(arm)", $0) == nil }
            if missing.isEmpty { continue }
            let start = try await network(of: arm, done: done(report))
            for batch in missing {
                let told = told(arm, batch, done: done(report))
                let cell = try cell(arm, start, batch, told)
                report.cells.append(cell)
                try folder.write(report, command: options.command)
                told(.done(cell))
            }
        }
        try folder.write(report, command: options.command)
        return report
    }

    /// Cells of this experiment's arms and batch sizes that are done; the folder may have others.
    private func done(_ report: ExperimentReport) -> Int {
        options.arms.reduce(0) { sum, arm in
            sum + options.batchSizes.count { report.cell("\(arm)", $0) != nil }
        }
    }

    /// What tells the progress of an arm at a batch size, or of its network.
    private func told(
        _ arm: ExperimentArm, _ batch: Int?, done: Int
    ) -> @Sendable (ExperimentProgress.Stage) -> Void {
        let (progress, count) = (progress, options.arms.count * options.batchSizes.count)
        return { stage in
            progress(
                ExperimentProgress(arm: "\(arm)", batchSize: batch, stage: stage, done: done, of: count))
        }
    }

    private func report(_ job: FineTuneJob) throws -> ExperimentReport {
        let training = options.training
        var settings: [ExperimentReport.Setting] = [
            .init("optimizer", training.optimizer.rawValue), .init("schedule", training.schedule.rawValue),
            .init("weight decay", "\(training.weightDecay)"),
            .init("clip", training.clipping.map { "\($0)" } ?? "none"),
            .init("groups", options.groups.description),
            .init("augmentation", options.augmentation.description),
            .init("preprocessing", job.training.preprocessing.description), .init("seed", "\(training.seed)"),
        ]
        let rates = RateSearch(training.optimizer).first.map(\.short).joined(separator: ", ")
        settings.append(.init("learning rates", "\(rates), further where the best is at an end"))
        settings.append(
            .init("calibration time", options.calibration.seconds.map { "\($0.short) s" } ?? "default"))
        if training.optimizer == .sgd { settings.insert(.init("momentum", "\(training.momentum)"), at: 1) }
        let file = try naming(model.path) { try Digest.files(model.checkpoint.files) }
        var report = ExperimentReport(
            version: normconvVersion, model: model.title, data: self.training.file,
            validation: validation.file,
            images: self.training.count, validationImages: validation.count,
            imageShape: job.training.shape.extents, classes: job.classes, newHead: !options.keepsHead,
            settings: settings, imagesSeen: imagesSeen, seeds: options.seeds,
            arms: options.arms.map(\.description), batchSizes: options.batchSizes)
        report.inputs = [
            .init("the network", file.text), .init("--data", try self.training.contentChecksum()),
            .init("--validate", try validation.contentChecksum()),
        ]
        if let source = options.source {
            report.inputs?.append(.init("--source", try source.contentChecksum()))
        }
        return report
    }

    // MARK: Networks

    /// The network that an arm begins with: from the folder, if it was made before.
    private func network(
        of arm: ExperimentArm, done: Int
    ) async throws -> Model {
        let conversion = arm.conversionOptions(groups: options.groups)
        if conversion == nil, !arm.isRefreshed { return model }
        let file = folder.network(arm, like: model.path)
        if !FileManager.default.fileExists(atPath: file) {
            let told = told(arm, nil, done: done)
            told(.converting)
            try await converted(arm, conversion, told).write(to: file)
        }
        return try Model(path: file, architecture: options.architecture)
    }

    /// The conversion of an arm. Images are used without their labels.
    private func converted(
        _ arm: ExperimentArm, _ conversion: ConversionOptions?,
        _ told: @escaping @Sendable (ExperimentProgress.Stage) -> Void
    ) async throws -> Conversion {
        var network = model
        if arm.isRefreshed {
            network = try await model.refreshingStatistics(
                on: training, images: min(training.count, 2048), seed: options.training.seed,
                preprocessing: options.preprocessing)
        }
        guard let conversion else {
            var kept = try network.keepingNorms()
            if let preprocessing = options.preprocessing { kept.preprocessing = preprocessing }
            return kept
        }
        let made = try network.converting(conversion, preprocessing: options.preprocessing)
        if arm == .reset { return made.resettingNorms() }
        guard let images = arm.readsSource ? options.source : arm.isCalibrated ? training : nil else {
            return made
        }
        return try await made.calibrated(on: images, options: options.calibration) { told(.calibrating($0)) }
    }

    private var imagesSeen: Int { options.imagesSeen ?? 2 * training.count }

    /// What a cell trains. An arm's network gets the experiment's options.
    func job(_ network: Model, arm: ExperimentArm, batch: Int) throws -> FineTuneJob {
        var tuning = FineTuneOptions(workers: 1)
        tuning.training = options.training
        (tuning.training.batch, tuning.training.batchNorms) = (batch, arm.batchNorms)
        tuning.training.steps = max(imagesSeen / batch, 1)
        (tuning.keepsHead, tuning.augmentation) = (options.keepsHead, options.augmentation)
        tuning.preprocessing = options.preprocessing ?? model.preprocessing
        return try FineTuneJob(network, on: training, validating: validation, options: tuning)
    }
}
