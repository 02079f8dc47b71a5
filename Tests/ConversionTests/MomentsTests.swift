import Foundation
import Networks
import Testing

@testable import Conversion

@Suite("Moments through a network")
struct MomentsTests {
    /// E[f] and Var[f] of a Gaussian by the midpoint rule on a fine grid.
    private func integrated(
        _ mean: Double, _ variance: Double, count: Int = 400_000, _ function: (Double) -> Double
    ) -> (Double, Double) {
        let deviation = variance.squareRoot()
        let step = 20.0 / Double(count)
        var (first, second) = (0.0, 0.0)
        for index in 0..<count {
            let z = -10 + (Double(index) + 0.5) * step
            let weight = exp(-z * z / 2) / (2 * Double.pi).squareRoot() * step
            let value = function(mean + deviation * z)
            first += weight * value
            second += weight * value * value
        }
        return (first, second - first * first)
    }

    private static let gaussians = [(0.0, 1.0), (0.7, 2.0), (-1.5, 0.25), (-4.0, 1.0), (3.0, 0.01)]

    private func check(
        _ activation: Activation, _ mean: Double, _ variance: Double, _ function: (Double) -> Double
    ) {
        let result = Moments(mean: [mean], variance: [variance]).activated(activation)
        let (expectedMean, expectedVariance) = integrated(mean, variance, function)
        #expect(abs(result.mean[0] - expectedMean) < 1e-8)
        #expect(abs(result.variance[0] - expectedVariance) < 1e-8)
    }

    @Test("ReLU's closed form agrees with numeric integration", arguments: gaussians)
    func relu(mean: Double, variance: Double) {
        check(.relu, mean, variance) { max($0, 0) }
    }

    @Test("clipped ReLU's closed form agrees with numeric integration", arguments: gaussians)
    func clipped(mean: Double, variance: Double) {
        check(.clippedReLU(limit: 1.5), mean, variance) { min(max($0, 0), 1.5) }
    }

    @Test("leaky ReLU's closed form agrees with numeric integration", arguments: gaussians)
    func leaky(mean: Double, variance: Double) {
        check(.leakyReLU(slope: 0.25), mean, variance) { $0 > 0 ? $0 : 0.25 * $0 }
    }

    static let functions: [(Activation, @Sendable (Double) -> Double)] = [
        (.elu(alpha: 0.5), { $0 > 0 ? $0 : 0.5 * (exp($0) - 1) }),
        (
            .selu,
            { 1.050_700_987_355_480_5 * ($0 > 0 ? $0 : 1.673_263_242_354_377_2 * (exp($0) - 1)) }
        ),
        (.gelu, { $0 * (1 + erf($0 / 2.0.squareRoot())) / 2 }),
        (
            .approximateGELU,
            { $0 * (1 + Foundation.tanh((2 / Double.pi).squareRoot() * ($0 + 0.044715 * pow($0, 3)))) / 2 }
        ),
        (.hardSigmoid(slope: 0.2), { min(max(0.2 * $0 + 0.5, 0), 1) }),
        (.hardSwish, { $0 * min(max($0 + 3, 0), 6) / 6 }),
        (.mish, { $0 * Foundation.tanh(log(1 + exp($0))) }),
        (.softplus, { log(1 + exp($0)) }), (.softsign, { $0 / (1 + abs($0)) }), (.exponential, { exp($0) }),
        (
            .thresholdedReLU(slope: 0.25, threshold: 0.5, limit: 2),
            { $0 > 0.5 ? min($0, 2) : 0.25 * ($0 - 0.5) }
        ),
    ]

    @Test("other activations agree with numeric integration", arguments: functions.indices, gaussians)
    func function(index: Int, gaussian: (mean: Double, variance: Double)) {
        let (activation, function) = Self.functions[index]
        let result = Moments(mean: [gaussian.mean], variance: [gaussian.variance]).activated(activation)
        let (mean, variance) = integrated(gaussian.mean, gaussian.variance, count: 50_000, function)
        // The midpoint rule errs by half a step's probability where the function jumps.
        let isContinuous = if case .thresholdedReLU = activation { false } else { true }
        let tolerance = isContinuous ? 1e-6 : 2e-4
        #expect(abs(result.mean[0] - mean) < tolerance * max(1, abs(mean)))
        #expect(abs(result.variance[0] - variance) < tolerance * max(1, variance))
    }

    @Test(
        "ELU of a Gaussian has the mean of its closed form, for wide Gaussians too",
        arguments: [0.1, 1, 30, 1e4])
    func eluMean(variance: Double) {
        // E[eˣ; x < 0] = e^(m+v/2)·Φ(−(m+v)/s), with s = 1 as long as that does not overflow.
        let (mean, deviation) = (0.3, variance.squareRoot())
        let tail =
            variance < 100
            ? exp(mean + variance / 2) * erfc((mean + variance) / deviation / 2.0.squareRoot()) / 2
            : 1 / deviation / (2 * Double.pi).squareRoot()
        let below = erfc(mean / deviation / 2.0.squareRoot()) / 2
        let expected = reluMoments(mean: mean, variance: variance).first + tail - below
        let result = Moments(mean: [mean], variance: [variance]).activated(.elu(alpha: 1))
        #expect(abs(result.mean[0] - expected) < 1e-4 * max(1, abs(expected)))
    }

