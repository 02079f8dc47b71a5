import Tensors

/// How well a network classifies a split. Encodes to JSON under the properties' names.
public struct Evaluation: Sendable, Equatable, Codable {
    /// Images scored, all of the split.
    public let images: Int
    /// Images for which the network gave a value that is not finite; they count as wrong, and are not in `reliability`
    /// and `confusion`.
    public let nonFinite: Int
    /// Images whose label scores more than every other class.
    public let top1: Proportion
    /// Images whose label is among the five classes that score most; nil under six classes, where it says little.
    public let top5: Proportion?
    /// Mean negative log-likelihood of the labels in nats; nil where an output is not finite.
    public let nll: Estimate?
    /// Mean squared distance of the probabilities from the labels, 0…2; nil where an output is not finite.
    public let brier: Estimate?
    /// Mean of the recalls of the classes that occur among the labels.
    public let meanPerClass: Estimate
    /// Whether confidence is accuracy; nil where no image has finite outputs.
    package let reliability: Reliability?
    /// The classes one by one, in their order.
    public let classes: [ClassScores]
    /// Which classes are taken for which.
    package let confusion: Confusion

    /// Metrics from complete outcomes of at least one labelled image. The intervals of means are bootstrapped with a
    /// fixed seed.
    package init(_ outcomes: Outcomes, classNames: [String]? = nil) throws(EvaluationError) {
        guard let labels = outcomes.labels else { throw .unlabelled }
        let results = try outcomes.complete()
        guard !results.isEmpty else { throw .notComparable(found: "0 images", expected: "at least 1") }
        images = results.count
        nonFinite = results.count { $0.prediction == nil }
        top1 = Proportion(results.count { $0.isCorrect(within: 1) }, of: images)
        top5 =
            outcomes.classes < 6 ? nil : Proportion(results.count { $0.isCorrect(within: 5) }, of: images)
        reliability = Reliability(results)
        classes = ClassScores.all(results, labels: labels, classes: outcomes.classes, names: classNames)
        confusion = Confusion(results, labels: labels)
        (nll, brier, meanPerClass) = Means(results, classes)
            .estimates(Bootstrap(), isFinite: nonFinite == 0)
    }

    /// Metrics from the outputs of a whole split, [images, outputs], before a softmax or sigmoid.
    package init(
        outputs: Tensor, labels: [Int], classNames: [String]? = nil, head: Head = .softmax
    ) throws(EvaluationError) {
        try self.init(Outcomes(outputs: outputs, labels: labels, head: head), classNames: classNames)
    }
}

extension Outcomes {
    /// Outcomes of a whole split's outputs, [images, outputs], before a softmax or sigmoid: one output for a sigmoid's
    /// two classes, else one for each class.
    package init(outputs: Tensor, labels: [Int]?, head: Head = .softmax) throws(EvaluationError) {
        guard outputs.shape.rank == 2, labels.map({ outputs.shape[0] == $0.count }) ?? true,
            head != .sigmoid || outputs.shape[1] == 1
        else {
            let images = labels.map { "\($0.count)" } ?? "images"
            throw .notComparable(
                found: "outputs of shape \(outputs.shape)",
                expected: "[\(images), \(head == .sigmoid ? "1" : "classes")]")
        }
        let classes = head.classes(outputs: outputs.shape[1])
        if let labels {
            try self.init(labels: labels, classes: classes, head: head)
        } else {
            try self.init(images: outputs.shape[0], classes: classes, head: head)
        }
        try record(outputs.values, from: 0)
    }
}
