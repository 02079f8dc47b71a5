import Foundation
import Tensors
import TestSupport
import Testing

@testable import Evaluation

/// `statistics.json`: outputs, and what scikit-learn and SciPy make of them.
private struct Fixture: Decodable {
    var cases: [String: Case]
    var tango: [Paired]

    struct Case: Decodable {
        var classes: Int
        var labels: [Int]
        var before: Expected
        var after: Expected
        var comparison: Compared

        func logits(_ expected: Expected) -> Tensor {
            Tensor(shape: [labels.count, classes], values: expected.logits)
        }
    }
    struct Share: Decodable {
        var count: Int
        var value, low, high: Double
    }
    struct Mean: Decodable {
        var value, low, high, scipyLow, scipyHigh: Double
    }
    struct Bins: Decodable {
        var ece: Double
        var images: [Int]
        var accuracies, confidences: [Double]
    }
    struct Expected: Decodable {
        var logits: [Float]
        var top1: Share
        var top5: Share?
        var nll, brier, meanPerClass: Mean
        var reliability: Bins
        var confusion: [[Int]]
        var precision, recall, f1: [Double?]
    }
    struct Paired: Decodable, Sendable {
        var lost, gained, images: Int
        var value, low, high: Double
    }
    struct Compared: Decodable {
        var agreement: Share
        var changed, lost, gained: [Int]
        var mcNemarP, largestDifference: Double
        var difference: Paired
    }

    static func load() throws -> Fixture {
        let file = URL(fileURLWithPath: TestFiles.fixture("statistics.json"))
        return try JSONDecoder().decode(Fixture.self, from: Data(contentsOf: file))
    }
}

private let names = [
    "ten classes", "two classes", "classes without images, and never predicted", "nearly always right",
]

/// Within 1e-12, or absent in both.
private func expectClose(
    _ found: [Double?], _ expected: [Double?], _ tolerance: Double = 1e-12,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(found.count == expected.count, sourceLocation: sourceLocation)
    for (index, (a, b)) in zip(found, expected).enumerated() {
        let isClose = if let a, let b { abs(a - b) <= tolerance } else { a == nil && b == nil }
        #expect(
            isClose, "\(index): \(String(describing: a)), \(String(describing: b))",
            sourceLocation: sourceLocation)
    }
}

private func expectClose(
    _ found: Proportion?, _ expected: Fixture.Share?, sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(found?.count == expected?.count, sourceLocation: sourceLocation)
    expectClose(
        [found?.value, found?.low, found?.high], [expected?.value, expected?.low, expected?.high],
        sourceLocation: sourceLocation)
}

@Suite("Statistics are those of scikit-learn and SciPy")
struct StatisticsTests {
    /// The case's two evaluations beside what is expected of them.
    private func evaluations(_ name: String) throws -> [(Evaluation, Fixture.Expected)] {
        let entry = try #require(try Fixture.load().cases[name])
        return try [entry.before, entry.after].map {
            (try Evaluation(outputs: entry.logits($0), labels: entry.labels), $0)
        }
    }

    @Test("top-1 and top-5 with Wilson's intervals", arguments: names)
    func accuracy(name: String) throws {
        for (found, expected) in try evaluations(name) {
            expectClose(found.top1, expected.top1)
            expectClose(found.top5, expected.top5)
        }
    }

    @Test(
        "NLL, Brier score and mean recall; the same draws give the same bootstrap intervals", arguments: names
    )
    func means(name: String) throws {
        for (found, expected) in try evaluations(name) {
            let pairs = [
                (found.nll, expected.nll), (found.brier, expected.brier),
                (found.meanPerClass, expected.meanPerClass),
            ]
            for (found, expected) in pairs {
                let found = try #require(found)
                expectClose(
                    [found.value, found.low, found.high], [expected.value, expected.low, expected.high])
                // SciPy's own draws: ends of the intervals within a tenth of their width.
                let width = expected.scipyHigh - expected.scipyLow
                expectClose(
                    [found.low, found.high], [expected.scipyLow, expected.scipyHigh], width / 10)
            }
        }
    }

