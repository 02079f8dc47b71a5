import OrderedJSON

extension KerasSettings {
    /// Functions by the names that Keras writes. Keras' `gelu` is the exact one in all versions; only `keras.ops.gelu`
    /// approximates it. `hard_sigmoid` is told apart by version, softmax needs its axis.
    private static let activations: [String: Activation] = [
        "relu": .relu, "relu6": .clippedReLU(limit: 6), "leaky_relu": .leakyReLU(slope: 0.2),
        "sigmoid": .sigmoid, "tanh": .tanh, "swish": .swish, "silu": .swish,
        "elu": .elu(alpha: 1), "selu": .selu, "gelu": .gelu, "mish": .mish,
        "hard_silu": .hardSwish, "hard_swish": .hardSwish,
        "softplus": .softplus, "softsign": .softsign, "exponential": .exponential,
    ]

    /// Layers that may stand where a function's name is expected.
    private static let activationLayers: [String: KerasBuilder] = [
        "ReLU": relu, "LeakyReLU": leakyReLU, "ThresholdedReLU": thresholdedReLU, "ELU": elu,
        "Softmax": softmax, "Activation": activation,
    ]

    /// The `activation` setting: a function's name, or a layer of its own. None for linear.
    func activation() throws(NetworkError) -> [Operation] {
        let json = config["activation"] ?? .null
        if json.isNull || json.string == "linear" { return [] }
        if json["class_name"] != nil { return try activation(layer: json) }
        switch json.string {
        case "softmax":
            try requireChannelsLastMap()
            return [.activation(.softmax)]
        case "hard_sigmoid": return [.activation(.hardSigmoid(slope: isKeras3 ? 1 / 6 : 1 / 5))]
        default: break
        }
        guard let activation = json.string.flatMap({ Self.activations[$0] }) else {
            let names = Self.activations.keys + ["linear", "softmax", "hard_sigmoid"]
            throw unsupported("activation", expected: "one of \(names.sorted().joined(separator: ", "))")
        }
        return [.activation(activation)]
    }

    /// `{"class_name": "LeakyReLU", "config": {…}}` in place of a name.
    private func activation(layer json: JSON) throws(NetworkError) -> [Operation] {
        guard let className = json["class_name"]?.string, let config = json["config"],
            KerasModel.customClass(json, className) == nil, let builder = Self.activationLayers[className]
        else { throw unsupported("activation", expected: "a function or an activation layer of Keras") }
        var inner = self
        (inner.className, inner.config) = (className, config)
        return try builder(inner)()
    }

    func relu() throws(NetworkError) -> [Operation] {
        let slope = Float(try number("negative_slope", default: 0) ?? 0)
        let threshold = Float(try number("threshold", default: 0) ?? 0)
        let limit = try number("max_value", default: nil).map { Float($0) }
        guard limit ?? 0 >= 0 else {
            throw unsupported("max_value", expected: "a number that is not negative")
        }
        let activation: Activation =
            switch (slope, threshold, limit) {
            case (0, 0, nil): .relu
            case (0, 0, let limit?): .clippedReLU(limit: limit)
            case (_, 0, nil): .leakyReLU(slope: slope)
            default: .thresholdedReLU(slope: slope, threshold: threshold, limit: limit)
            }
        return [.activation(activation)]
    }

    /// Keras 3 calls the slope `negative_slope`, Keras 2 `alpha`; 0.3 in both where it is missing.
    func leakyReLU() throws(NetworkError) -> [Operation] {
        let key = config["negative_slope"] == nil ? "alpha" : "negative_slope"
        return [.activation(.leakyReLU(slope: Float(try number(key, default: 0.3) ?? 0.3)))]
    }

    /// Keras 2: x above `theta`, 0 elsewhere.
    func thresholdedReLU() throws(NetworkError) -> [Operation] {
        let threshold = Float(try number("theta", default: 1) ?? 1)
        return [.activation(.thresholdedReLU(slope: 0, threshold: threshold, limit: nil))]
    }

    func elu() throws(NetworkError) -> [Operation] {
        [.activation(.elu(alpha: Float(try number("alpha", default: 1) ?? 1)))]
    }

    /// Slopes as many as the input has elements, or one along each of the `shared_axes`.
    func prelu() throws(NetworkError) -> [Operation] {
        try requireChannelsLastMap()
        let name = try parameters.name("alpha", of: path)
        guard let shape = parameters.shape(name), shape.rank == operand.rank ?? shape.rank, shape.count > 0,
            shape[-1] == 1 || operand.innermost == nil || shape[-1] == operand.innermost
        else {
            throw .wrongShape(
                parameter: name, found: parameters.shape(name)?.description ?? "unknown",
                expected: "the extents of the input, or 1 for an extent with a shared slope")
        }
        return [.prelu(PReLU(slopes: name, shape: shape.extents))]
    }

    func softmax() throws(NetworkError) -> [Operation] {
        try requireChannelAxis()
        return [.activation(.softmax)]
    }
}
