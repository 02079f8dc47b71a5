import Datasets
import FineTuning
import Reports
import Synchronization
import Tensors
import Threads

extension ExperimentRun {
    /// Trainings of a rate that is tried.
    private static let folds = 2

    /// Finds a rate for an arm at a batch size, and trains with it.
    func cell(
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

    /// Trainings at several rates, as long as those of the table: shorter ones overrate high rates. Each rate trains
    /// twice. The mean loss on training images that were held out, a quarter but at most 256 each time, is compared.
    /// Several trainings run at once, each on one thread.
    private func trials(
        _ job: FineTuneJob, _ search: RateSearch, _ work: CellWork
    ) throws -> [RateSearch.Trial] {
        let folds = job.folds(Self.folds, steps: job.options.training.steps)
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
                    let loss = try job.loss(of: fold, tuning, afterStep: work.step)
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
                guard let tensors = try own.trained(tuning.training, on: batches, afterStep: work.step)
                else { return }
                let scores = try own.scores(tensors, on: validation)
                results.withLock { $0[seed] = 1 - scores.top1.value }
            })
        return results.withLock(\.self)
    }
}
