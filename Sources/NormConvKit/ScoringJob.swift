import Datasets
import Evaluation
import Inference
import Synchronization
import Tensors
import Threads

/// A network's outcome on each image of a split. Outputs are not kept, so that memory does not grow with the number of
/// classes.
package struct Scores: Sendable {
    /// The images one by one, with the split's labels.
    package internal(set) var outcomes: Outcomes
    /// The largest absolute difference of an output from the baseline's; NaN where one is NaN, nil without a baseline.
    package internal(set) var largestDifference: Double?
    /// Seconds, as in `Outputs`; several networks share the time of what they do together.
    package internal(set) var seconds: Double

    /// Images per second.
    package var imagesPerSecond: Double { seconds > 0 ? Double(outcomes.count) / seconds : 0 }
}

/// Outcomes of consecutive images, from one step of a run.
struct ScoredBlock: Sendable, Codable, Equatable {
    /// The first image.
    var first: Int
    /// The images' labels.
    var labels: [Int]
    /// The images' files, if they have any.
    var files: [String]?
    /// Each network's outcomes.
    var networks: [Network]

    struct Network: Sendable, Codable, Equatable {
        var outcomes: [Outcome]
        /// The largest difference from the baseline; nil if it is not finite.
        var difference: Double?
        var seconds: Double
    }

    var images: Range<Int> { first..<first + labels.count }
}

/// Gathers blocks, in any order.
struct ScoreSheet: Sendable {
    private(set) var scores: [Scores]
    private let baseline: Int?

    /// An empty sheet for networks with these numbers of classes.
    init(labels: [Int], classes: [Int], heads: [Head], baseline: Int?) throws(EvaluationError) {
        scores = []
        self.baseline = baseline
        for (index, (count, head)) in zip(classes, heads).enumerated() {
            scores.append(
                Scores(
                    outcomes: try Outcomes(labels: labels, classes: count, head: head),
                    largestDifference: baseline.flatMap { $0 == index ? nil : 0 }, seconds: 0))
        }
    }

    /// Adds a block. Throws if it contains an image that was added before, or that the split does not have.
    mutating func add(_ block: ScoredBlock) throws(EvaluationError) {
        for (index, network) in zip(scores.indices, block.networks) {
            try scores[index].outcomes.record(network.outcomes, from: block.first)
            scores[index].seconds += network.seconds
            if let largest = scores[index].largestDifference {
                // NaN stays NaN.
                let difference = network.difference ?? .nan
                scores[index].largestDifference =
                    largest.isNaN || difference.isNaN ? .nan : max(largest, difference)
            }
        }
    }

    /// The scores, with the seconds of the whole run.
    mutating func replaceSeconds(by seconds: [Double]) -> [Scores] {
        for (index, seconds) in zip(scores.indices, seconds) { scores[index].seconds = seconds }
        return scores
    }
}

