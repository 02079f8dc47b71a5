import Foundation
import Testing

@testable import Conversion

@Suite("Group normalization from stored statistics")
struct GroupAffineTests {
    @Test("on a sample whose group statistics are the expected ones it equals batch normalization")
    func exactOnTypicalSamples() {
        let mean = [1.0, -2, 0.5, 4]
        let deviation = [0.5, 2, 1, 0.25]
        let old = Affine(gamma: [1.5, -0.5, 2, 0.1], beta: [0.2, 0, -1, 3])
        let statistics = ChannelStatistics(
            mean: mean, variance: deviation.map { $0 * $0 }, epsilon: [1e-3, 1e-3, 1e-3, 1e-3])
        let new = old.forGroups(2, epsilon: 1e-5, of: statistics)
        // Two positions at μ ± σ: each channel has exactly mean μ and biased variance σ².
        let sample = (0..<4).map { [mean[$0] - deviation[$0], mean[$0] + deviation[$0]] }
        for group in 0..<2 {
            let channels = [2 * group, 2 * group + 1]
            let values = channels.flatMap { sample[$0] }
            let groupMean = values.reduce(0, +) / 4
            let variance = values.reduce(0) { $0 + ($1 - groupMean) * ($1 - groupMean) } / 4
            for channel in channels {
                for value in sample[channel] {
                    let batch =
                        old.gamma[channel] * (value - mean[channel])
                        / (deviation[channel] * deviation[channel] + 1e-3).squareRoot() + old.beta[channel]
                    let normalized = (value - groupMean) / (variance + 1e-5).squareRoot()
                    #expect(abs(new.gamma[channel] * normalized + new.beta[channel] - batch) < 1e-12)
                }
            }
        }
    }

    @Test(
        "a channel that was divided by a negative number gives the same function with the other sign of gamma"
    )
    func turnedChannel() {
        let statistics = ChannelStatistics(mean: [1, -2], variance: [4, 9], epsilon: [1e-3, 1e-3])
        let old = Affine(gamma: [1.5, 0.5], beta: [0.2, -1])
        let turned = statistics.moved(by: [0, 0], dividedBy: [-2, 3])
        #expect(turned.sign == [-1, 1])
        let new = old.forGroups(1, epsilon: 1e-5, of: turned)
        #expect(new.gamma[0] < 0 && new.gamma[1] > 0)
        // The group of what enters the norm, −u₀/2 and u₁/3, has this mean and variance.
        let (mean, variance) = ((-0.5 - 2.0 / 3) / 2, 1 + pow((-0.5 + 2.0 / 3) / 2, 2))
        for (channel, u) in [(0, 3.7), (0, -1), (1, 0.5), (1, -8)] {
            let batch =
                old.gamma[channel] * (u - statistics.mean[channel])
                / (statistics.variance[channel] + 1e-3).squareRoot() + old.beta[channel]
            let normalized = (u / [-2.0, 3][channel] - mean) / (variance + 1e-5).squareRoot()
            #expect(abs(new.gamma[channel] * normalized + new.beta[channel] - batch) < 1e-12)
        }
    }

    @Test("with one channel a group and one ε the affine stays as it is")
    func instanceNorm() {
        let old = Affine(gamma: [1.5, -0.5], beta: [0.2, 3])
        let statistics = ChannelStatistics(mean: [7, -1], variance: [4, 0.1], epsilon: [1e-5, 1e-5])
        let new = old.forGroups(2, epsilon: 1e-5, of: statistics)
        for channel in 0..<2 {
            #expect(abs(new.gamma[channel] - old.gamma[channel]) < 1e-15)
            #expect(new.beta[channel] == old.beta[channel])
        }
    }

    @Test("scaling a channel, its statistics and its ε changes nothing but the group's weighting")
    func scaling() {
        let statistics = ChannelStatistics(mean: [6, -3], variance: [4, 9], epsilon: [0.4, 0.9])
        let moved = statistics.moved(by: [2, 3], dividedBy: [2, 3])
        #expect(moved.mean == [4, 0])
        #expect(moved.variance == [1, 1])
        #expect(abs(moved.epsilon[0] - 0.1) < 1e-15 && abs(moved.epsilon[1] - 0.1) < 1e-15)
    }
}
