import OrderedJSON

extension KerasConfigWriter {
    mutating func append(
        _ activation: Activation, _ name: String, _ layer: String, _ operands: [String]
    ) throws(NetworkError) {
        switch activation {
        case .relu: append("ReLU", name, [], operands)
        case .clippedReLU(let limit): append("ReLU", name, [("max_value", number(limit))], operands)
        case .leakyReLU(let slope): append("LeakyReLU", name, [("negative_slope", number(slope))], operands)
        case .thresholdedReLU(let slope, let threshold, let limit):
            append(
                "ReLU", name,
                [
                    ("max_value", limit.map(number) ?? .null), ("negative_slope", number(slope)),
                    ("threshold", number(threshold)),
                ], operands)
        case .elu(let alpha): append("ELU", name, [("alpha", number(alpha))], operands)
        default:
            guard let function = activation.kerasFunction else {
                throw .noKerasLayer(layer: layer, for: activation.withoutKerasLayer)
            }
            append("Activation", name, [("activation", .string(function))], operands)
        }
    }

    /// Slopes are shared along the dimensions, counted from 1, where they have one element.
    mutating func append(_ prelu: PReLU, _ name: String, _ operands: [String]) {
        let shared = prelu.shape.indices.filter { prelu.shape[$0] == 1 }.map { JSON.int($0 + 1) }
        append("PReLU", name, [("shared_axes", shared.isEmpty ? .null : .array(shared))], operands)
        keep([(prelu.slopes, "alpha")], name)
    }
}

extension Activation {
    /// The name of Keras 3's function without settings.
    fileprivate var kerasFunction: String? {
        switch self {
        case .sigmoid: "sigmoid"
        case .tanh: "tanh"
        case .swish: "silu"
        case .selu: "selu"
        case .gelu: "gelu"
        case .hardSigmoid(let slope) where slope == 1 / 6: "hard_sigmoid"
        case .hardSwish: "hard_silu"
        case .mish: "mish"
        case .softplus: "softplus"
        case .softsign: "softsign"
        case .exponential: "exponential"
        case .softmax: "softmax"
        case .relu, .clippedReLU, .leakyReLU, .thresholdedReLU, .elu, .approximateGELU, .hardSigmoid: nil
        }
    }

    /// What an error calls a function that Keras 3 has no layer for.
    fileprivate var withoutKerasLayer: String {
        switch self {
        case .approximateGELU: "the tanh approximation of GELU"
        default: "Keras 2's hard sigmoid, which Keras 3 defines otherwise"
        }
    }
}
