import Testing

@testable import Evaluation

@Suite("The difference of two layers")
struct LayerDifferenceTests {
    @Test("error, cosine, means and deviations follow their formulas, added in parts")
    func formulas() {
        // Two channels, three positions.
        let a: [Float] = [1, 10, 2, 20, 3, 30]
        let b: [Float] = [1, 12, 2, 20, 0, 30]
        var difference = LayerDifference(channels: 2)
        difference.add(Array(a[..<2]), Array(b[..<2]))
        difference.add(Array(a[2...]), Array(b[2...]))
        // Σ(b − a)² = 4 + 9; Σ(a − ā)² = 2 + 200.
        #expect(abs((difference.relativeError ?? 0) - 13.0 / 202) < 1e-12)
        let product = 1.0 + 120 + 4 + 400 + 0 + 900
        let (first, second) = (1414.0, 1.0 + 144 + 4 + 400 + 900)
        #expect(abs(difference.cosine - product / (first * second).squareRoot()) < 1e-12)
        #expect(abs(difference.means.0 - 11) < 1e-12 && abs(difference.means.1 - 65.0 / 6) < 1e-12)
        let variance = 1414.0 / 6 - 121
        #expect(abs(difference.deviations.0 - variance.squareRoot()) < 1e-12)
    }

    @Test("equal values are at no distance, constants included")
    func equal() {
        var difference = LayerDifference(channels: 1)
        difference.add([0, 0], [0, 0])
        #expect(difference.relativeError == 0 && difference.cosine == 1)
        difference.add([0], [5])
        #expect(difference.relativeError == nil && difference.cosine == 0)
    }
}
