import Foundation
import Networks
import Testing

@testable import Conversion

@Suite("Moments through a network")
struct MomentsTests {
    /// E[f] and Var[f] of a Gaussian by the midpoint rule on a fine grid.
    private func integrated(
        _ mean: Double, _ variance: Double, _ function: (Double) -> Double
    ) -> (Double, Double) {
        let (count, deviation) = (400_000, variance.squareRoot())
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

    @Test("a flattened map repeats its channels, and an odd number of features gets the average")
    func tiling() {
        let moments = Moments(mean: [1, 3], variance: [2, 6])
        #expect(moments.tiled(to: 4) == Moments(mean: [1, 3, 1, 3], variance: [2, 6, 2, 6]))
        #expect(moments.tiled(to: 3) == Moments(mean: [2, 2, 2], variance: [4, 4, 4]))
    }
}
