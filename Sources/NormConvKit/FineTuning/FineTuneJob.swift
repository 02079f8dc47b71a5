import Datasets
import Evaluation
import FineTuning
import Foundation
import Networks
import Reports
import Tensors
import Threads
import Training

/// A fine-tuning: what is trained on which images, worked out and checked before anything is computed.
package struct FineTuneJob: Sendable {
    /// The network, with its new head if it gets one.
    package let model: Model
    package let training: TrainingSplit
    package let validation: Split
    package let options: FineTuneOptions
    let labels: [Int]
    let frozen: Set<String>
    let classWeights: [Double]?
    let standardized: (names: Set<String>, epsilon: Double)
    let classes: Int
    /// Whether a new head takes the place of one with as many outputs.
    package let losesFittingHead: Bool

    /// Checks that network, images and options fit one another.
    package init(
        _ model: Model, on training: Split, validating validation: Split, options: FineTuneOptions
    ) throws {
        try Self.check(model)
        let labels = try Self.labels(of: training, validation, isHeadNew: !options.keepsHead)
        guard training.count >= options.training.batch else {
            throw FineTuningFailure.batchTooLarge(
                file: training.file, found: training.count, batch: options.training.batch)
        }
        let preprocessing = options.preprocessing ?? model.preprocessing
        let drawn = try TrainingSplit(
            training, augmentation: options.augmentation, preprocessing: preprocessing,
            seed: options.training.seed)
        try validation.check(preprocessing)
        guard validation.shape == drawn.shape else {
            throw FineTuningFailure.sizesDiffer(
                file: validation.file, found: validation.shape.description, expected: drawn.shape.description)
        }
        let ready =
            options.keepsHead
            ? model
            : try model.withNewHead(
                outputs: training.namedClasses(labels), classNames: training.classNames)
        classes = try naming(model.path) { try ready.outputCount(imageShape: drawn.shape) }
        if options.keepsHead {
            for split in [training, validation] { try split.checkLabels(classes, of: model.path) }
        }
        losesFittingHead =
            !options.keepsHead && (try? model.outputCount(imageShape: drawn.shape)) == classes
        (self.model, self.training, self.validation) = (ready, drawn, validation)
        (self.options, self.labels) = (options, labels)
        let hasBatchNorms = ready.network.nodes.contains { $0.operation.isBatchNorm }
        frozen = try ready.frozenParameters(
            options.frozen, includesBatchNorms: options.training.batchNorms != .frozen)
        guard options.imagesAtOnce == nil || !hasBatchNorms || options.training.batchNorms != .batch else {
            throw FineTuningFailure.wholeBatch(file: model.path)
        }
        standardized = try naming(model.path) { try ready.standardizedKernels() }
        classWeights = options.classWeights == .balanced ? Self.balanced(labels, classes: classes) : nil
    }

    /// The labels of the training images. Throws where they or those of the validation images are missing, and where a new
    /// head could not learn them.
    private static func labels(
        of training: Split, _ validation: Split, isHeadNew: Bool
    ) throws(FineTuningFailure) -> [Int] {
        guard let labels = training.labels else { throw .noLabels(file: training.file) }
        guard let others = validation.labels else { throw .noLabels(file: validation.file) }
        guard isHeadNew else { return labels }
        if let label = labels.first, labels.allSatisfy({ $0 == label }) {
            throw .oneClass(file: training.file, label: label)
        }
        let classes = training.namedClasses(labels)
        if let most = others.max(), most >= classes {
            throw .unknownLabel(file: validation.file, found: most, classes: classes, training: training.file)
        }
        return labels
    }

    /// Throws where a network cannot be fine-tuned, whatever the images.
    package static func check(_ model: Model) throws {
        guard model.network.input.dimensions == 2 else {
            throw FineTuningFailure.notImages(
                file: model.path, found: model.network.input.dimensions == 3 ? "volumes" : "steps in time")
        }
        try naming(model.path) { try model.checkGraph() }
        if model.network.finalActivation?.activation == .sigmoid {
            throw FineTuningFailure.sigmoidHead(file: model.path)
        }
    }

    /// images / (classes that occur · images of the class); 0 for classes without images.
    private static func balanced(_ labels: [Int], classes: Int) -> [Double] {
        var counts = [Int](repeating: 0, count: classes)
        for label in labels { counts[label] += 1 }
        let occurring = Double(counts.count { $0 > 0 })
        return counts.map { $0 == 0 ? 0 : Double(labels.count) / (occurring * Double($0)) }
    }

    /// The same network and images with other options that change no more than the seed and the steps.
    func with(_ options: FineTuneOptions) throws -> FineTuneJob {
        try FineTuneJob(self, options)
    }

    private init(_ job: FineTuneJob, _ options: FineTuneOptions) throws {
        (model, validation, labels) = (job.model, job.validation, job.labels)
        (frozen, classWeights, classes) = (job.frozen, job.classWeights, job.classes)
        losesFittingHead = job.losesFittingHead
        (standardized, self.options) = (job.standardized, options)
        training = try TrainingSplit(
            job.training.split, augmentation: job.training.augmentation,
            preprocessing: job.training.preprocessing, seed: options.training.seed)
    }

    /// Throws what writing the network would throw, before it is trained.
    package func check(_ output: ConversionOutput) throws {
        try Conversion(model, nil, preprocessing: options.preprocessing).check(output)
    }

    /// A tuner at the start, with other options where they are given.
    func tuner(_ training: FineTuningOptions) throws -> FineTuner {
        try naming(model.path) {
            try FineTuner(
                model.logits, parameters: model.parameters, imageShape: self.training.shape,
                standardized: standardized.names, standardizationEpsilon: standardized.epsilon,
                raw: model.stored, frozen: frozen, classWeights: classWeights,
                keepsUnbiasedVariances: !model.network.family.isKeras, options: training,
                workers: options.workers, workerBytes: options.memory / 4,
                imagesAtOnce: options.imagesAtOnce)
        }
    }

    /// The network with a tuner's parameters.
    func model(_ tensors: [String: Tensor]) -> Model {
        var model = model
        model.replacements.merge(tensors) { _, new in new }
        return model
    }

    /// How the network does on a split.
    func scores(_ tensors: [String: Tensor], on split: Split) throws -> Evaluation {
        let model = model(tensors)
        let outputs = try split.run(
            [model], preprocessing: training.preprocessing, workers: options.workers)[0]
        return try split.evaluate(outputs)
    }

    /// Steps of a pass over the training images; a last batch that is not full is left out.
    var stepsPerEpoch: Int { max(training.count / options.training.batch, 1) }

    /// The images of each step from one on, and the epoch in which they are drawn.
    func batches(from first: Int, to end: Int, of places: [Int]? = nil) -> [(epoch: Int, images: [Int])] {
        let batch = options.training.batch
        let allowed = places.map(Set.init)
        let perEpoch = max((places?.count ?? training.count) / batch, 1)
        var result: [(epoch: Int, images: [Int])] = []
        var (epoch, order): (Int, [Int]) = (-1, [])
        for step in first..<max(first, end) {
            if step / perEpoch != epoch {
                epoch = step / perEpoch
                order = training.order(epoch: epoch).filter { allowed?.contains($0) ?? true }
            }
            let start = step % perEpoch * batch
            result.append((epoch, (start..<start + batch).map { order[$0 % order.count] }))
        }
        return result
    }
}

