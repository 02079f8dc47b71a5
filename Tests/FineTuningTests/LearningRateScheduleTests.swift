import FineTuning
import Foundation
import Testing

@Suite("The learning rate")
struct LearningRateScheduleTests {
    /// `get_lr` of `bit_hyperrule.py` (google-research/big_transfer). `supports` are the ends of the rise, of the stages and of
    /// the training.
    private func hyperRule(step: Int, base: Double, supports: [Int]) -> Double? {
        if step < supports[0] { return base * Double(step) / Double(supports[0]) }
        if step >= supports.last ?? 0 { return nil }
        return supports.dropFirst().reduce(base) { $1 < step ? $0 / 10 : $0 }
    }

    @Test(
        "BiT-HyperRule's, but that each step of the rise has the rate of the next one: 0 would waste the first",
        arguments: [
            [100, 200, 300, 400, 500], [500, 3_000, 6_000, 9_000, 10_000],
            [500, 6_000, 12_000, 18_000, 20_000],
        ])
    func bit(supports: [Int]) throws {
        let steps = try #require(supports.last)
        for step in 0..<steps {
            let isRise = step < supports[0]
            let expected =
                isRise
                ? 0.003 * Double(step + 1) / Double(supports[0])
                : try #require(hyperRule(step: step, base: 0.003, supports: supports))
            let found = 0.003 * LearningRateSchedule.bit.factor(step: step, of: steps)
            #expect(abs(found - expected) < 1e-15, "step \(step)")
            if isRise, step > 0 {
                let before = 0.003 * LearningRateSchedule.bit.factor(step: step - 1, of: steps)
                let theirs = try #require(hyperRule(step: step, base: 0.003, supports: supports))
                #expect(abs(before - theirs) < 1e-15, "step \(step)")
            }
        }
    }

    @Test("BiT-HyperRule's stages scale with fewer steps")
    func stages() {
        let factors = (0..<50).map { LearningRateSchedule.bit.factor(step: $0, of: 50) }
        #expect(factors[0] == 0.1 && factors[9] == 1 && factors[20] == 1)
        for (step, expected) in [(21, 0.1), (30, 0.1), (31, 0.01), (40, 0.01), (41, 0.001), (49, 0.001)] {
            #expect(abs(factors[step] - expected) < 1e-12, "step \(step)")
        }
    }

    @Test("a cosine behind a tenth of the steps")
    func cosine() {
        let factors = (0..<200).map { LearningRateSchedule.cosine.factor(step: $0, of: 200) }
        for step in 20..<200 {
            #expect(
                abs(factors[step] - (1 + cos(Double.pi * Double(step) / 200)) / 2) < 1e-12, "step \(step)")
        }
        #expect(zip(factors[..<19], factors[1...19]).allSatisfy { $0 < $1 })
        #expect(zip(factors[20...], factors[21...]).allSatisfy { $0 > $1 })
    }

    @Test("every schedule of one step takes it", arguments: LearningRateSchedule.allCases)
    func one(schedule: LearningRateSchedule) { #expect(schedule.factor(step: 0, of: 1) == 1) }

    @Test(
        "no rate is 0, not a number or above the highest", arguments: LearningRateSchedule.allCases,
        [1, 2, 3, 7, 12, 500])
    func range(schedule: LearningRateSchedule, steps: Int) {
        for step in 0..<steps {
            let factor = schedule.factor(step: step, of: steps)
            #expect(factor > 0 && factor <= 1, "step \(step): \(factor)")
        }
    }
}
