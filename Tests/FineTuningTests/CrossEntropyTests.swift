import FineTuning
import Foundation
import Testing

/// Closed forms in double precision; gradients against differences over 1/512 to either side.
@Suite("Cross-entropy")
struct CrossEntropyTests {
    private typealias Target = CrossEntropy.Target

    /// The loss of a batch and its gradient.
    private func compute(
        _ entropy: CrossEntropy, _ targets: [Target], _ logits: [[Float]]
    ) -> (loss: Double, gradient: [[Float]]) {
        let total = entropy.total(targets)
        var loss = 0.0
        let gradient = zip(targets, logits).map { target, logits in
            var gradient = [Float](repeating: 0, count: logits.count)
            loss += logits.withUnsafeBufferPointer { logits in
                gradient.withUnsafeMutableBufferPointer {
                    entropy.add(target, logits, total: total, to: $0)
                }
            }
            return gradient
        }
        return (loss, gradient)
    }

    @Test("of equal logits is log(classes)", arguments: [2, 3, 1000])
    func equal(classes: Int) {
        let (loss, gradient) = compute(
            CrossEntropy(classes: classes), [Target(1)], [[Float](repeating: 7, count: classes)])
        #expect(abs(loss - log(Double(classes))) < 1e-12)
        #expect(abs(Double(gradient[0][0]) - 1 / Double(classes)) < 1e-7)
        #expect(abs(Double(gradient[0][1]) - (1 / Double(classes) - 1)) < 1e-7)
    }

    @Test("of two logits is log(1 + exp(−d)) for a difference of d", arguments: [-3, 0, 0.5, 12] as [Float])
    func pair(difference: Float) {
        let (loss, gradient) = compute(CrossEntropy(classes: 2), [Target(0)], [[difference, 0]])
        #expect(abs(loss - log1p(exp(-Double(difference)))) < 1e-12)
        #expect(abs(Double(gradient[0][0]) + 1 / (1 + exp(Double(difference)))) < 1e-7)
    }

    @Test("of large logits is finite")
    func large() {
        let (loss, gradient) = compute(CrossEntropy(classes: 2), [Target(1)], [[1e30, -1e30]])
        #expect(abs(loss - 2e30) < 1e23 && gradient[0] == [1, -1])
    }

    @Test("with smoothing adds the mean over all classes")
    func smoothing() {
        let logits: [Float] = [1, -2, 0.5, 3]
        func plain(_ label: Int) -> Double {
            compute(CrossEntropy(classes: 4), [Target(label)], [logits]).loss
        }
        let expected = 0.9 * plain(2) + 0.1 * (0..<4).map(plain).reduce(0, +) / 4
        let found = compute(CrossEntropy(classes: 4, smoothing: 0.1), [Target(2)], [logits]).loss
        #expect(abs(found - expected) < 1e-12)
    }

    @Test("with class weights is their weighted mean")
    func weights() {
        let logits: [[Float]] = [[1, 2, 3], [0, -1, 4], [2, 2, 1]]
        let (labels, weights) = ([0, 2, 1], [3, 0.5, 2])
        let single = zip(labels, logits).map { compute(CrossEntropy(classes: 3), [Target($0)], [$1]).loss }
        let sum = zip(labels, single).reduce(0) { $0 + weights[$1.0] * $1.1 }
        let found = compute(CrossEntropy(classes: 3, weights: weights), labels.map { Target($0) }, logits)
            .loss
        #expect(abs(found - sum / 5.5) < 1e-12)
    }

    @Test("of a mixture is the mixture of two")
    func mixture() {
        let logits: [Float] = [0.3, -1, 2]
        func plain(_ label: Int) -> Double {
            compute(CrossEntropy(classes: 3), [Target(label)], [logits]).loss
        }
        let found = compute(CrossEntropy(classes: 3), [Target(0, 2, share: 0.7)], [logits]).loss
        #expect(abs(found - (0.7 * plain(0) + 0.3 * plain(2))) < 1e-12)
        let alone = compute(CrossEntropy(classes: 3), [Target(1, 1, share: 0.7)], [logits]).loss
        #expect(abs(alone - plain(1)) < 1e-12)
    }

    @Test("has the gradient of its own differences, with all settings at once")
    func gradient() {
        let entropy = CrossEntropy(classes: 3, smoothing: 0.2, weights: [1, 2, 0.25])
        let targets = [Target(0, 2, share: 0.6), Target(1)]
        let logits: [[Float]] = [[0.5, -1, 1.25], [2, 0, -0.75]]
        let gradient = compute(entropy, targets, logits).gradient
        let step: Float = 1.0 / 512
        for image in 0..<2 {
            for index in 0..<3 {
                func loss(_ change: Float) -> Double {
                    var moved = logits
                    moved[image][index] += change
                    return compute(entropy, targets, moved).loss
                }
                let slope = (loss(step) - loss(-step)) / Double(2 * step)
                #expect(abs(slope - Double(gradient[image][index])) < 1e-6)
            }
        }
    }

    @Test("adds to the gradient that is there")
    func adds() {
        let logits: [Float] = [0, 0]
        var gradient: [Float] = [10, 20]
        logits.withUnsafeBufferPointer { logits in
            gradient.withUnsafeMutableBufferPointer {
                _ = CrossEntropy(classes: 2).add(Target(0), logits, total: 1, to: $0)
            }
        }
        #expect(gradient == [9.5, 20.5])
    }
}
