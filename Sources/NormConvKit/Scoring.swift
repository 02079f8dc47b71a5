import Datasets
import Evaluation
import Inference
import Synchronization
import Tensors

/// What a network says of each image of a split. The values themselves are not kept: memory does not grow with the
/// number of classes.
package struct Scores: Sendable {
    /// The images one by one, with the split's labels.
    package internal(set) var outcomes: Outcomes
    /// The largest absolute difference of an output from the baseline's; NaN where one is NaN, nil without a baseline.
    package internal(set) var largestDifference: Double?
    /// Seconds, as `Outputs` counts them; of several runs together for what they share.
    package internal(set) var seconds: Double

    /// Images per second.
    package var imagesPerSecond: Double { seconds > 0 ? Double(outcomes.count) / seconds : 0 }
}

/// Outcomes of consecutive images, as one step of a run gives them.
struct ScoredBlock: Sendable, Codable, Equatable {
    /// The first image.
    var first: Int
    /// The images' labels.
    var labels: [Int]
    /// The images' files, where they have some.
    var files: [String]?
    /// What each network says.
    var networks: [Network]

    struct Network: Sendable, Codable, Equatable {
        var outcomes: [Outcome]
        /// The largest difference from the baseline; nil where it is not finite.
        var difference: Double?
        var seconds: Double
    }

    var images: Range<Int> { first..<first + labels.count }
}

/// Gathers blocks, in any order.
struct ScoreSheet: Sendable {
    private(set) var scores: [Scores]
    private let baseline: Int?

    /// No scores yet of networks with so many classes.
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

    /// Adds a block; throws where one of its images has been there, or is none.
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

    /// The scores with seconds that a run measured as a whole.
    mutating func replaceSeconds(by seconds: [Double]) -> [Scores] {
        for (index, seconds) in zip(scores.indices, seconds) { scores[index].seconds = seconds }
        return scores
    }
}

/// Networks to be scored on a split in one pass over its images, checked to go with it.
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
    /// The SHA-256 of each network's file.
    let checksums: [String]

    /// `baseline` is a place in `models`, whose outputs the others' are compared with; preprocessing is what goes with
    /// each network where it is nil.
    ///
    /// Throws where a label is no class of a network, the split's classes are not the network's, or the baseline has
    /// other classes: before any image is read.
    package init(
        _ models: [Model], on split: Split, baseline: Int? = nil, preprocessing: Preprocessing? = nil,
        engine: EngineKind = .fast
    ) throws {
        (self.split, self.models, self.baseline, self.engine) = (split, models, baseline, engine)
        self.preprocessing = models.map { preprocessing ?? $0.preprocessing }
        guard let labels = split.labels else {
            throw FileFailure(path: split.file, cause: EvaluationError.unlabelled)
        }
        let found = try models.map { try $0.classes(of: split) }
        let classes = found.map(\.count)
        (self.labels, self.classes, heads) = (labels, classes, found.map(\.head))
        checksums = try models.checksums()
        _ = try emptySheet()
        if let baseline, let index = classes.firstIndex(where: { $0 != classes[baseline] }) {
            let size = { (classes: Int) in "\(split.count) images and \(classes) classes" }
            throw FileFailure(
                path: models[index].path,
                cause: EvaluationError.notComparable(
                    found: size(classes[index]), expected: size(classes[baseline])))
        }
    }

    /// Scores all images, or those of the partial result's shard that it does not have yet; images of other shards are
    /// without an outcome in what is returned. Throws `PartialError` where the file is of another run.
    ///
    /// - Parameters:
    ///   - partial: where what is done is kept.
    ///   - workers: how many images or batches are in work at once; all cores where it is nil.
    ///   - kept: is told how many more images the partial result's file holds, from any thread: first those that an
    ///     earlier run has done.
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
        // One sheet only: there may be very many images.
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

    /// Scores of outputs that are there as a whole, of these networks in their order.
    package func scores(of outputs: [Outputs]) throws -> [Scores] {
        var sheet = try emptySheet()
        try sheet.add(
            block(0..<split.count, outputs.map(\.logits.values), seconds: outputs.map(\.seconds)))
        return sheet.scores
    }

    /// No scores yet; throws where a label is no class.
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

    /// The figures of complete scores.
    package func result(_ scores: [Scores]) throws -> ScoredSplit {
        try ScoredSplit(RunDescription(self), scores, files: split.files)
    }

    /// What outputs say.
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

    /// What is left of a range without others, which are parts of it and do not overlap.
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
