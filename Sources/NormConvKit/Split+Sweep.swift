import Datasets
import Evaluation
import Foundation
import Inference
import Training
import Networks
import Reports
import Tensors
import Threads

/// How networks are run at several batch sizes.
package struct SweepOptions: Sendable {
    /// Batch sizes. Order and duplicates do not matter.
    package var batchSizes = [1, 2, 4, 8, 16, 32, 64]
    /// Number of shuffles, at least 1.
    package var shuffles = 3
    /// The random seed. Every network and batch size has the same shuffles.
    package var seed: UInt64 = 0
    /// The preprocessing for all networks; nil for each network's own.
    package var preprocessing: Preprocessing?
    /// Threads; nil for all cores. The results do not depend on it.
    package var workers: Int?

    /// The default sizes.
    package init() {}
}

/// Why networks cannot be run at these batch sizes.
package enum SweepFailure: Error, Equatable, CustomStringConvertible {
    /// No network has a batch norm: the batch does not matter.
    case noBatchNorm(models: [String])
    /// A batch of no images.
    case batchTooSmall(found: Int)
    /// A batch size larger than the split.
    case batchTooLarge(found: Int, split: String, images: Int)
    /// No batch sizes, or no shuffles.
    case nothingToDo(what: String)

    /// The message in one line.
    package var description: String {
        switch self {
        case .noBatchNorm(let models):
            "\(models.listed()): no batch norms; give at least one network that has them"
        case .batchTooSmall(let found): "a batch size of \(found), expected at least 1"
        case .batchTooLarge(let found, let split, let images):
            "\(split): \(images) images, expected at least as many as the batch size \(found) (--batch-sizes)"
        case .nothingToDo(let what): "no \(what), expected at least one"
        }
    }
}

extension Split {
    /// Top-1 error of networks against the batch size: batch norms take their statistics from the batch, as in training.
    ///
    /// Each shuffle is divided into batches of consecutive images, and each image is scored once. If the last batch is not
    /// full, images from the start of the shuffle fill it and are not scored again. A network without batch norms runs once.
    ///
    /// - Parameters:
    ///   - models: the networks, at least one with batch norms.
    ///   - options: batch sizes and shuffles.
    ///   - progress: receives the number of images done since the last call, of `sweepLength`.
    package func sweep(
        _ models: [Model], options: SweepOptions = SweepOptions(),
        progress: @escaping @Sendable (Int) -> Void = { _ in }
    ) throws -> SweepReport {
        let sizes = try batchSizes(models, options)
        for model in models { _ = try model.classes(of: self) }
        let checksums = Parallel { try models.checksums() }
        let stored = try run(
            models, preprocessing: options.preprocessing, workers: options.workers, progress: progress)
        var random = SplitMix64(seed: options.seed)
        let orders = (0..<options.shuffles).map { _ in Array(0..<count).shuffled(using: &random) }
        let networks = try zip(models, zip(stored, checksums.value())).map { model, found in
            let (stored, checksum) = found
            let head = try model.classes(of: self).head
            let error = Proportion(try wrong(stored.logits, head), of: count)
            let norms = model.logits.batchNormCount
            var points = sizes.map { SweepReport.Point(batchSize: $0, errors: [error.value]) }
            if norms > 0 {
                let run = try BatchRun(model, on: self, stored.preprocessing, workers: options.workers)
                points = try sizes.map { size in
                    // A batch of one is the same in every order.
                    let errors = try orders.prefix(size == 1 ? 1 : orders.count).map { order in
                        let logits = try run.logits(order, batchSize: size, progress: progress)
                        return Double(try wrong(logits, head)) / Double(count)
                    }
                    return SweepReport.Point(batchSize: size, errors: errors)
                }
            }
            var network = SweepReport.Network(
                model: model.path, preprocess: stored.preprocessing.description, batchNorms: norms,
                stored: error, points: points)
            (network.conversion, network.sha256) = (model.note?.summary, checksum)
            return network
        }
        var report = SweepReport(
            version: normconvVersion, data: file, images: count, shuffles: options.shuffles,
            seed: options.seed, models: networks)
        report.transform = transform?.description
        report.broken =
            broken.isEmpty ? nil : broken.map { EvalReport.Broken(file: $0.file, reason: $0.reason) }
        return report
    }

