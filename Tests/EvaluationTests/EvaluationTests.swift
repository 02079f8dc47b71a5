import Foundation
import Tensors
import Testing

@testable import Evaluation

@Suite struct EvaluationTests {
    @Test("Accuracies and likelihood are those of NumPy and SciPy")
    func matchesReference() throws {
        let evaluation = try Evaluation(outputs: Samples.logits, labels: Samples.labels)
        #expect(evaluation.images == 12)
        #expect(evaluation.nonFinite == 0)
        // (logits > logits[range(12), labels][:, None]).sum(1): under 1 twice, under 5 nine times
        #expect(evaluation.top1 == Proportion(2, of: 12))
        #expect(evaluation.top5 == Proportion(9, of: 12))
        // -scipy.special.log_softmax(logits.astype("f8"), 1)[range(12), labels].mean()
        let nll = try #require(evaluation.nll)
        #expect(abs(nll.value - 3.4484764394068783) < 1e-14)
        #expect(evaluation.classes.map(\.images) == [2, 1, 2, 2, 1, 2, 2])
        #expect(evaluation.classes.map(\.correct) == [0, 0, 1, 0, 1, 0, 0])
        #expect(abs(evaluation.meanPerClass.value - 0.21428571428571427) < 1e-15)
    }

    @Test("Outputs recorded in blocks of any size and order give the same result to the last bit")
    func blockOrder() throws {
        let whole = try Evaluation(try Samples.outcomes())
        for size in 1...12 {
            var outcomes = try Outcomes(labels: Samples.labels, classes: 7)
            for first in stride(from: 0, to: 12, by: size).reversed() {
                let last = min(first + size, 12)
                try outcomes.record(Array(Samples.logits.values[first * 7..<last * 7]), from: first)
            }
            #expect(try Evaluation(outcomes) == whole)
        }
    }

    @Test("A tie for the largest output counts against the network")
    func ties() {
        #expect(!Outcome(outputs: [1, 1, 0], label: 0).isCorrect(within: 1))
        #expect(Outcome(outputs: [1, 1, 0], label: 0).isCorrect(within: 2))
        #expect(Outcome(outputs: [1, 1, 0], label: 0).prediction == 0)
        let constant = Outcome(outputs: [0, 0, 0, 0, 0, 0], label: 3)
        #expect(constant.rivals == 5)
        #expect(!constant.isCorrect(within: 5))
        #expect(abs((constant.loss ?? 0) - log(6.0)) < 1e-15)
    }

    @Test("Large outputs neither overflow nor lose the likelihood")
    func largeOutputs() {
        let outcome = Outcome(outputs: [3e38, -3e38, 0], label: 1)
        #expect(outcome.loss == Double(Float(3e38)) * 2)
        #expect(Outcome(outputs: [1e4, 0], label: 0).loss == 0)
    }

    @Test(
        "An image with an output that is not finite is wrong and counted",
        arguments: [Float.nan, .infinity, -.infinity])
    func nonFinite(value: Float) throws {
        var values = Samples.logits.values
        let right = try Samples.outcomes().complete().firstIndex { $0.isCorrect(within: 1) }
        values[try #require(right) * 7 + 6] = value
        let evaluation = try Evaluation(try Samples.outcomes(values))
        #expect(evaluation.images == 12)
        #expect(evaluation.nonFinite == 1)
        #expect(evaluation.top1.count == 1)
        #expect(evaluation.nll == nil)
    }

    @Test("Top-5 is left out under six classes")
    func fewClasses() throws {
        let five = Tensor(shape: [1, 5], values: [1, 2, 3, 4, 5])
        #expect(try Evaluation(outputs: five, labels: [4]).top5 == nil)
        let six = Tensor(shape: [1, 6], values: [1, 2, 3, 4, 5, 6])
        #expect(try Evaluation(outputs: six, labels: [0]).top5?.count == 0)
        #expect(try Evaluation(outputs: six, labels: [1]).top5?.count == 1)
    }

    @Test("Classes without images have no accuracy, and do not count in the mean")
    func emptyClass() throws {
        let outputs = Tensor(shape: [2, 3], values: [1, 0, 0, 0, 0, 1])
        let evaluation = try Evaluation(outputs: outputs, labels: [0, 0], classNames: ["a", "b"])
        #expect(evaluation.classes.map { $0.recall?.value } == [0.5, nil, nil])
        #expect(evaluation.classes.map(\.name) == ["a", "b", nil])
        #expect(evaluation.meanPerClass.value == 0.5)
    }

    // scipy.stats.binomtest(count, images).proportion_ci(method="wilson")
    @Test(
        "Intervals are Wilson's",
        arguments: [
            (1640, 2000, 0.8025540612175652, 0.8362190285224331), (0, 10, 0.0, 0.27753279986288926),
            (10, 10, 0.7224672001371109, 1.0), (1, 3, 0.06149194472039626, 0.7923403991979523),
            (999, 1000, 0.9943574414020421, 0.9998234536293739),
        ])
    func wilson(count: Int, images: Int, low: Double, high: Double) {
        let proportion = Proportion(count, of: images)
        #expect(proportion.value == Double(count) / Double(images))
        #expect(abs(proportion.low - low) < 1e-14)
        #expect(abs(proportion.high - high) < 1e-14)
    }

    @Test("JSON has the properties' names and reads back")
    func json() throws {
        let evaluation = try Evaluation(try Samples.outcomes())
        let data = try JSONEncoder().encode(evaluation)
        #expect(try JSONDecoder().decode(Evaluation.self, from: data) == evaluation)
        let object = try JSONSerialization.jsonObject(with: data) as? [String: Any]
        let expected = [
            "brier", "classes", "confusion", "images", "meanPerClass", "nll", "nonFinite", "reliability",
            "top1",
            "top5",
        ]
        #expect(object?.keys.sorted() == expected)
        #expect((object?["top1"] as? [String: Any])?.keys.sorted() == ["count", "high", "low", "value"])
    }
}
