import NormConvKit
import Testing

@testable import Calibration

@Suite("a calibration's budget")
struct CalibrationBudgetTests {
    @Test("more time never gives less, and a third of it is enough for the layers where anything is trained")
    func time() {
        for cost in [1e9, 1e11, 1.6e12, 1e14] {
            let budgets = [1, 10, 60, 300, 900, 3600, 36_000].map {
                CalibrationBudget(cost: cost, images: 384, seconds: $0)
            }
            for (less, more) in zip(budgets, budgets.dropFirst()) {
                #expect(less.refinements <= more.refinements && (!less.addsMirrored || more.addsMirrored))
            }
            for budget in budgets where budget.epochs > 0 {
                let passes = CalibrationBudget.layerPasses(
                    refinements: budget.refinements, addsMirrored: budget.addsMirrored)
                let seconds = cost / 1e11
                #expect(Double(passes) * seconds <= budget.seconds / 3 || budget.refinements == 0)
                #expect(Double(passes + 4 * budget.epochs) * seconds <= budget.seconds * 1.001)
            }
        }
    }

    @Test("ResNet-50 with 512 images is trained by default, CIFAR's networks get everything")
    func defaults() {
        let large = CalibrationBudget(cost: 384 * 4.1e9, images: 384)
        #expect(large.epochs >= 3 && large.refinements > 0 && !large.addsMirrored)
        let small = CalibrationBudget(cost: 384 * 41e6, images: 384)
        #expect((small.epochs, small.refinements) == (60, 5) && small.addsMirrored)
        #expect(CalibrationBudget(cost: 1e14, images: 384).epochs == 0)
    }

    @Test("a slower machine gets fewer steps, a faster one no more")
    func adapted() {
        let planned = CalibrationBudget(cost: 1e11, images: 384, seconds: 60)
        var slow = planned
        slow.adapt(toPass: 5)
        #expect(slow.epochs < planned.epochs && slow.refinements < planned.refinements)
        var fast = planned
        fast.adapt(toPass: 0.01)
        #expect((fast.epochs, fast.refinements) == (planned.epochs, planned.refinements))
    }

    @Test("agreement decides beyond one standard error of the images that change, the error within it")
    func judgement() {
        func judged(_ agrees: [Bool], error: Double) -> HoldoutAgreement.Judgement {
            .init(
                step: .init(name: "", agreement: 0, outputError: error, kept: true), agrees: agrees)
        }
        let last = judged([true, true, true, false, false, false], error: 0.3)
        // One image more of one that changed tells nothing.
        let oneMore = judged([true, true, true, true, false, false], error: 0.31)
        #expect(!oneMore.isBetter(than: last))
        #expect(judged(oneMore.agrees, error: 0.29).isBetter(than: last))
        // Two of two do, whatever the error.
        #expect(judged([true, true, true, true, true, false], error: 0.4).isBetter(than: last))
        #expect(!judged([true, false, false, false, false, false], error: 0.1).isBetter(than: last))
        // Three that change, by one in all.
        #expect(judged([true, true, false, true, true, false], error: 0.2).isBetter(than: last))
        #expect(!judged(last.agrees, error: .nan).isBetter(than: last))
    }
}
