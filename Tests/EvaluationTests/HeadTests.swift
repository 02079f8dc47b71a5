import Foundation
import Tensors
import Testing

@testable import Evaluation

@Suite("Sigmoid heads")
struct HeadTests {
    /// Values before a sigmoid that Float32 holds exactly, on both sides of 0, some of them the same.
    private static let values: [Float] = [
        -6, -2.5, -0.75, 0.125, 0.5, 1.25, 3, 7.5, -0.25, 2, 0.5, -4, 1, -1, 0.375,
    ]
    private static let labels = [0, 0, 1, 0, 1, 1, 1, 1, 0, 0, 1, 1, 1, 0, 1]

    private func evaluation() throws -> Evaluation {
        try Evaluation(
            outputs: Tensor(shape: [Self.values.count, 1], values: Self.values), labels: Self.labels,
            head: .sigmoid)
    }

    @Test(
        "One sigmoid: NLL is binary cross-entropy and Brier the sum over both classes, by the formulas in Double"
    )
    func binaryMeans() throws {
        let found = try evaluation()
        let p = Self.values.map { 1 / (1 + exp(-Double($0))) }
        let pairs = zip(p, Self.labels.map(Double.init))
        let count = Double(p.count)
        let nll = pairs.reduce(0.0) { $0 - $1.1 * log($1.0) - (1 - $1.1) * log(1 - $1.0) } / count
        let brier = pairs.reduce(0.0) { $0 + 2 * ($1.0 - $1.1) * ($1.0 - $1.1) } / count
        #expect(abs(try #require(found.nll).value - nll) < 1e-12)
        #expect(abs(try #require(found.brier).value - brier) < 1e-12)
    }

    @Test("One sigmoid: image by image, prediction, loss, confidence and Brier are those of p and 1 − p")
    func binaryOutcomes() {
        for (value, label) in zip(Self.values, Self.labels) {
            let outcome = Outcome(outputs: [value], label: label, head: .sigmoid)
            let p = 1 / (1 + exp(-Double(value)))
            #expect(outcome.prediction == (p > 0.5 ? 1 : 0))
            #expect(outcome.isCorrect(within: 1) == ((p > 0.5) == (label == 1)))
            #expect(abs((outcome.loss ?? .nan) + log(label == 1 ? p : 1 - p)) < 1e-12)
            #expect(abs((outcome.confidence ?? .nan) - max(p, 1 - p)) < 1e-12)
            #expect(abs((outcome.brier ?? .nan) - 2 * (p - Double(label)) * (p - Double(label))) < 1e-12)
        }
    }

    @Test("One sigmoid: ECE is of max(p, 1 − p), by the definition")
    func binaryReliability() throws {
        var (accuracy, confidence) = ([Double](repeating: 0, count: 15), [Double](repeating: 0, count: 15))
        for (value, label) in zip(Self.values, Self.labels) {
            let p = 1 / (1 + exp(-Double(value)))
            let bin = min(Int((max(p, 1 - p) * 15).rounded(.up)) - 1, 14)
            accuracy[bin] += (p > 0.5) == (label == 1) ? 1 : 0
            confidence[bin] += max(p, 1 - p)
        }
        let ece = zip(accuracy, confidence).reduce(0) { $0 + abs($1.0 - $1.1) } / Double(Self.values.count)
        #expect(abs(try #require(evaluation().reliability).ece - ece) < 1e-12)
    }

    @Test("One sigmoid: two classes, each with its images, predictions and recall, and no top-5")
    func binaryClasses() throws {
        let found = try evaluation()
        // p > 0.5 where the value is above 0: images 3–7, 9, 10, 12 and 14; of class 1 are 2, 4–7, 10–12 and 14.
        #expect(found.top1 == Proportion(11, of: 15))
        #expect(found.top5 == nil)
        #expect(found.classes.map(\.images) == [6, 9])
        #expect(found.classes.map(\.predicted) == [6, 9])
        #expect(found.classes.map(\.correct) == [4, 7])
        #expect(abs(found.meanPerClass.value - (4.0 / 6 + 7.0 / 9) / 2) < 1e-15)
        let cells = found.confusion.cells.map { [$0.label, $0.prediction, $0.images] }
        #expect(cells == [[0, 0, 4], [0, 1, 2], [1, 0, 2], [1, 1, 7]])
    }

    @Test("p of just a half counts against the network for both classes, and is said to be class 0")
    func half() {
        for label in 0...1 {
            let outcome = Outcome(outputs: [0], label: label, head: .sigmoid)
            #expect(outcome.prediction == 0 && !outcome.isCorrect(within: 1))
            #expect(abs((outcome.loss ?? 0) - log(2.0)) < 1e-15)
        }
    }

