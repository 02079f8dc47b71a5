import Tensors

@testable import Evaluation

/// Twelve images, seven classes, values that Float32 holds exactly:
///
///     i, j = numpy.ogrid[:12, :7]
///     logits = ((7 * i + 13 * j + 5 * i ** 2) % 31 / 4).astype("f4")
///     labels = numpy.arange(12) * 3 % 7
enum Samples {
    static let labels = (0..<12).map { $0 * 3 % 7 }
    static let logits = Tensor(
        shape: [12, 7], values: (0..<84).map { logit(image: $0 / 7, class: $0 % 7) })

    private static func logit(image i: Int, class j: Int) -> Float {
        let residue: Int = (7 * i + 13 * j + 5 * i * i) % 31
        return Float(residue) / 4
    }

    static func outcomes(_ values: [Float] = logits.values) throws -> Outcomes {
        var outcomes = try Outcomes(labels: labels, classes: 7)
        try outcomes.record(values, from: 0)
        return outcomes
    }
}
