import Calibration
import Datasets
import Foundation
import Inference
import Networks
import Synchronization
import Tensors
import Threads
import Training

extension Model {
    /// The network with the statistics of its batch norms estimated anew on images without labels, as for another domain than
    /// that of the training. Images pass through it in batches as in training: each batch norm uses the mean and variance of
    /// the batch. The new statistics are the averages over all batches. A last batch that is not full is left out.
    ///
    /// Batch variances are averaged as the network's framework keeps them: unbiased in PyTorch, biased in Keras 3. Keras 2 keeps
    /// unbiased ones of maps and volumes and biased ones elsewhere, as its fused batch norm alone applies Bessel's correction.
    ///
    /// - Parameters:
    ///   - split: the images, opened with `split`; labels are not read.
    ///   - images: how many are drawn; all where there are fewer.
    ///   - batch: images in a batch; nil for 64, or as many as there are or fit into memory.
    ///   - seed: decides which images are drawn, and their batches.
    ///   - preprocessing: what is done to pixels; what goes with the network where it is nil.
    ///   - memory: bytes that activations may take.
    ///   - progress: is told how many images of how many are done, on another thread.
    /// - Throws: `NormConvError`; `CancellationError` soon after the task is cancelled.
    public func refreshingStatistics(
        on split: Split, images: Int = 512, batch: Int? = nil, seed: UInt64 = 0,
        preprocessing: Preprocessing? = nil, memory: Int = 1 << 30,
        progress: @escaping @Sendable (_ done: Int, _ total: Int) -> Void = { _, _ in }
    ) async throws -> Model {
        try await reporting(computing: {
            try refreshed(
                RefreshRun(
                    split: split, preprocessing: preprocessing ?? self.preprocessing, images: images,
                    batch: batch, seed: seed, memory: memory), progress: progress)
        })
    }

    private func refreshed(
        _ run: RefreshRun, progress: @escaping @Sendable (Int, Int) -> Void
    ) throws -> Model {
        try naming(path) {
            try checkGraph()
            guard network.batchNormCount > 0 else { throw RefreshFailure.noBatchNorm(path: path) }
            try run.split.check(run.preprocessing)
            let result = try run.statistics(of: network, parameters, correcting: biasCorrection, progress)
            var model = self
            var report = RefreshReport(
                data: run.split.file, images: result.images, batch: result.batch, seed: run.seed,
                variance: result.variance, norms: [])
            for case (let layer, .batchNorm(let norm)) in network.nodes.map({ ($0.layer, $0.operation) })
            where model.replacements[norm.mean] == nil {
                guard let new = result.averages.average(of: norm.mean) else { continue }
                try Self.check(new, layer)
                let old = try [norm.mean, norm.variance].map { try stored[$0]?.read().values ?? [] }
                report.norms.append(
                    RefreshReport.Norm(layer, epsilon: norm.epsilon, old: (old[0], old[1]), new: new))
                model.replacements[norm.mean] = Tensor(new.mean.map { Float($0) })
                model.replacements[norm.variance] = Tensor(new.variance.map { Float($0) })
            }
            model.refresh = report
            return model
        }
    }

    /// Where the framework keeps unbiased variances. Without a configuration the version of Keras is not known.
    private var biasCorrection: BiasCorrection {
        guard network.family.isKeras else { return .everywhere }
        return config?.isKeras3Model == false ? .fused : .none
    }

    /// Throws for a value that float32 does not hold.
    private static func check(_ new: (mean: [Double], variance: [Double]), _ layer: String) throws {
        for channel in new.mean.indices {
            guard Float(new.mean[channel]).isFinite, Float(new.variance[channel]).isFinite else {
                throw RefreshFailure.notFinite(layer: layer, channel: channel)
            }
        }
    }
}

/// Where a framework applies Bessel's correction to the batch variances that it keeps.
private enum BiasCorrection {
    /// Nowhere: Keras 3.
    case none
    /// Everywhere: PyTorch.
    case everywhere
    /// In TensorFlow's fused batch norm, which Keras 2 takes for tensors of rank 4 and 5: maps and volumes with their batch. Steps
    /// and vectors have a lower rank.
    case fused

    /// Whether it applies to values of this shape; `dimensions` are those of the network's input, as steps are maps of one row.
    func applies(to shape: Shape, dimensions: Int) -> Bool {
        switch self {
        case .none: false
        case .everywhere: true
        case .fused: shape.rank == 4 || shape.rank == 3 && dimensions != 1
        }
    }
}

/// Images on their way through a network whose batch norms use the batch.
private struct RefreshRun: Sendable {
    let split: Split
    let preprocessing: Preprocessing
    let images: Int
    let batch: Int?
    let seed: UInt64
    let memory: Int

    private static let usualBatch = 64

    /// What a run gives.
    struct Result {
        /// Averages by name of the running mean.
        var averages = AveragedStatistics()
        /// How variances were averaged.
        var variance = RefreshReport.Variance.biased
        /// Images in a batch.
        var batch: Int
        /// Images of all batches.
        var images: Int
    }

    func statistics(
        of network: Network, _ parameters: ParameterTable, correcting correction: BiasCorrection,
        _ progress: @escaping @Sendable (Int, Int) -> Void
    ) throws -> Result {
        let shape = split.shape
        let shapes = try network.shapes(forImage: shape)
        let engine = try BatchStatisticsEngine(
            network: network, parameters: parameters, imageShape: shape, memory: memory)
        let count = min(max(images, 0), split.count)
        let batch = batch ?? max(min(Self.usualBatch, count, engine.imagesAtOnce), 2)
        guard count >= batch else {
            throw RefreshFailure.tooFewImages(file: split.file, found: count, batch: batch)
        }
        let total = count / batch * batch
        let source = source(count: total)
        let done = Counter()
        progress(0, total)
        var result = Result(batch: batch, images: total)
        var corrections: Set<Bool> = []
        var single: String?
        _ = try engine.run(
            on: source, batchSize: batch, limit: Self.usualBatch, progress: { progress(done.add($0), total) },
            observe: { entered in
                let node = network.nodes[entered.node]
                guard case .batchNorm(let norm) = node.operation else { return }
                if entered.count < 2 { single = single ?? node.layer }
                let isUnbiased = correction.applies(
                    to: shapes[entered.node], dimensions: network.input.dimensions)
                corrections.insert(isUnbiased)
                result.averages.add(entered, of: norm.mean, isUnbiased: isUnbiased)
            })
        if let single { throw RefreshFailure.singleValue(layer: single) }
        result.variance = corrections.count > 1 ? .mixed : corrections.contains(true) ? .unbiased : .biased
        return result
    }

    /// The images that the seed draws, read when they are needed.
    private func source(count: Int) -> ImageSource {
        var random = SplitMix64(seed: seed)
        let order = Array((0..<split.count).shuffled(using: &random).prefix(count))
        return split.source(of: order, preprocessing)
    }
}

/// A sum that several threads may add to.
private final class Counter: Sendable {
    private let value = Mutex(0)

    /// The sum with this added.
    func add(_ more: Int) -> Int {
        value.withLock {
            $0 += more
            return $0
        }
    }
}
