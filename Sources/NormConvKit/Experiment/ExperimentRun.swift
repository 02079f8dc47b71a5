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
    private let validation: Split
    private let options: ExperimentOptions
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
        guard training.count >= FineTuneRun.leastForSearch else {
            throw FineTuningFailure.tooFewForSearch(
                file: training.file, found: training.count, expected: FineTuneRun.leastForSearch)
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
            let start = try await network(of: arm, done: report.cells.count)
            for batch in missing {
                let told = told(arm, batch, done: report.cells.count)
                let cell = try cell(arm, start, batch, told)
                report.cells.append(cell)
                try folder.write(report, command: options.command)
                told(.done(cell))
            }
        }
        try folder.write(report, command: options.command)
        return report
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
        if training.optimizer == .sgd { settings.insert(.init("momentum", "\(training.momentum)"), at: 1) }
        let file = try naming(model.path) { try Digest.files(model.checkpoint.files) }
        var report = ExperimentReport(
            version: normconvVersion, model: model.title, data: self.training.file,
            validation: validation.file,
            images: self.training.count, validationImages: validation.count,
            imageShape: job.training.shape.extents, classes: job.classes, newHead: !options.keepsHead,
            settings: settings, imagesSeen: options.imagesSeen, seeds: options.seeds,
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

    private func job(_ network: Model, arm: ExperimentArm, batch: Int) throws -> FineTuneJob {
        var tuning = FineTuneOptions(workers: 1)
        tuning.training = options.training
        (tuning.training.batch, tuning.training.batchNorms) = (batch, arm.batchNorms)
        tuning.training.steps = max(options.imagesSeen / batch, 1)
        (tuning.keepsHead, tuning.augmentation) = (options.keepsHead, options.augmentation)
        tuning.preprocessing = options.preprocessing ?? model.preprocessing
        return try FineTuneJob(network, on: training, validating: validation, options: tuning)
    }

    // MARK: Cells

    /// Trainings of a rate that is tried.
    private static let folds = 2

    private func cell(
        _ arm: ExperimentArm, _ network: Model, _ batch: Int,
        _ told: @escaping @Sendable (ExperimentProgress.Stage) -> Void
    ) throws -> ExperimentReport.Cell {
        let start = ContinuousClock.now
        func cell(_ obstacle: String?) -> ExperimentReport.Cell {
            .init(
                arm: "\(arm)", batchSize: batch, learningRate: nil, trials: [], errors: [], diverged: 0,
                seconds: (ContinuousClock.now - start) / .seconds(1), obstacle: obstacle)
        }
        let job = try job(network, arm: arm, batch: batch)
        do { _ = try job.tuner(job.options.training) } catch let failure as FileFailure
            where failure.isSingleValue
        {
            return cell("a batch of one image has no variance in some norms")
        }
        let search = RateSearch(job.options.training.optimizer)
        let work = CellWork(
            steps: (search.first.count * Self.folds + options.seeds) * job.options.training.steps, show: told)
        let trials = try trials(job, search, work)
        guard let rate = RateSearch.best(trials) else {
            return cell("the training diverges at every learning rate")
        }
        work.train()
        let results = try errors(job, rate: rate, work)
        var cell = cell(nil)
        (cell.learningRate, cell.trials) = (rate, trials.map { .init(rate: $0.rate, loss: $0.loss) })
        cell.errors = results.map { $0 ?? 1 - 1 / Double(job.classes) }
        cell.diverged = results.count { $0 == nil }
        return cell
    }

    /// Trainings at several rates, as long as those of the table: shorter ones overrate high rates. Each rate trains twice; the mean
    /// loss on the training images that were held out, a quarter each time, is compared. Several trainings at once, each on one
    /// thread.
    private func trials(
        _ job: FineTuneJob, _ search: RateSearch, _ work: CellWork
    ) throws -> [RateSearch.Trial] {
        let order = job.training.order(epoch: -1)
        let count = min(256, order.count / 4)
        let folds = (0..<Self.folds).map { fold in
            let held = order[fold * count..<(fold + 1) * count]
            let others = order[..<held.startIndex] + order[held.endIndex...]
            let batches = job.batches(from: 0, to: job.options.training.steps, of: Array(others))
            return (held: Array(held), batches: batches)
        }
        return try search.run { rates in
            if rates.count < search.first.count {
                work.add(steps: rates.count * folds.count * job.options.training.steps)
            }
            let losses = Mutex([Double?](repeating: nil, count: rates.count * folds.count))
            try inParallel(
                rates.count * folds.count, threads: options.workers, worker: { _ in },
                body: { _, place in
                    let fold = folds[place % folds.count]
                    var tuning = job.options.training
                    tuning.learningRate = rates[place / folds.count]
                    guard let tensors = try Self.trained(job, tuning, fold.batches, work)?.tensors,
                        tensors.areFinite
                    else { return }
                    let loss = try job.loss(tensors, on: fold.held)
                    losses.withLock { $0[place] = loss }
                })
            let all = losses.withLock(\.self)
            return rates.indices.map { rate in
                let own = all[rate * folds.count..<(rate + 1) * folds.count].compactMap(\.self)
                return own.count == folds.count ? own.reduce(0, +) / Double(folds.count) : nil
            }
        }
    }

    /// The test error of each seed; nil where the training diverged.
    private func errors(_ job: FineTuneJob, rate: Double, _ work: CellWork) throws -> [Double?] {
        let results = Mutex([Double?](repeating: nil, count: options.seeds))
        let validation = validation
        try inParallel(
            options.seeds, threads: options.workers, worker: { _ in },
            body: { _, seed in
                var tuning = job.options
                tuning.training.learningRate = rate
                tuning.training.seed &+= UInt64(seed)
                let own = try job.with(tuning)
                let batches = own.batches(from: 0, to: tuning.training.steps)
                guard let tuner = try Self.trained(own, tuning.training, batches, work) else { return }
                let tensors = tuner.tensors
                guard tensors.areFinite else { return }
                let scores = try own.scores(tensors, on: validation)
                results.withLock { $0[seed] = 1 - scores.top1.value }
            })
        return results.withLock(\.self)
    }

    /// Trains; nil where the loss is not finite at some step.
    private static func trained(
        _ job: FineTuneJob, _ options: FineTuningOptions, _ batches: [(epoch: Int, images: [Int])],
        _ work: CellWork
    ) throws -> FineTuner? {
        let tuner = try job.tuner(options)
        let loader = BatchLoader(job.training, batches: batches, threads: 1, ahead: 2)
        while let batch = try loader.next() {
            try Cancellation.check()
            let step = try tuner.step(batch.values, labels: batch.images.map { job.labels[$0] })
            guard step.loss.isFinite, step.gradientNorm.isFinite else { return nil }
            work.step()
        }
        return tuner
    }
}