extension Model {
    /// Parameters that patterns name. Throws where a pattern names none, or all are named.
    func frozenParameters(_ patterns: [String], includesBatchNorms: Bool) throws -> Set<String> {
        func names(includesBatchNorms: Bool) -> [String] {
            ParameterLayout(network, standardized: [], epsilon: 0, includesBatchNorms: includesBatchNorms)
                .entries.map(\.name)
        }
        let all = names(includesBatchNorms: true)
        var frozen: Set<String> = []
        for pattern in patterns {
            let matching = all.filter { Self.matches($0, pattern) }
            guard !matching.isEmpty else {
                throw FineTuningFailure.nothingFrozen(file: path, pattern: pattern, names: all)
            }
            frozen.formUnion(matching)
        }
        guard !Set(names(includesBatchNorms: includesBatchNorms)).isSubset(of: frozen) else {
            throw FineTuningFailure.allFrozen(file: path)
        }
        return frozen
    }

    /// `*` stands for any characters, and the end may be missing: `layer1` names `layer1.0.conv1.weight`.
    static func matches(_ name: String, _ pattern: String) -> Bool {
        let ends = name.indices.filter { "./".contains(name[$0]) } + [name.endIndex]
        return ends.contains { fnmatch(pattern, String(name[..<$0]), 0) == 0 }
    }
}

extension Split {
    /// Classes that have a name or a label.
    fileprivate func namedClasses(_ labels: [Int]) -> Int {
        max(classNames?.count ?? 0, (labels.max() ?? 0) + 1)
    }

    /// Throws where the labels are not of so many classes.
    fileprivate func checkLabels(_ classes: Int, of model: String) throws {
        try checkClasses(classes, of: model)
        if let most = labels?.max(), most >= classes {
            throw SplitFailure.classesUnclear(
                split: file, classes: most + 1, model: model, outputs: classes)
        }
    }
}
