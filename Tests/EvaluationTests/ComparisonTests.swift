import Tensors
import Testing

@testable import Evaluation

@Suite struct ComparisonTests {
    /// Four images, three classes: right, right, wrong, wrong before; right, wrong, right, wrong after.
    private static let before = Tensor(shape: [4, 3], values: [2, 1, 0, 0, 2, 1, 0, 1, 2, 2, 1, 0])
    private static let after = Tensor(shape: [4, 3], values: [3, 1, 0, 2, 0, 1, 1.5, 1, 0, 2, 1, 0])
    private static let labels = [0, 1, 0, 1]

    @Test("Images that turn right or wrong are listed, and agreement is of predictions")
    func paired() throws {
        let comparison = try Comparison(before: Self.before, after: Self.after, labels: Self.labels)
        #expect(comparison.images == 4)
        #expect(comparison.paired?.lost == [1])
        #expect(comparison.paired?.gained == [2])
        #expect(comparison.paired?.mcNemarP == 1)
        #expect(comparison.agreement == Proportion(2, of: 4))
        #expect(comparison.largestDifference == 2)
    }

    @Test("Without labels there is agreement, and nothing is lost or gained")
    func unlabelled() throws {
        let comparison = try Comparison(before: Self.before, after: Self.after, labels: nil)
        #expect(comparison.agreement.count == 2)
        #expect(comparison.paired == nil)
    }

    @Test("A network agrees with itself, but for images without finite outputs")
    func identity() throws {
        let same = try Comparison(before: Self.before, after: Self.before, labels: Self.labels)
        #expect(same.agreement.value == 1)
        #expect(same.largestDifference == 0)
        var broken = Self.before
        broken.values[4] = .nan
        let comparison = try Comparison(before: broken, after: broken, labels: Self.labels)
        #expect(comparison.agreement.count == 3)
        #expect(comparison.largestDifference == nil)
    }

    // scipy.stats.binomtest(min(lost, gained), lost + gained, 0.5).pvalue
    @Test(
        "McNemar's test is the exact binomial one, also where 2⁻ⁿ underflows",
        arguments: [
            (0, 0, 1.0), (0, 1, 1.0), (5, 5, 1.0), (1, 9, 0.021484375), (9, 1, 0.021484375),
            (10, 30, 0.0022214337732293643), (3, 17, 0.0025768280029296875),
            (400, 520, 8.549170923883781e-05),
            (12000, 13000, 2.6317455083363157e-10), (20000, 20900, 8.771262755345115e-06), (0, 2000, 0),
        ])
    func mcNemar(lost: Int, gained: Int, expected: Double) {
        let p = Comparison.Paired.mcNemar(lost, gained)
        #expect(abs(p - expected) <= 1e-9 * expected)
    }
}
