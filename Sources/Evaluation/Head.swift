import Foundation

/// How a classifier's outputs become the probabilities of its classes.
package enum Head: String, Sendable, Codable, CaseIterable {
    /// An output z for each class: p = eᶻ / Σ eᶻ.
    case softmax
    /// One output z for two classes: p(1) = 1 / (1 + e⁻ᶻ), p(0) = 1 − p(1).
    case sigmoid
    /// An output z for each class, each with a sigmoid σ of its own: p = σ(z) / Σ σ(z), as Keras' categorical
    /// cross-entropies read such outputs.
    case normalizedSigmoids = "normalized-sigmoids"

    /// The number of classes for a number of outputs.
    package func classes(outputs: Int) -> Int { self == .sigmoid ? outputs + 1 : outputs }

    /// The number of outputs for a number of classes.
    package func outputs(classes: Int) -> Int { self == .sigmoid ? classes - 1 : classes }

    /// One value per class; their softmax is the probabilities. `outputs` must be finite.
    func scores(of outputs: ArraySlice<Float>) -> [Double] {
        switch self {
        case .softmax: outputs.map { Double($0) }
        case .sigmoid: [0] + outputs.map { Double($0) }
        case .normalizedSigmoids: outputs.map { Self.logSigmoid(Double($0)) }
        }
    }

    /// log σ(z), accurate if σ(z) or 1 − σ(z) is tiny.
    private static func logSigmoid(_ z: Double) -> Double {
        z < 0 ? z - log1p(exp(z)) : -log1p(exp(-z))
    }
}

/// How a network does on one class.
public struct ClassScores: Sendable, Equatable, Codable {
    /// The class.
    public let index: Int
    /// Its name, where the split has names.
    public let name: String?
    /// Images of the class.
    public let images: Int
    /// Images that the network takes for the class.
    public let predicted: Int
    /// Images of the class that it classifies right.
    public let correct: Int
    /// `correct` of `images`, the class' top-1; nil without images.
    public let recall: Proportion?
    /// `correct` of `predicted`; nil where nothing is taken for the class.
    public let precision: Proportion?
    /// 2 · `correct` / (`images` + `predicted`), the harmonic mean of the two; nil where both sums are 0.
    public let f1: Double?

    /// The scores of all classes, in their order.
    static func all(_ outcomes: OutcomeList, labels: [Int], classes: Int, names: [String]?) -> [Self] {
        var images = [Int](repeating: 0, count: classes)
        var (predicted, correct) = (images, images)
        for (label, outcome) in zip(labels, outcomes) {
            images[label] += 1
            if let prediction = outcome.prediction { predicted[prediction] += 1 }
            if outcome.isCorrect(within: 1) { correct[label] += 1 }
        }
        return (0..<classes).map { index in
            let (images, predicted, correct) = (images[index], predicted[index], correct[index])
            return Self(
                index: index, name: names.flatMap { $0.indices.contains(index) ? $0[index] : nil },
                images: images, predicted: predicted, correct: correct,
                recall: images == 0 ? nil : Proportion(correct, of: images),
                precision: predicted == 0 ? nil : Proportion(correct, of: predicted),
                f1: images + predicted == 0 ? nil : Double(2 * correct) / Double(images + predicted))
        }
    }
}