    @Test("Large values neither overflow nor lose the likelihood", arguments: [Float(1000), 3e38])
    func large(value: Float) {
        #expect(Outcome(outputs: [-value], label: 1, head: .sigmoid).loss == Double(value))
        #expect(Outcome(outputs: [value], label: 1, head: .sigmoid).loss == 0)
        let several = Outcome(outputs: [-value, 0], label: 0, head: .normalizedSigmoids)
        #expect(several.loss == Double(value) + log(0.5))
    }

    @Test(
        "Several sigmoids are divided by their sum, as Keras' sparse_categorical_crossentropy does",
        arguments: [
            ([2, -1, 0.5], 0, 0.6991484995167213), ([-3, -2, -4], 1, 0.43744533555950943),
            ([0, 0, 1.5], 2, 0.7989161848417257), ([4, 5, -6], 0, 0.7001317887709468),
        ] as [([Float], Int, Double)])
    func severalSigmoids(outputs: [Float], label: Int, keras: Double) {
        let outcome = Outcome(outputs: outputs[...], label: label, head: .normalizedSigmoids)
        let sigmoids = outputs.map { 1 / (1 + exp(-Double($0))) }
        let p = sigmoids.map { $0 / sigmoids.reduce(0, +) }
        let brier = p.enumerated().reduce(0.0) { sum, entry in
            let distance = entry.element - (entry.offset == label ? 1 : 0)
            return sum + distance * distance
        }
        #expect(outcome.prediction == outputs.firstIndex(of: outputs.max() ?? 0))
        #expect(abs((outcome.loss ?? .nan) + log(p[label])) < 1e-12)
        #expect(abs((outcome.loss ?? .nan) - keras) < 1e-12)
        #expect(abs((outcome.confidence ?? .nan) - (p.max() ?? 0)) < 1e-12)
        #expect(abs((outcome.brier ?? .nan) - brier) < 1e-12)
    }

    @Test(
        "An output that is not finite is no prediction, whatever the head",
        arguments: Head.allCases, [Float.nan, .infinity, -.infinity])
    func nonFinite(head: Head, value: Float) {
        let outputs = head == .sigmoid ? [value] : [0, value]
        let outcome = Outcome(outputs: outputs[...], label: 0, head: head)
        #expect(outcome.prediction == nil && outcome.loss == nil && !outcome.isCorrect(within: 1))
    }

    @Test("Blocks of one sigmoid's outputs give the same to the last bit, in any order")
    func blocks() throws {
        let whole = try evaluation()
        for size in 1...15 {
            var outcomes = try Outcomes(labels: Self.labels, classes: 2, head: .sigmoid)
            for first in stride(from: 0, to: 15, by: size).reversed() {
                try outcomes.record(Array(Self.values[first..<min(first + size, 15)]), from: first)
            }
            #expect(try Evaluation(outcomes) == whole)
        }
    }

    @Test("Networks of one sigmoid agree where their values have one sign")
    func agreement() throws {
        let before = Tensor(shape: [4, 1], values: [1, -1, 2, -2])
        let after = Tensor(shape: [4, 1], values: [0.5, 1, 3, -3])
        let found = try Comparison(before: before, after: after, labels: [1, 0, 0, 0], head: .sigmoid)
        #expect(found.changed == [1])
        #expect(found.agreement == Proportion(3, of: 4))
        #expect(found.paired?.lost == [1] && found.paired?.gained == [])
    }

    @Test("A sigmoid of two classes has one output")
    func width() {
        let expected = EvaluationError.notComparable(found: "outputs of shape 1×2", expected: "[1, 1]")
        #expect(throws: expected) {
            try Outcomes(outputs: Tensor(shape: [1, 2], values: [0, 1]), labels: [0], head: .sigmoid)
        }
    }

    @Test("Labels of 1…N are told from others beyond the classes", arguments: [Head.softmax, .sigmoid])
    func countingFromOne(head: Head) {
        #expect(throws: EvaluationError.labelsCountFromOne(classes: 2)) {
            try Outcomes(labels: [1, 2, 1], classes: 2, head: head)
        }
        for labels in [[0, 2], [1, 3]] {
            #expect(throws: EvaluationError.labelOutOfRange(image: 1, label: labels[1], classes: 2)) {
                try Outcomes(labels: labels, classes: 2, head: head)
            }
        }
    }
}