    @Test("the calibration error and its bins", arguments: names)
    func reliability(name: String) throws {
        for (found, expected) in try evaluations(name) {
            let found = try #require(found.reliability)
            expectClose([found.ece], [expected.reliability.ece])
            #expect(found.bins.count == 15)
            let bins = found.bins.filter { $0.images > 0 }
            #expect(bins.map(\.images) == expected.reliability.images)
            expectClose(bins.map(\.accuracy), expected.reliability.accuracies)
            expectClose(bins.map(\.confidence), expected.reliability.confidences)
        }
    }

    @Test("the confusion matrix, and every class' precision, recall and F1", arguments: names)
    func classes(name: String) throws {
        for (found, expected) in try evaluations(name) {
            var matrix = expected.confusion.map { $0.map { _ in 0 } }
            for cell in found.confusion.cells { matrix[cell.label][cell.prediction] = cell.images }
            #expect(matrix == expected.confusion)
            #expect(found.confusion.cells.allSatisfy { $0.images > 0 })
            expectClose(found.classes.map { $0.precision?.value }, expected.precision)
            expectClose(found.classes.map { $0.recall?.value }, expected.recall)
            expectClose(found.classes.map(\.f1), expected.f1)
        }
    }

    @Test("agreement, the images that changed, McNemar's test and the difference", arguments: names)
    func comparison(name: String) throws {
        let entry = try #require(try Fixture.load().cases[name])
        let expected = entry.comparison
        let found = try Comparison(
            before: entry.logits(entry.before), after: entry.logits(entry.after), labels: entry.labels)
        let paired = try #require(found.paired)
        expectClose(found.agreement, expected.agreement)
        #expect(found.changed == expected.changed)
        #expect(paired.lost == expected.lost)
        #expect(paired.gained == expected.gained)
        #expect(found.largestDifference == expected.largestDifference)
        expectClose([paired.mcNemarP], [expected.mcNemarP])
        let difference = expected.difference
        expectClose(
            [paired.difference.value, paired.difference.low, paired.difference.high],
            [difference.value, difference.low, difference.high], 1e-6)
    }

    /// Expected values come from maximizing the likelihood numerically, to about 1e-7.
    @Test("the interval of a paired difference is Tango's, also where all or no images change")
    func tango() throws {
        for expected in try Fixture.load().tango {
            let found = PairedDifference.estimate(
                lost: expected.lost, gained: expected.gained, of: expected.images)
            expectClose(
                [found.value, found.low, found.high], [expected.value, expected.low, expected.high], 1e-6)
        }
    }
}

@Suite("Statistics at their ends")
struct StatisticsEdgeTests {
    @Test("without changes Tango's interval ends where Wilson's does; where all images change, it ends at −1")
    func tangoAndWilson() {
        // Each end is that of a proportion of 0.
        let none = PairedDifference.estimate(lost: 0, gained: 0, of: 50)
        let wilson = Proportion(0, of: 50)
        #expect(abs(none.high - wilson.high) < 1e-12 && abs(none.low + wilson.high) < 1e-12)
        let all = PairedDifference.estimate(lost: 10, gained: 0, of: 10)
        #expect(all.low == -1 && all.value == -1 && all.high > -1)
    }

    @Test("lost and gained change places with the sign", arguments: [(3, 17), (0, 8), (40, 41)])
    func antisymmetric(counts: (Int, Int)) {
        let there = PairedDifference.estimate(lost: counts.0, gained: counts.1, of: 100)
        let back = PairedDifference.estimate(lost: counts.1, gained: counts.0, of: 100)
        #expect(there.value == -back.value)
        #expect(abs(there.low + back.high) < 1e-12 && abs(there.high + back.low) < 1e-12)
    }

