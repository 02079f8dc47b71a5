import Foundation
import Testing

@testable import FineTuning

@Suite("Mixup")
struct MixupTests {
    /// Beta(α, α): mean 1/2, variance 1/(4(2α + 1)), fourth central moment 3/(16(2α + 1)(2α + 3)). The tolerances are five
    /// standard errors of 20,000 draws.
    @Test("shares are Beta(α, α)'s", arguments: [0.1, 0.2, 0.5, 1, 4])
    func shares(alpha: Double) {
        let count = 20_000
        let shares = (0..<count).map { Mixup(alpha: alpha, count: 1, seed: 3, step: $0).share }
        #expect(shares.allSatisfy { (0...1).contains($0) })
        let mean = shares.reduce(0, +) / Double(count)
        let variance = 1 / (4 * (2 * alpha + 1))
        let fourth = 3 / (16 * (2 * alpha + 1) * (2 * alpha + 3))
        let found = shares.reduce(0) { $0 + ($1 - 0.5) * ($1 - 0.5) } / Double(count)
        #expect(abs(mean - 0.5) < 5 * (variance / Double(count)).squareRoot(), "mean \(mean)")
        #expect(
            abs(found - variance) < 5 * ((fourth - variance * variance) / Double(count)).squareRoot(),
            "variance \(found), expected \(variance)")
    }

    @Test("of α 1 have every tenth alike")
    func uniform() {
        var counts = [Int](repeating: 0, count: 10)
        for step in 0..<10_000 {
            counts[min(Int(Mixup(alpha: 1, count: 1, seed: 0, step: step).share * 10), 9)] += 1
        }
        #expect(counts.allSatisfy { abs($0 - 1_000) < 150 }, "\(counts)")
    }

    @Test("partners are each image once")
    func partners() {
        for step in 0..<20 {
            #expect(Mixup(alpha: 0.1, count: 9, seed: 1, step: step).partners.sorted() == Array(0..<9))
        }
    }

    @Test("images and labels are mixed alike")
    func mixed() {
        let mixup = Mixup(alpha: 1, count: 5, seed: 7, step: 2)
        let old: [Float] = (0..<15).map { Float($0 * $0) }
        var images = old
        mixup.mix(&images, size: 3)
        let targets = mixup.targets([4, 3, 2, 1, 0])
        for (image, partner) in mixup.partners.enumerated() {
            #expect(targets[image] == CrossEntropy.Target(4 - image, 4 - partner, share: mixup.share))
            for index in 0..<3 {
                let expected =
                    mixup.share * Double(old[image * 3 + index]) + (1 - mixup.share)
                    * Double(old[partner * 3 + index])
                #expect(abs(Double(images[image * 3 + index]) - expected) < 1e-4)
            }
        }
    }

    @Test("the same seed and step give the same, others give others")
    func seeds() {
        func share(_ seed: UInt64, _ step: Int) -> Double {
            Mixup(alpha: 1, count: 1, seed: seed, step: step).share
        }
        #expect(share(1, 2) == share(1, 2) && share(1, 2) != share(1, 3) && share(1, 2) != share(2, 2))
    }
}
