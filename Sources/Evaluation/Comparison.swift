import Foundation
import Tensors

/// Two networks on the same images: before a conversion, and after. Encodes to JSON under the properties' names.
public struct Comparison: Sendable, Equatable, Codable {
    /// Images compared.
    public let images: Int
    /// Images with the same prediction in both; images without finite outputs never agree.
    public let agreement: Proportion
    /// The largest absolute difference between two outputs; nil if one is not finite or none were given.
    public let largestDifference: Double?
    /// Images with different predictions, in order; also images where outputs of one network are not finite.
    public let changed: [Int]
    /// What happened to the correct images; nil without labels.
    public let paired: Paired?

    /// Images that one network classifies right and the other wrong.
    public struct Paired: Sendable, Equatable, Codable {
        /// Images right before and wrong after, in order.
        public let lost: [Int]
        /// Images wrong before and right after, in order.
        public let gained: [Int]
        /// McNemar's exact test: how probable at least so uneven a split of the changed images is, if both networks
        /// are equally good.
        public let mcNemarP: Double
        /// Top-1 after minus top-1 before, with Tango's score interval for paired proportions (1998).
        public let difference: Estimate
    }

    /// Compares complete outcomes of the same labelled or unlabelled images.
    package init(before: Outcomes, after: Outcomes, largestDifference: Double? = nil) throws(EvaluationError)
    {
        let size = { (outcomes: Outcomes) in "\(outcomes.count) images and \(outcomes.classes) classes" }
        guard size(before) == size(after), before.count > 0 else {
            throw .notComparable(found: size(after), expected: before.count > 0 ? size(before) : "any images")
        }
        guard before.labels == after.labels else {
            throw .notComparable(found: "other labels", expected: "the same")
        }
        let (first, second) = (try before.complete(), try after.complete())
        images = first.count
        changed = first.indices.filter { image in
            let prediction = first[image].prediction
            return prediction == nil || prediction != second[image].prediction
        }
        agreement = Proportion(images - changed.count, of: images)
        self.largestDifference = largestDifference.flatMap { $0.isFinite ? $0 : nil }
        paired = before.labels == nil ? nil : Paired(first, second)
    }

    /// Compares two networks' outputs on a whole split, [images, outputs], before a softmax or sigmoid; both have the
    /// same head.
    package init(
        before: Tensor, after: Tensor, labels: [Int]?, head: Head = .softmax
    ) throws(EvaluationError) {
        guard before.shape == after.shape, before.shape.rank == 2 else {
            throw .notComparable(
                found: "outputs of shape \(after.shape)", expected: "[images, classes], as \(before.shape)")
        }
        try self.init(
            before: Outcomes(outputs: before, labels: labels, head: head),
            after: Outcomes(outputs: after, labels: labels, head: head),
            largestDifference: Self.largestDifference(before.values, after.values))
    }

    /// The largest absolute difference between elements at the same place; NaN where one is NaN.
    public static func largestDifference(
        _ first: [Float], _ second: [Float]
    ) -> Double {
        var largest = 0.0
        for (a, b) in zip(first, second) {
            let difference = abs(Double(a) - Double(b))
            if difference.isNaN { return .nan }
            largest = max(largest, difference)
        }
        return largest
    }
}

extension Comparison.Paired {
    fileprivate init(_ before: OutcomeList, _ after: OutcomeList) {
        let changed = before.indices.filter {
            before[$0].isCorrect(within: 1) != after[$0].isCorrect(within: 1)
        }
        lost = changed.filter { before[$0].isCorrect(within: 1) }
        gained = changed.filter { after[$0].isCorrect(within: 1) }
        mcNemarP = Self.mcNemar(lost.count, gained.count)
        difference = PairedDifference.estimate(lost: lost.count, gained: gained.count, of: before.count)
    }

    /// The two-sided binomial probability that a + b fair coins split at least this unevenly: min(1, 2·P(X ≤ min)).
    /// The largest term in logarithms, as 2⁻ⁿ underflows; the others follow from it by their ratios.
    static func mcNemar(_ a: Int, _ b: Int) -> Double {
        let (k, n) = (min(a, b), a + b)
        var logTerm = -Double(n) * log(2.0)
        for i in 0..<k { logTerm += log(Double(n - i) / Double(i + 1)) }
        var (sum, ratio) = (0.0, 1.0)
        for i in stride(from: k, through: 0, by: -1) {
            sum += ratio
            ratio *= Double(i) / Double(n - i + 1)
        }
        return min(1, 2 * exp(logTerm + log(sum)))
    }
}
