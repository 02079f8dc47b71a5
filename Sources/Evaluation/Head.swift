import Foundation

/// How a classifier's outputs become the probabilities of its classes.
package enum Head: String, Sendable, Codable, CaseIterable {
    /// An output z for each class: p = eᶻ / Σ eᶻ.
    case softmax
    /// One output z for two classes: p(1) = 1 / (1 + e⁻ᶻ), p(0) = 1 − p(1).
    case sigmoid
    /// An output z for each class, each with a sigmoid σ of its own: p = σ(z) / Σ σ(z), as Keras' categorical
    /// cross-entropies read such outputs.
    case normalizedSigmoids = "normalized-sigmoids"

    /// The number of classes for a number of outputs.
    package func classes(outputs: Int) -> Int { self == .sigmoid ? outputs + 1 : outputs }

    /// The number of outputs for a number of classes.
    package func outputs(classes: Int) -> Int { self == .sigmoid ? classes - 1 : classes }

    /// One value per class; their softmax is the probabilities. `outputs` must be finite.
    func scores(of outputs: ArraySlice<Float>) -> [Double] {
        switch self {
        case .softmax: outputs.map { Double($0) }
        case .sigmoid: [0] + outputs.map { Double($0) }
        case .normalizedSigmoids: outputs.map { Self.logSigmoid(Double($0)) }
        }
    }

    /// log σ(z), accurate if σ(z) or 1 − σ(z) is tiny.
    private static func logSigmoid(_ z: Double) -> Double {
        z < 0 ? z - log1p(exp(z)) : -log1p(exp(-z))
    }
}
