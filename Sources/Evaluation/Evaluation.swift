import Tensors

/// How well a network classifies a split. Encodes to JSON under the properties' names.
public struct Evaluation: Sendable, Equatable, Codable {
    /// Images scored, all of the split.
    public let images: Int
    /// Images for which the network gave a value that is not finite; they count as wrong.
    public let nonFinite: Int
    /// Images whose label scores more than every other class.
    public let top1: Proportion
    /// Images whose label is among the five classes that score most; nil under six classes, where it says little.
    public let top5: Proportion?
    /// Mean negative log-likelihood of the labels in nats; nil where an output is not finite.
    public let nll: Double?
    /// Mean of the accuracies of the classes that occur among the labels.
    public let meanPerClass: Double
    /// Accuracy by class, in the classes' order.
    public let classes: [ClassAccuracy]

    /// Top-1 accuracy on the images of one label.
    public struct ClassAccuracy: Sendable, Equatable, Codable {
        /// The label.
        public let index: Int
        /// The class' name, where the split has names.
        public let name: String?
        /// Images of this label.
        public let images: Int
        /// Those of them that are classified right.
        public let correct: Int
        /// `correct` / `images`; nil without images.
        public let accuracy: Double?
    }

    /// Metrics from complete outcomes of at least one labelled image.
    public init(_ outcomes: Outcomes, classNames: [String]? = nil) throws(EvaluationError) {
        guard let labels = outcomes.labels else { throw .unlabelled }
        let results = try outcomes.complete()
        guard !results.isEmpty else { throw .notComparable(found: "0 images", expected: "at least 1") }
        images = results.count
        nonFinite = results.count { $0.prediction == nil }
        top1 = Proportion(results.count { $0.isCorrect(within: 1) }, of: images)
        top5 =
            outcomes.classes < 6 ? nil : Proportion(results.count { $0.isCorrect(within: 5) }, of: images)
        nll = nonFinite > 0 ? nil : results.reduce(0.0) { $0 + ($1.loss ?? 0) } / Double(images)

        var totals = [Int](repeating: 0, count: outcomes.classes)
        var correct = totals
        for (label, result) in zip(labels, results) {
            totals[label] += 1
            if result.isCorrect(within: 1) { correct[label] += 1 }
        }
        classes = totals.indices.map { index in
            let name = classNames.flatMap { $0.indices.contains(index) ? $0[index] : nil }
            let accuracy = totals[index] == 0 ? nil : Double(correct[index]) / Double(totals[index])
            return ClassAccuracy(
                index: index, name: name, images: totals[index], correct: correct[index], accuracy: accuracy)
        }
        let accuracies = classes.compactMap(\.accuracy)
        meanPerClass = accuracies.reduce(0, +) / Double(accuracies.count)
    }

    /// Metrics from the outputs of a whole split, [images, classes], before softmax.
    public init(outputs: Tensor, labels: [Int], classNames: [String]? = nil) throws(EvaluationError) {
        let expected = "[\(labels.count), classes]"
        guard outputs.shape.rank == 2, outputs.shape[0] == labels.count else {
            throw .notComparable(found: "outputs of shape \(outputs.shape)", expected: expected)
        }
        var outcomes = try Outcomes(labels: labels, classes: outputs.shape[1])
        try outcomes.record(outputs.values, from: 0)
        try self.init(outcomes, classNames: classNames)
    }
}
