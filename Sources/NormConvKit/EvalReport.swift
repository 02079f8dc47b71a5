import Datasets
import Evaluation

/// How well a network classifies a split, for machines.
public struct EvalReport: Codable, Sendable {
    /// The form of this report.
    public var schemaVersion = 1
    /// The network's file.
    public var model: String
    /// The split's file.
    public var data: String
    /// The engine that ran the network.
    public var engine: String
    /// What was done to the pixels.
    public var preprocess: String
    /// How image files came to one size; absent for arrays.
    public var transform: String?
    /// Image files that were left out because they cannot be read; absent where there are none.
    public var broken: [Split.BrokenImage]?
    /// Images scored: all of the split but the broken ones.
    public var images: Int
    /// Images per second, without opening files and packing weights.
    public var imagesPerSecond: Double
    /// Images with an output that is not finite; they count as wrong.
    public var nonFinite: Int
    /// Share of images whose label scores most, with its 95 % interval (Wilson).
    public var top1: Proportion
    /// Share of images whose label is among the five that score most; absent under 6 classes.
    public var top5: Proportion?
    /// Mean negative log-likelihood in nats.
    public var nll: Double?
    /// Mean of the accuracies of the classes.
    public var meanPerClass: Double
    /// Accuracy by class.
    public var classes: [Evaluation.ClassAccuracy]
    /// The comparison with another network.
    public var against: Against?

    /// A second network on the same images.
    public struct Against: Codable, Sendable {
        /// The other network's file.
        public var model: String
        /// What was done to the pixels for it.
        public var preprocess: String
        /// Its top-1.
        public var top1: Proportion
        /// Its images per second.
        public var imagesPerSecond: Double
        /// The two compared; the other network is "before".
        public var comparison: Comparison
    }

    /// Scores a network's outputs.
    public init(model: Model, split: Split, outputs: Outputs, engine: EngineKind) throws {
        let evaluation = try split.evaluate(outputs)
        self.model = model.path
        data = split.file
        self.engine = engine.rawValue
        transform = split.transform?.description
        broken = split.broken.isEmpty ? nil : split.broken
        preprocess = outputs.preprocessing.description
        images = evaluation.images
        imagesPerSecond = outputs.imagesPerSecond
        nonFinite = evaluation.nonFinite
        top1 = evaluation.top1
        top5 = evaluation.top5
        nll = evaluation.nll
        meanPerClass = evaluation.meanPerClass
        classes = evaluation.classes
    }

    /// Adds the comparison with the outputs of another network on the same split.
    public mutating func compare(
        _ outputs: Outputs, with other: Model, _ otherOutputs: Outputs, on split: Split
    ) throws {
        against = Against(
            model: other.path, preprocess: otherOutputs.preprocessing.description,
            top1: try split.evaluate(otherOutputs).top1, imagesPerSecond: otherOutputs.imagesPerSecond,
            comparison: try Comparison(
                before: otherOutputs.logits, after: outputs.logits, labels: split.labels))
    }
}
