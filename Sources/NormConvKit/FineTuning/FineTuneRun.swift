import Datasets
import Evaluation
import FineTuning
import Reports
import Tensors
import Threads
import Training

/// Carries out a fine-tuning.
package struct FineTuneRun {
    private let job: FineTuneJob
    private let stateFile: String?
    private let events: (FineTuneProgress, FineTuneReport) throws -> Void
    private var facts: FineTuneFacts?
    private var before = 0
    private var report: FineTuneReport
    private var best: [String: Tensor]?
    /// Whether the state file has one.
    private var hasState = false
    private var clock = ContinuousClock.now

    /// - Parameters:
    ///   - job: what is to be done.
    ///   - stateFile: where the state is kept between rounds; nil for nowhere.
    ///   - events: is told how far things are, and the report so far.
    package init(
        _ job: FineTuneJob, stateFile: String? = nil,
        events: @escaping (FineTuneProgress, FineTuneReport) throws -> Void = { _, _ in }
    ) throws {
        (self.job, self.stateFile, self.events) = (job, stateFile, events)
        report = job.report
    }

    /// Trains. Returns the network with its new parameters.
    ///
    /// Throws `FineTuningFailure`, `CancellationError`, and what reading images throws.
    package mutating func run() throws -> (model: Model, report: FineTuneReport) {
        var options = job.options.training
        if stateFile != nil { facts = try FineTuneFacts(job) }
        let resumed = try stateFile.flatMap { path in
            try facts.flatMap { try FineTuneState.read(path, of: $0) }
        }
        if let resumed {
            (report, best, hasState) = (resumed.report, resumed.best, true)
        } else if job.options.searchesRate {
            report.settings.learningRate = try search()
        }
        options.learningRate = report.settings.learningRate
        let tuner = try job.tuner(options)
        report.parameters = tuner.parameterCount
        if let resumed, !tuner.resume(resumed.snapshot) {
            throw FineTuningFailure.notState(file: stateFile ?? "", found: "parameters of another network")
        }
        if resumed == nil { try evaluate(tuner, tensors: tuner.tensors, training: nil) }
        let loader = BatchLoader(
            job.training, batches: job.batches(from: tuner.steps, to: options.steps),
            threads: job.options.workers, ahead: 4)
        if isOutOfPatience { report.endedEarly = .patience } else { try train(tuner, loader) }
        let isLast = best == nil || job.options.keeps == .last
        let tensors = isLast ? tuner.tensors : best ?? tuner.tensors
        report.kept = isLast ? report.rounds.count - 1 : bestRound
        report.classResults = try job.scores(tensors, on: job.validation).classes.map {
            .init(name: $0.name ?? "\($0.index)", images: $0.images, hits: $0.correct)
        }
        var model = job.model(tensors)
        model.fineTuning = report
        return (model, report)
    }

    /// The round with the highest top-1, the first of equals; not the one before the training.
    private var bestRound: Int? {
        report.rounds.indices.dropFirst().max { first, second in
            let (a, b) = (report.rounds[first], report.rounds[second])
            return (a.top1, -(a.loss ?? .infinity)) < (b.top1, -(b.loss ?? .infinity))
        }
    }

    // MARK: Steps

    private mutating func train(_ tuner: FineTuner, _ loader: BatchLoader) throws {
        var since: [FineTuner.Step] = []
        (clock, before) = (.now, tuner.steps)
        while tuner.steps < tuner.options.steps {
            guard !EarlyEnd.isRequested else {
                guard tuner.steps > 0 else { throw FineTuningFailure.nothingTrained(file: job.model.path) }
                report.endedEarly = .interrupted
                break
            }
            guard let batch = try loader.next() else { break }
            let step = try tuner.step(batch.values, labels: batch.images.map { job.labels[$0] })
            guard step.isFinite else {
                throw diverged(tuner)
            }
            since.append(step)
            add(step, number: tuner.steps)
            let size = batch.images.count
            try events(
                .training(
                    images: tuner.steps * size, of: tuner.options.steps * size, loss: step.loss,
                    before: before * size), report)
            guard tuner.steps % job.roundLength == 0 || tuner.steps == tuner.options.steps else { continue }
            try endRound(tuner, &since)
            try writeState(tuner)
            if isOutOfPatience {
                report.endedEarly = .patience
                break
            }
        }
        if !since.isEmpty { try endRound(tuner, &since) }
    }

    private mutating func add(_ step: FineTuner.Step, number: Int) {
        report.steps.append(
            .init(
                step: number, epoch: Double(number - 1) / Double(job.stepsPerEpoch), learningRate: step.rate,
                loss: step.loss, top1: Double(step.hits) / Double(job.options.training.batch),
                gradientNorm: step.gradientNorm))
    }

    private var isOutOfPatience: Bool {
        guard let patience = job.options.patience, let bestRound else { return false }
        return report.rounds.count - 1 - bestRound >= patience
    }

    private func diverged(_ tuner: FineTuner) -> FineTuningFailure {
        .diverged(file: job.model.path, step: tuner.steps, rate: tuner.options.learningRate)
    }

    // MARK: Rounds

    private mutating func endRound(_ tuner: FineTuner, _ since: inout [FineTuner.Step]) throws {
        let seconds = (ContinuousClock.now - clock) / .seconds(1)
        report.seconds += seconds
        let tensors = tuner.tensors
        guard tensors.areFinite else { throw diverged(tuner) }
        try evaluate(tuner, tensors: tensors, training: (since, seconds))
        guard report.rounds.last?.loss != nil else { throw diverged(tuner) }
        if bestRound == report.rounds.count - 1 { best = tensors }
        since = []
        clock = .now
    }

    /// Not after a Ctrl-C, between two rounds: a training that goes on has the same rounds as one that was never stopped.
    /// Only the first state has to be written: a disk that is full later does not end a training of hours.
    private mutating func writeState(_ tuner: FineTuner) throws {
        guard let stateFile, let facts else { return }
        do {
            try FineTuneState(facts: facts, report: report, snapshot: tuner.snapshot, best: best)
                .write(to: stateFile)
            hasState = true
        } catch  where hasState {
            try events(.notWritten(file: stateFile, reason: "\(error)"), report)
        }
    }

    private mutating func evaluate(
        _ tuner: FineTuner, tensors: [String: Tensor], training: (steps: [FineTuner.Step], seconds: Double)?
    ) throws {
        let scores = try job.scores(tensors, on: job.validation)
        let images = training.map { $0.steps.count * job.options.training.batch } ?? 0
        let count = Double(max(training?.steps.count ?? 1, 1))
        let round = FineTuneReport.Round(
            step: tuner.steps, epoch: Double(tuner.steps) / Double(job.stepsPerEpoch),
            trainingLoss: training.map { $0.steps.reduce(0) { $0 + $1.loss } / count },
            trainingTop1: training.map {
                Double($0.steps.reduce(0) { $0 + $1.hits }) / Double(max(images, 1))
            },
            loss: scores.nll?.value, top1: scores.top1.value,
            imagesPerSecond: training.map { $0.seconds > 0 ? Double(images) / $0.seconds : 0 })
        report.rounds.append(round)
        try events(.evaluated(step: round.step, loss: round.loss, top1: round.top1), report)
    }

    // MARK: Rate

    /// The lowest rate whose short training does nearly as well as the best one, on training images that are held out.
    private mutating func search() throws -> Double {
        let training = job.training
        guard training.count >= FineTuneJob.leastForSearch else {
            throw FineTuningFailure.tooFewForSearch(
                file: training.split.file, found: training.count, expected: FineTuneJob.leastForSearch)
        }
        let search = RateSearch(job.options.training.optimizer)
        let steps = RateSearch.shortSteps(of: job.options.training.steps)
        let fold = job.folds(1, steps: steps)[0]
        let start = try job.loss(job.tuner(job.options.training).tensors, on: fold.heldOut)
        var number = 0
        func loss(_ rate: Double) throws -> Double? {
            number += 1
            try events(.searching(trial: number, of: max(number, search.first.count)), report)
            var options = job.options.training
            (options.learningRate, options.steps, options.schedule) = (rate, steps, .cosine)
            return try job.loss(of: fold, options) {
                if EarlyEnd.isRequested { throw FineTuningFailure.nothingTrained(file: job.model.path) }
            }
        }
        let trials = try search.run { try $0.map(loss) }
        report.search = trials.map { .init(rate: $0.rate, loss: $0.loss) }
        guard let best = RateSearch.cautious(trials, start: start) else {
            throw FineTuningFailure.noRate(file: job.model.path, rates: trials.map(\.rate))
        }
        return best
    }
}