/// Networks to be scored on a split in one pass over its images. Checks that they fit the split.
package struct ScoringJob: Sendable {
    let split: Split
    /// The networks, in the order of the report.
    package let models: [Model]
    let baseline: Int?
    let engine: EngineKind
    let preprocessing: [Preprocessing]
    let labels: [Int]
    let classes: [Int]
    let heads: [Head]
    /// The SHA-256 of each network's file; computed while images are scored.
    let checksums: Parallel<[String]>

    /// `baseline` is the index in `models` of the network that the others are compared with. `preprocessing` is nil for each
    /// network's own.
    ///
    /// Throws before any image is read if a label is not a class of a network, or the split, the networks and the baseline
    /// do not have the same classes.
    package init(
        _ models: [Model], on split: Split, baseline: Int? = nil, preprocessing: Preprocessing? = nil,
        engine: EngineKind = .fast
    ) throws {
        if let baseline, !models.indices.contains(baseline) {
            throw EvaluationError.noSuchBaseline(found: baseline, networks: models.count)
        }
        (self.split, self.models, self.baseline, self.engine) = (split, models, baseline, engine)
        self.preprocessing = models.map { preprocessing ?? $0.preprocessing }
        guard let labels = split.labels else {
            throw FileFailure(path: split.file, cause: EvaluationError.unlabelled)
        }
        let found = try models.map { try $0.classes(of: split) }
        let classes = found.map(\.count)
        (self.labels, self.classes, heads) = (labels, classes, found.map(\.head))
        checksums = Parallel { try models.checksums() }
        _ = try emptySheet()
        if let baseline, let index = classes.firstIndex(where: { $0 != classes[baseline] }) {
            let size = { (classes: Int) in "\(split.count) images and \(classes) classes" }
            throw FileFailure(
                path: models[index].path,
                cause: EvaluationError.notComparable(
                    found: size(classes[index]), expected: size(classes[baseline])))
        }
    }

    /// Scores all images, or the missing images of the partial result's shard. Images of other shards have no outcome in the
    /// result. Throws `PartialError` if the file belongs to another run.
    ///
    /// - Parameters:
    ///   - partial: the partial result to write.
    ///   - workers: how many images or batches are in work at once; nil for all cores.
    ///   - kept: receives the number of images added to the partial result, from any thread; first that of an earlier run.
    ///   - progress: is told how many more images all networks are done with, from any thread.
    package func run(
        keepingIn partial: PartialOptions? = nil, workers: Int? = nil,
        kept: @escaping @Sendable (Int) -> Void = { _ in },
        progress: @escaping @Sendable (Int) -> Void = { _ in }
    ) throws -> [Scores] {
        let journal = try partial.map { try Journal(job: self, $0) }
        let blocks = journal?.blocks ?? []
        var scored = try emptySheet()
        try naming(journal?.path ?? split.file) { for block in blocks { try scored.add(block) } }
        let before = blocks.reduce(0) { $0 + $1.labels.count }
        if journal != nil { kept(before) }
        progress(before)
        let images = (partial?.shard ?? .whole).images(of: split.count)
        let rest = Self.gaps(in: images, without: blocks.map(\.images))
        guard !rest.isEmpty else { return scored.scores }
        let secondsBefore = scored.scores.map(\.seconds)
        // One sheet only: there can be very many images.
        let sheet = Mutex(consume scored)
        let run = try split.jointRun(models, preprocessing, engine: engine, workers: workers)
        let seconds = try run.run(on: rest) { outputs in
            let block = self.block(outputs.images, outputs.outputs, seconds: outputs.seconds)
            if let journal {
                try journal.append(block)
                kept(block.labels.count)
            }
            try sheet.withLock { try $0.add(block) }
            progress(block.labels.count)
        }
        try journal?.finish()
        let total = zip(secondsBefore, seconds).map(+)
        return sheet.withLock { $0.replaceSeconds(by: total) }
    }

    /// Scores of complete outputs, in the order of the networks.
    package func scores(of outputs: [Outputs]) throws -> [Scores] {
        var sheet = try emptySheet()
        try sheet.add(
            block(0..<split.count, outputs.map(\.logits.values), seconds: outputs.map(\.seconds)))
        return sheet.scores
    }

    /// An empty sheet. Throws if a label is not a class.
    private func emptySheet() throws -> ScoreSheet {
        do {
            return try ScoreSheet(labels: labels, classes: classes, heads: heads, baseline: baseline)
        } catch EvaluationError.labelOutOfRange(let image, let label, let classes) {
            let cause = EvaluationError.labelOutOfRange(image: image, label: label, classes: classes)
            let file = split.files.map { "\(split.file): \($0[image])" } ?? split.file
            throw FileFailure(path: file, cause: cause)
        } catch {
            throw FileFailure(path: split.file, cause: error)
        }
    }

    /// The result of complete scores.
    package func result(_ scores: [Scores]) throws -> ScoredSplit {
        try ScoredSplit(RunDescription(self), scores, files: split.files)
    }

    /// The outcomes of outputs.
    private func block(_ images: Range<Int>, _ outputs: [[Float]], seconds: [Double]) -> ScoredBlock {
        let networks = models.indices.map { index in
            var rest = outputs[index][...]
            let (head, width) = (heads[index], heads[index].outputs(classes: classes[index]))
            let outcomes = images.map { image in
                defer { rest = rest.dropFirst(width) }
                return Outcome(outputs: rest.prefix(width), label: labels[image], head: head)
            }
            let difference = baseline.map {
                Comparison.largestDifference(outputs[$0], outputs[index])
            }
            return ScoredBlock.Network(
                outcomes: outcomes, difference: difference.flatMap { $0.isFinite ? $0 : nil },
                seconds: seconds[index])
        }
        return ScoredBlock(
            first: images.lowerBound, labels: Array(labels[images]),
            files: split.files.map { Array($0[images]) },
            networks: networks)
    }

    /// The parts of a range that `others` do not cover. They lie in the range and do not overlap.
    static func gaps(in range: Range<Int>, without done: [Range<Int>]) -> [Range<Int>] {
        var (gaps, next) = ([Range<Int>](), range.lowerBound)
        for part in done.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if part.lowerBound > next { gaps.append(next..<part.lowerBound) }
            next = max(next, part.upperBound)
        }
        if next < range.upperBound { gaps.append(next..<range.upperBound) }
        return gaps
    }
}
