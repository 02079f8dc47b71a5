import Foundation

extension Activation {
    /// The function of one element; nil for softmax, which needs them all. It overflows only where its value does.
    package var function: (@Sendable (Double) -> Double)? {
        switch self {
        case .relu: { max($0, 0) }
        case .clippedReLU(let limit): { min(max($0, 0), Double(limit)) }
        case .leakyReLU(let slope): { $0 < 0 ? $0 * Double(slope) : $0 }
        case .thresholdedReLU(let slope, let threshold, let limit):
            { x in
                guard x > Double(threshold) || x.isNaN else { return Double(slope) * (x - Double(threshold)) }
                return limit.map { min(max(x, 0), Double($0)) } ?? x
            }
        case .sigmoid: { logistic($0) }
        case .tanh: { Foundation.tanh($0) }
        case .swish: { $0 * logistic($0) }
        case .elu(let alpha): { $0 > 0 ? $0 : Double(alpha) * expm1($0) }
        case .selu: { SELU.scale * ($0 > 0 ? $0 : SELU.alpha * expm1($0)) }
        case .gelu: { $0 * gaussian($0) }
        case .approximateGELU: { $0 * (1 + Foundation.tanh(innerGELU($0))) / 2 }
        case .hardSigmoid(let slope): { clampedLine($0, slope: slope) }
        case .hardSwish: { $0 * clampedLine($0, slope: 1 / 6) }
        case .mish: { $0 * Foundation.tanh(logOfOnePlusExp($0)) }
        case .softplus: { logOfOnePlusExp($0) }
        case .softsign: { $0 / (1 + abs($0)) }
        case .exponential: { exp($0) }
        case .softmax: nil
        }
    }

    /// The derivative of `function`, from below where it jumps; nil for softmax.
    package var derivative: (@Sendable (Double) -> Double)? {
        switch self {
        case .relu: { $0 > 0 ? 1 : 0 }
        case .clippedReLU(let limit): { $0 > 0 && $0 <= Double(limit) ? 1 : 0 }
        case .leakyReLU(let slope): { $0 > 0 ? 1 : Double(slope) }
        case .thresholdedReLU(let slope, let threshold, let limit):
            { x in
                guard x > Double(threshold) else { return Double(slope) }
                return limit.map { x > 0 && x <= Double($0) ? 1 : 0 } ?? 1
            }
        case .sigmoid: { logistic($0) * logistic(-$0) }
        case .tanh: { 1 - square(Foundation.tanh($0)) }
        case .swish: { logistic($0) * (1 + $0 * logistic(-$0)) }
        case .elu(let alpha): { $0 > 0 ? 1 : Double(alpha) * exp($0) }
        case .selu: { SELU.scale * ($0 > 0 ? 1 : SELU.alpha * exp($0)) }
        case .gelu: { gaussian($0) + $0 * exp(-$0 * $0 / 2) / (2 * Double.pi).squareRoot() }
        case .approximateGELU:
            { x in
                let inner = Foundation.tanh(innerGELU(x))
                let slope = (2 / Double.pi).squareRoot() * (1 + 3 * 0.044715 * x * x)
                return (1 + inner + x * (1 - inner * inner) * slope) / 2
            }
        case .hardSigmoid(let slope): { abs(slope * $0) < 0.5 ? slope : 0 }
        case .hardSwish: { abs($0) < 3 ? ($0 + 1.5) / 3 : $0 < 0 ? 0 : 1 }
        case .mish:
            { x in
                let gate = Foundation.tanh(logOfOnePlusExp(x))
                return gate + x * logistic(x) * (1 - gate * gate)
            }
        case .softplus: { logistic($0) }
        case .softsign: { 1 / square(1 + abs($0)) }
        case .exponential: { exp($0) }
        case .softmax: nil
        }
    }

    /// Where the function or its derivative jumps, in ascending order.
    package var breaks: [Double] {
        switch self {
        case .relu, .leakyReLU, .elu, .selu: [0]
        case .clippedReLU(let limit): [0, Double(limit)]
        case .thresholdedReLU(_, let threshold, let limit):
            ([Double(threshold)] + (limit.map { [0, Double($0)] } ?? [])).sorted()
        case .hardSigmoid(let slope): [-0.5 / slope, 0.5 / slope]
        case .hardSwish: [-3, 3]
        case .sigmoid, .tanh, .swish, .gelu, .approximateGELU, .mish, .softplus, .softsign, .exponential,
            .softmax:
            []
        }
    }
}

/// The constants of Klambauer et al. (2017), to the digits that Keras and PyTorch have.
private enum SELU {
    static let alpha = 1.673_263_242_354_377_2
    static let scale = 1.050_700_987_355_480_5
}

/// 1/(1 + e⁻ˣ). An exponential overflows above 709: the result is zero to a Float's precision long before.
private func logistic(_ x: Double) -> Double { 1 / (1 + exp(min(-x, 700))) }

/// ln(1 + eˣ)
private func logOfOnePlusExp(_ x: Double) -> Double { max(x, 0) + log1p(exp(-abs(x))) }

/// Φ(x), without cancellation far below zero.
private func gaussian(_ x: Double) -> Double { erfc(-x / 2.0.squareRoot()) / 2 }

/// What the tanh of the approximate GELU is taken of.
private func innerGELU(_ x: Double) -> Double { (2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x) }

private func clampedLine(_ x: Double, slope: Double) -> Double { min(max(slope * x + 0.5, 0), 1) }

private func square(_ x: Double) -> Double { x * x }
