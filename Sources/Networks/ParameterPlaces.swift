/// A parameter of a network and its role in the layer.
package struct ParameterPlace: Sendable, Equatable {
    /// The layer's name.
    package var layer: String
    /// The name in the file.
    package var name: String
    /// The order of the dimensions.
    package var layout: Layout
    /// Keras' word for its role: `kernel`, `gamma`, `moving_mean`, …
    package var role: String

    /// The order of a parameter's dimensions.
    package enum Layout: Sendable, Equatable {
        /// A vector or a scalar.
        case plain
        /// Kernels of convolutions, as in `KernelLayout`.
        case hwio, oihw, hwim
        /// A dense kernel: Keras' [inputs, outputs], PyTorch's [outputs, inputs].
        case inputsFirst, outputsFirst
    }

    /// `layer/role`
    package var kerasName: String { "\(layer)/\(role)" }

    /// `layer.weight` and so on.
    package var torchName: String {
        let last =
            switch role {
            case "gamma": "weight"
            case "beta": "bias"
            case "moving_mean": "running_mean"
            case "moving_variance": "running_var"
            default: role.hasSuffix("kernel") ? "weight" : role
            }
        return "\(layer).\(last)"
    }
}

extension Network {
    /// Every parameter that the network reads, in topological order. A parameter that two nodes share occurs twice.
    package var parameterPlaces: [ParameterPlace] {
        nodes.flatMap { node -> [ParameterPlace] in
            func place(
                _ name: String?, _ role: String, _ layout: ParameterPlace.Layout = .plain
            ) -> [ParameterPlace] {
                name.map { [ParameterPlace(layer: node.layer, name: $0, layout: layout, role: role)] } ?? []
            }
            switch node.operation {
            case .convolution(let convolution):
                let layout: ParameterPlace.Layout =
                    switch convolution.kernelLayout {
                    case .hwio: .hwio
                    case .oihw, .flattened: .oihw
                    case .hwim: .hwim
                    }
                // A separable layer has two kernels, whose names tell them apart.
                let stem =
                    convolution.kernel.hasSuffix(":0")
                    ? convolution.kernel.dropLast(2) : convolution.kernel[...]
                let last = stem.split(separator: "/").last.map(String.init) ?? ""
                let role = last == "depthwise_kernel" || last == "pointwise_kernel" ? last : "kernel"
                return place(convolution.kernel, role, layout) + place(convolution.bias, "bias")
            case .transposedConvolution(let convolution):
                // [rows, columns, outputs, inputs], PyTorch's [inputs, outputs, rows, columns]: the same exchange.
                return place(convolution.kernel, "kernel", .hwio) + place(convolution.bias, "bias")
            case .dense(let dense):
                return place(dense.kernel, "kernel", dense.kernelIsTransposed ? .outputsFirst : .inputsFirst)
                    + place(dense.bias, "bias")
            case .batchNorm(let norm):
                return place(norm.gamma, "gamma") + place(norm.beta, "beta") + place(norm.mean, "moving_mean")
                    + place(norm.variance, "moving_variance")
            case .groupNorm(let norm): return place(norm.gamma, "gamma") + place(norm.beta, "beta")
            case .layerNorm(let norm): return place(norm.gamma, "gamma") + place(norm.beta, "beta")
            case .prelu(let prelu): return place(prelu.slopes, "alpha")
            case .standardizeInput(let mean, let variance):
                return place(mean, "mean") + place(variance, "variance")
            default: return []
            }
        }
    }
}