    @Test("an exponential of a huge value stays finite")
    func hugeExponential() {
        let result = Moments(mean: [500], variance: [1e6]).activated(.exponential)
        #expect(result.mean[0].isFinite && result.variance[0].isFinite)
    }

    @Test("slopes of a PReLU are one for each channel")
    func slopes() {
        let result = Moments(mean: [0.5, 0.5], variance: [1, 1]).rectified(slopes: [0.25, 1])
        let (mean, variance) = integrated(0.5, 1) { $0 > 0 ? $0 : 0.25 * $0 }
        #expect(abs(result.mean[0] - mean) < 1e-8 && abs(result.variance[0] - variance) < 1e-8)
        #expect(abs(result.mean[1] - 0.5) < 1e-12 && abs(result.variance[1] - 1) < 1e-12)
    }

    @Test("smooth activations agree with a finer integration", arguments: gaussians)
    func smooth(mean: Double, variance: Double) {
        check(.sigmoid, mean, variance) { 1 / (1 + exp(-$0)) }
        check(.tanh, mean, variance) { Foundation.tanh($0) }
        check(.swish, mean, variance) { $0 / (1 + exp(-$0)) }
    }

    @Test("a rectified standard Gaussian has mean 1/√2π and variance 1/2 − 1/2π")
    func rectifiedStandard() {
        let result = Moments.standard(channels: 1).activated(.relu)
        #expect(abs(result.mean[0] - 0.398_942_280_401_432_7) < 1e-15)
        #expect(abs(result.variance[0] - 0.340_845_056_908_104_7) < 1e-15)
    }

    @Test("a constant passes ReLU as it is, or as zero", arguments: [(2.0, 2.0), (-2.0, 0.0), (0.0, 0.0)])
    func constant(mean: Double, expected: Double) {
        let result = Moments(mean: [mean], variance: [0]).activated(.relu)
        #expect(result == Moments(mean: [expected], variance: [0]))
    }

    @Test("far below zero, ReLU gives zero and never a negative variance")
    func farBelow() {
        let result = Moments(mean: [-50], variance: [1]).activated(.relu)
        #expect(result == Moments(mean: [0], variance: [0]))
    }

    @Test("sums add means and variances, products those of independent values")
    func combination() {
        let left = Moments(mean: [1, 2], variance: [3, 4])
        let right = Moments(mean: [5, 6], variance: [7, 8])
        #expect(left + right == Moments(mean: [6, 8], variance: [10, 12]))
        // Var[xy] = E[x²]E[y²] − E[x]²E[y]²: 4·32 − 25 and 8·44 − 144.
        #expect(left * right == Moments(mean: [5, 12], variance: [103, 208]))
        #expect(left + Moments(mean: [1], variance: [1]) == Moments(mean: [2, 3], variance: [4, 5]))
    }

    @Test("merged values have the moments of independent Gaussians", arguments: [Merge.maximum, .minimum])
    func largest(_ merge: Merge) {
        let parts = [Moments(mean: [0.5], variance: [2]), Moments(mean: [-0.25], variance: [0.5])]
        let steps = stride(from: -8.0, through: 8, by: 0.02)
        var (first, second) = (0.0, 0.0)
        for a in steps {
            for b in steps {
                let weight = exp(-(a * a + b * b) / 2) / (2 * Double.pi) * 0.02 * 0.02
                let (x, y) = (0.5 + a * 2.0.squareRoot(), -0.25 + b * 0.5.squareRoot())
                let value = merge == .maximum ? max(x, y) : min(x, y)
                first += weight * value
                second += weight * value * value
            }
        }
        let result = Moments.merged(parts, by: merge)
        #expect(abs(result.mean[0] - first) < 1e-5)
        #expect(abs(result.variance[0] - (second - first * first)) < 1e-5)
    }

    @Test("differences and averages of independent values")
    func linearMerges() {
        let parts = [Moments(mean: [1], variance: [3]), Moments(mean: [5], variance: [1])]
        #expect(Moments.merged(parts, by: .subtract) == Moments(mean: [-4], variance: [4]))
        #expect(Moments.merged(parts, by: .average) == Moments(mean: [3], variance: [1]))
        #expect(Moments.merged([parts[0], Moments(mean: [7], variance: [0])], by: .maximum).mean[0] >= 7)
        let constants = [Moments(mean: [2], variance: [0]), Moments(mean: [3], variance: [0])]
        #expect(Moments.merged(constants, by: .maximum) == constants[1])
        #expect(Moments.merged(constants, by: .minimum) == constants[0])
    }

    @Test("vectors of length 1 have second moments that add up to 1")
    func unitLength() {
        let result = Moments(mean: [1, 3], variance: [2, 6]).atUnitLength()
        let sum = zip(result.mean, result.variance).reduce(0.0) { $0 + $1.0 * $1.0 + $1.1 }
        #expect(abs(sum - 1) < 1e-12)
    }

    @Test("a flattened map repeats its channels, and an odd number of features gets the average")
    func tiling() {
        let moments = Moments(mean: [1, 3], variance: [2, 6])
        #expect(moments.tiled(to: 4) == Moments(mean: [1, 3, 1, 3], variance: [2, 6, 2, 6]))
        #expect(moments.tiled(to: 3) == Moments(mean: [2, 2, 2], variance: [4, 4, 4]))
    }
}
