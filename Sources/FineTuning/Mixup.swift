import Foundation
import Tensors

/// Mixtures of pairs of images and their labels (Zhang et al. 2018): one share for a batch, from Beta(α, α).
struct Mixup {
    /// The share of each image itself.
    let share: Double
    /// The image that each one is mixed with.
    let partners: [Int]

    /// Drawn for a step of a training.
    init(alpha: Double, count: Int, seed: UInt64, step: Int) {
        // Mixed first: seeds that differ by the generator's own increment would give the same numbers, one later.
        var mixed = SplitMix64(seed: seed &+ 0x317)
        var random = SplitMix64(seed: mixed.next() ^ UInt64(step) &* 0xD6E8_FEB8_6659_FD93)
        random = SplitMix64(seed: random.next())
        let (a, b) = (Self.gamma(alpha, &random), Self.gamma(alpha, &random))
        share = a + b > 0 ? a / (a + b) : 0.5
        partners = Array(0..<count).shuffled(using: &random)
    }

    /// Mixes images in place, each of `size` values.
    func mix(_ images: inout [Float], size: Int) {
        let old = images
        for (image, partner) in partners.enumerated() where partner != image {
            for index in 0..<size {
                images[image * size + index] =
                    Float(share) * old[image * size + index] + Float(1 - share) * old[partner * size + index]
            }
        }
    }

    /// The targets of mixed images.
    func targets(_ labels: [Int]) -> [CrossEntropy.Target] {
        zip(labels, partners).map { CrossEntropy.Target($0, labels[$1], share: share) }
    }

    /// From Gamma(α, 1) (Marsaglia & Tsang 2000; for α below 1 as Gamma(α + 1)·u^(1/α)).
    private static func gamma(_ alpha: Double, _ random: inout SplitMix64) -> Double {
        let boost =
            alpha < 1
            ? pow(Double.random(in: Double.leastNonzeroMagnitude..<1, using: &random), 1 / alpha) : 1
        let d = (alpha < 1 ? alpha + 1 : alpha) - 1.0 / 3
        while true {
            let x = normal(&random)
            let v = pow(1 + x / (9 * d).squareRoot(), 3)
            guard v > 0 else { continue }
            let u = Double.random(in: Double.leastNonzeroMagnitude..<1, using: &random)
            if log(u) < 0.5 * x * x + d - d * v + d * log(v) { return boost * d * v }
        }
    }

    private static func normal(_ random: inout SplitMix64) -> Double {
        let u = Double.random(in: Double.leastNonzeroMagnitude..<1, using: &random)
        let v = Double.random(in: 0..<1, using: &random)
        return (-2 * log(u)).squareRoot() * cos(2 * Double.pi * v)
    }
}