    @Test("a confidence on an edge is in the bin below, and 1 in the last")
    func edges() throws {
        let half = Outcome(outputs: [1, 1], label: 0)
        #expect(half.confidence == 0.5)
        let reliability = try #require(Reliability(OutcomeList([half]), bins: 4))
        #expect(reliability.bins.map(\.images) == [0, 1, 0, 0])
        let sure = Outcome(outputs: [1000, 0], label: 0)
        let last = try #require(Reliability(OutcomeList([sure]), bins: 15))
        #expect(last.bins.last?.images == 1 && last.ece == 0)
        #expect(last.bins.first?.confidence == nil)
    }

    @Test("images without finite outputs are in no bin and no cell, and leave no mean")
    func nonFinite() throws {
        let outputs = Tensor(shape: [2, 2], values: [.nan, 0, 1, 0])
        let evaluation = try Evaluation(outputs: outputs, labels: [0, 0])
        #expect(evaluation.nll == nil && evaluation.brier == nil)
        #expect(evaluation.reliability?.bins.map(\.images).reduce(0, +) == 1)
        #expect(evaluation.confusion.cells.map(\.images) == [1])
        #expect(evaluation.classes[0].recall == Proportion(1, of: 2))
        #expect(evaluation.classes[0].precision == Proportion(1, of: 1))
        #expect(Reliability(OutcomeList([Outcome(outputs: [.nan, 0], label: 0)])) == nil)
    }

    @Test("the Brier score is 0 where the network is sure and right, 2 where it is sure and wrong")
    func brier() {
        #expect(Outcome(outputs: [2000, 0, 0], label: 0).brier == 0)
        #expect(Outcome(outputs: [2000, 0, 0], label: 1).brier == 2)
        let tiny = Outcome(outputs: [30, 0], label: 0).brier ?? 0
        #expect(abs(tiny / (2 * exp(-60.0)) - 1) < 1e-9)
    }

    @Test("confused pairs come by how often, then by class")
    func mistakes() throws {
        let outputs = Tensor(shape: [5, 2], values: [0, 1, 1, 0, 1, 0, 1, 0, 0, 1])
        let evaluation = try Evaluation(outputs: outputs, labels: [0, 1, 1, 0, 1])
        #expect(evaluation.confusion.mistakes.map(\.images) == [2, 1])
        #expect(evaluation.confusion.mistakes.map(\.label) == [1, 0])
    }

    @Test("numbers of a draw are below the count, the same for the same draw, and others for another")
    func draws() {
        func numbers(_ index: Int) -> [Int] {
            var draw = Draw(seed: 1, index: index)
            return (0..<2000).map { _ in draw.next(of: 2000) }
        }
        #expect(numbers(3).allSatisfy { (0..<2000).contains($0) })
        #expect(numbers(3) == numbers(3) && numbers(3) != numbers(4))
        // 1 − 1/e of all are expected.
        #expect((1200...1330).contains(Set(numbers(0)).count))
    }

    @Test("classes of few images do not drop out of the mean's interval: the value is in it")
    func smallClasses() throws {
        // A hundred classes of one image each, of which every third is right, beside one of a hundred images.
        let labels = Array(0..<100) + Array(repeating: 100, count: 100)
        let outputs = labels.enumerated().flatMap { image, label in
            (0...100).map { Float($0 == (image % 3 == 0 ? label : (label + 1) % 101) ? 1 : 0) }
        }
        let mean = try Evaluation(
            outputs: Tensor(shape: [200, 101], values: outputs), labels: labels
        ).meanPerClass
        #expect(mean.low <= mean.value && mean.value <= mean.high)
    }

    @Test("quantiles lie between two values, as NumPy has them")
    func quantile() {
        #expect(Bootstrap.quantile([1, 2, 4, 8], 0.5) == 3)
        #expect(Bootstrap.quantile([1, 2, 4, 8], 0) == 1)
        #expect(Bootstrap.quantile([1, 2, 4, 8], 1) == 8)
        #expect(Bootstrap.quantile([5], 0.025) == 5)
    }
}
