import Foundation

/// The result of one image, stored instead of its outputs.
package struct Outcome: Sendable, Equatable, Codable {
    /// The most probable class, the first of equal ones; nil if an output is not finite.
    package let prediction: Int?
    /// The number of other classes that score at least as much as the label; nil without a label or if an output is not
    /// finite. Ties count as errors.
    package let rivals: Int?
    /// −log p(label) in nats, p the head's probabilities; nil if `rivals` is.
    package let loss: Double?
    /// The probability of the prediction; nil if `prediction` is.
    package let confidence: Double?
    /// Σ(p − one at the label)², 0…2 (Brier 1950); nil if `rivals` is.
    package let brier: Double?

    /// The outcome of one image; `outputs` are values before a softmax or sigmoid, as many as the head has for its
    /// classes, and `label` is one of the classes.
    package init(outputs: ArraySlice<Float>, label: Int?, head: Head = .softmax) {
        let scores = outputs.allSatisfy(\.isFinite) ? head.scores(of: outputs) : []
        guard let largest = scores.max(), let prediction = scores.firstIndex(of: largest) else {
            (prediction, rivals, loss, confidence, brier) = (nil, nil, nil, nil, nil)
            return
        }
        self.prediction = prediction
        // Shift by the largest value, so that no exponential overflows. Sum without the label, so that 1 − p keeps its precision.
        var (others, squares, labelPower) = (0.0, 0.0, 0.0)
        for (index, score) in scores.enumerated() {
            let power = exp(score - largest)
            if index == label {
                labelPower = power
            } else {
                others += power
                squares += power * power
            }
        }
        let sum = others + labelPower
        confidence = 1 / sum
        guard let label, scores.indices.contains(label) else {
            (rivals, loss, brier) = (nil, nil, nil)
            return
        }
        rivals = scores.count { $0 >= scores[label] } - 1
        loss = log(sum) + largest - scores[label]
        brier = (squares + others * others) / (sum * sum)
    }

    init(prediction: Int?, rivals: Int?, loss: Double?, confidence: Double?, brier: Double?) {
        (self.prediction, self.rivals, self.loss) = (prediction, rivals, loss)
        (self.confidence, self.brier) = (confidence, brier)
    }

    /// Whether the label is among the k classes that score most. Ties count as errors.
    package func isCorrect(within k: Int) -> Bool { rivals.map { $0 < k } ?? false }

    /// Whether it has a score for the label: there is a label, and all outputs are finite.
    var isLabelled: Bool { (prediction == nil) == (rivals == nil) }

    /// Whether this is possible with a number of classes. Checks outcomes that were read from a file.
    func isPossible(classes: Int) -> Bool {
        let numbers = [confidence, loss, brier].compactMap { $0 }
        let range = 0..<min(classes, Int(Int32.max))
        return [prediction, rivals].allSatisfy { $0.map(range.contains) ?? true }
            && (prediction == nil) == (confidence == nil) && (rivals == nil) == (loss == nil)
            && (loss == nil) == (brier == nil) && numbers.allSatisfy(\.isFinite)
            && (confidence.map { (0...1).contains($0) } ?? true)
    }
}

/// The outcomes of a split's images, recorded in blocks in any order. Results depend only on the outputs: they are
/// always summed in the images' order.
package struct Outcomes: Sendable {
    /// The classes of the network.
    package let classes: Int
    /// How outputs become the classes' probabilities.
    package let head: Head
    /// One label per image, if the split has labels.
    package let labels: [Int]?
    private var outcomes: OutcomeList

    /// An empty list for `images` images without labels.
    package init(images: Int, classes: Int, head: Head = .softmax) throws(EvaluationError) {
        try self.init(images: images, labels: nil, classes: classes, head: head)
    }

    /// An empty list for images with these labels.
    package init(labels: [Int], classes: Int, head: Head = .softmax) throws(EvaluationError) {
        try self.init(images: labels.count, labels: labels, classes: classes, head: head)
    }

    private init(images: Int, labels: [Int]?, classes: Int, head: Head) throws(EvaluationError) {
        guard classes >= 2 else { throw .tooFewClasses(found: classes) }
        if let labels, labels.min() == 1, labels.max() == classes {
            throw .labelsCountFromOne(classes: classes)
        }
        if let labels, let image = labels.firstIndex(where: { !(0..<classes).contains($0) }) {
            throw .labelOutOfRange(image: image, label: labels[image], classes: classes)
        }
        (self.classes, self.head) = (classes, head)
        self.labels = labels
        outcomes = OutcomeList(unrecorded: images)
    }

    /// The number of images of the split.
    package var count: Int { outcomes.count }

    /// Records the outputs of consecutive images from `first` on: values before a softmax or sigmoid, as many for each
    /// image as the head has.
    package mutating func record(_ outputs: [Float], from first: Int)
        throws(EvaluationError)
    {
        let width = head.outputs(classes: classes)
        guard outputs.count % width == 0 else {
            throw .wrongOutputCount(found: outputs.count, classes: classes)
        }
        let images = outputs.count / width
        try checkPlace(first, images)
        var rest = outputs[...]
        for image in first..<first + images {
            outcomes[image] = Outcome(outputs: rest.prefix(width), label: labels?[image], head: head)
            rest = rest.dropFirst(width)
        }
    }

    /// Records outcomes of consecutive images from `first` on, as another run gave them.
    package mutating func record(_ results: [Outcome], from first: Int) throws(EvaluationError) {
        try checkPlace(first, results.count)
        for (image, result) in zip(first..., results) {
            guard result.isPossible(classes: classes), labels == nil || result.isLabelled else {
                throw .impossible(image: image, classes: classes)
            }
            outcomes[image] = result
        }
    }

    /// Throws unless these are images of the split without an outcome.
    private func checkPlace(_ first: Int, _ images: Int) throws(EvaluationError) {
        guard first >= 0, first <= count, images <= count - first else {
            throw .imageOutOfRange(first: first, last: first + images - 1, images: count)
        }
        if let image = (first..<first + images).first(where: outcomes.isRecorded) {
            throw .recordedTwice(image: image)
        }
    }

    /// All outcomes in the images' order; throws unless every image has one.
    package func complete() throws(EvaluationError) -> OutcomeList {
        let missing = outcomes.indices.lazy.filter { !outcomes.isRecorded($0) }
        if let first = missing.first { throw .notRecorded(images: missing.count, first: first) }
        return outcomes
    }
}