    /// The number of images that a sweep runs through networks, each counted every time.
    package func sweepLength(_ models: [Model], options: SweepOptions = SweepOptions()) -> Int {
        let runs = Set(options.batchSizes).filter { (1...max(count, 1)).contains($0) }.reduce(0) {
            sum, size in
            sum + BatchRun.length(count, size) * (size == 1 ? 1 : options.shuffles)
        }
        return count + runs * models.count { $0.logits.batchNormCount > 0 }
    }

    /// The batch sizes in order, checked.
    private func batchSizes(_ models: [Model], _ options: SweepOptions) throws(SweepFailure) -> [Int] {
        let sizes = Set(options.batchSizes).sorted()
        guard let least = sizes.first, let most = sizes.last else {
            throw .nothingToDo(what: "batch sizes")
        }
        guard options.shuffles > 0 else { throw .nothingToDo(what: "shuffles") }
        guard least > 0 else { throw .batchTooSmall(found: least) }
        guard most <= count else { throw .batchTooLarge(found: most, split: file, images: count) }
        guard models.contains(where: { $0.logits.batchNormCount > 0 }) else {
            throw .noBatchNorm(models: models.map(\.path))
        }
        return sizes
    }

    /// The number of wrong images: the label is not more probable than every other class.
    private func wrong(_ logits: Tensor, _ head: Head) throws -> Int {
        try naming(file) {
            try Outcomes(outputs: logits, labels: labels ?? [], head: head).complete()
                .count { !$0.isCorrect(within: 1) }
        }
    }
}

/// A network with batch norms, on a split in any order.
private struct BatchRun {
    let engine: BatchStatisticsEngine
    let images: ImageSource

    init(_ model: Model, on split: Split, _ preprocessing: Preprocessing, workers: Int?) throws {
        let shape = split.shape
        let workers = workers ?? ProcessInfo.processInfo.activeProcessorCount
        engine = try naming(model.path) {
            try BatchStatisticsEngine(
                network: model.logits, parameters: model.parameters, imageShape: shape, workers: workers)
        }
        images = try split.source(preprocessing, workers: workers)
    }

    /// The number of images in a run of whole batches.
    static func length(_ count: Int, _ batchSize: Int) -> Int {
        (count + batchSize - 1) / batchSize * batchSize
    }

    /// Values before a final softmax or sigmoid, [images, outputs], in the split's own order.
    func logits(
        _ order: [Int], batchSize: Int, progress: @escaping @Sendable (Int) -> Void
    ) throws -> Tensor {
        let (images, size) = (images, images.shape.count)
        let shuffled = ImageSource(
            count: Self.length(order.count, batchSize), shape: images.shape
        ) { range, buffer in
            for (place, index) in range.enumerated() {
                let image = order[index % order.count]
                let part = UnsafeMutableBufferPointer(rebasing: buffer[place * size..<(place + 1) * size])
                try images.load(image..<image + 1, part)
            }
        }
        let found = try engine.run(on: shuffled, batchSize: batchSize, progress: progress)
        let width = engine.outputCount
        var logits = Tensor(shape: [order.count, width], repeating: 0)
        for (place, image) in order.enumerated() {
            logits.values.replaceSubrange(
                image * width..<(image + 1) * width, with: found[place * width..<(place + 1) * width])
        }
        return logits
    }
}

extension Split {
    /// The images for repeated reads in any order. Kept in memory if they take at most 1 GiB.
    fileprivate func source(_ preprocessing: Preprocessing, workers: Int) throws -> ImageSource {
        let shape = shape
        let read: ImageSource.Load = { range, buffer in
            try self.read(range, into: buffer, preprocessing: preprocessing)
        }
        try check(preprocessing)
        guard count <= (1 << 30) / (shape.count * MemoryLayout<Float>.stride) else {
            return ImageSource(count: count, shape: shape, load: read)
        }
        let store = try ActivationStore(shape: shape, count: count)
        try inOrder(count: count, part: 32, workers: workers) { range in
            var values = [Float](repeating: 0, count: range.count * shape.count)
            try values.withUnsafeMutableBufferPointer { buffer in
                try read(range, buffer)
                store.store(range, UnsafeBufferPointer(buffer))
            }
        } merge: { _ in
        }
        return ImageSource(count: count, shape: shape) { store.load($0, $1) }
    }
}
