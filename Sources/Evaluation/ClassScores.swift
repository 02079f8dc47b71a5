/// A network's scores on one class.
package struct ClassScores: Sendable, Equatable, Codable {
    /// The class.
    package let index: Int
    /// Its name, if the split has names.
    package let name: String?
    /// Images of the class.
    package let images: Int
    /// Images predicted as the class.
    package let predicted: Int
    /// Images of the class that are predicted correctly.
    package let correct: Int
    /// Recall: `correct` / `images`; nil without images.
    package let recall: Proportion?
    /// Precision: `correct` / `predicted`; nil if no image is predicted as the class.
    package let precision: Proportion?
    /// 2 · `correct` / (`images` + `predicted`), the harmonic mean of the two; nil if both sums are 0.
    package let f1: Double?

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
