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
