import OrderedJSON

/// Calls of the framework's functions whose constants make their meaning exact.
extension KerasSettings {
    /// The operations of such a call; nil where it has no exact meaning here.
    func operations(of node: JSON) -> [Operation]? {
        guard let call = KerasOperatorCall(className: className, config: config, node: node) else {
            return nil
        }
        var settings = self
        settings.config = call.settings
        return try? settings.operations(call)
    }

    private func operations(_ call: KerasOperatorCall) throws(NetworkError) -> [Operation]? {
        guard call.arguments.count <= 2 else { return nil }
        // Functions align the innermost dimensions, so that of a lower rank meets no batch; layers align the batches.
        if case (.tensor?, .tensor?) = (call.arguments.first, call.arguments.dropFirst().first),
            Set(operands.compactMap(\.rank)).count > 1
        {
            return nil
        }
        switch (call.function, call.arguments.first, call.arguments.dropFirst().first) {
        case ("Add", .tensor?, .tensor?): return try addition()
        case ("Multiply", .tensor?, .tensor?): return try multiplication()
        case ("Subtract", .tensor?, .tensor?): return try merged(.subtract)
        case ("Maximum", .tensor?, .tensor?): return try merged(.maximum)
        case ("Minimum", .tensor?, .tensor?): return try merged(.minimum)
        case ("Stack", .tensors?, nil): return stacking()
        case ("Concatenate", .tensors?, nil): return try concatenation()
        case (_, .tensor?, .constant(let json)?): return constantOperator(call.function, json, isFirst: false)
        case (_, .constant(let json)?, .tensor?): return constantOperator(call.function, json, isFirst: true)
        case (_, .tensor?, nil): return try unaryOperator(call.function)
        default: return nil
        }
    }

    private func merged(_ merge: Merge) throws(NetworkError) -> [Operation] {
        try requireOneRank()
        return [.merge(merge)]
    }

    /// Maps of one channel, whose dimension is gone, as the channels of one map.
    private func stacking() -> [Operation]? {
        guard dataFormat == .channelsLast, let rank = operand.rank, !operands.contains(where: \.isSteps),
            operands.allSatisfy({ $0.rank == rank }),
            let axis = config["axis"]?.int, axis == -1 || axis == rank + 1
        else { return nil }
        return [.stack]
    }

    // MARK: Constants

    /// Arithmetic with one number, or one for each channel.
    private func constantOperator(_ function: String, _ json: JSON, isFirst: Bool) -> [Operation]? {
        if function == "GetItem" { return isFirst ? nil : slicing(json) }
        // Only `tf.nn.bias_add` has a data format.
        guard let values = constants(json), config["data_format"]?.string ?? "NHWC" == "NHWC" else {
            return nil
        }
        let operation: Operation
        switch (function, isFirst) {
        case ("Add", _), ("BiasAdd", false): operation = .scaleShift(scale: [1], offset: values)
        case ("Subtract", false): operation = .scaleShift(scale: [1], offset: values.map { -$0 })
        case ("Subtract", true): operation = .scaleShift(scale: [-1], offset: values)
        case ("Multiply", _): operation = .scaleShift(scale: values, offset: [0])
        case ("TrueDivide", false), ("Divide", false):
            let scale = values.map { 1 / $0 }
            guard scale.allSatisfy(\.isFinite) else { return nil }
            operation = .scaleShift(scale: scale, offset: [0])
        case ("Maximum", _) where values == [0]: operation = .activation(.relu)
        default: return nil
        }
        return [operation]
    }

    /// A number, or numbers along the innermost dimension alone, which has as many elements.
    private func constants(_ json: JSON) -> [Float]? {
        var (list, extents) = ([json], [Int]())
        if ["__tensor__", "__numpy__"].contains(json["class_name"]?.string) {
            list = [json["config"]?["value"] ?? .null]
        }
        while let first = list.first, first.kerasList != nil {
            let inner = list.compactMap(\.kerasList)
            guard inner.count == list.count, Set(inner.map(\.count)).count == 1 else { return nil }
            extents.append(inner[0].count)
            list = inner.flatMap(\.self)
        }
        let values = list.compactMap(\.double).map { Float($0) }
        guard values.count == list.count, !values.isEmpty, values.allSatisfy(\.isFinite) else { return nil }
        if extents.allSatisfy({ $0 == 1 }) {
            // More dimensions than the operand's would add to them.
            return extents.count <= (operand.rank ?? 0) + 1 ? values : nil
        }
        let isPlain = extents.dropLast().allSatisfy { $0 == 1 } && extents.count <= (operand.rank ?? 0) + 1
        let isChannels = dataFormat == .channelsLast || operand.rank == 1
        return isPlain && isChannels && operand.innermost == values.count ? values : nil
    }

    // MARK: One operand

    private static let functions: [String: Activation] = [
        "Relu": .relu, "Relu6": .clippedReLU(limit: 6), "Sigmoid": .sigmoid, "Tanh": .tanh, "Silu": .swish,
        "Softplus": .softplus, "Softsign": .softsign, "Selu": .selu, "HardSilu": .hardSwish,
        "Exp": .exponential,
        "HardSigmoid": .hardSigmoid(slope: 1 / 6),
    ]

    private func unaryOperator(_ function: String) throws(NetworkError) -> [Operation]? {
        if let activation = Self.functions[function] {
            try require("beta", oneOf: .double(1))
            return [.activation(activation)]
        }
        switch function {
        case "Negative": return [.scaleShift(scale: [-1], offset: [0])]
        case "Identity", "StopGradient": return []
        case "Cast": return config["dtype"]?.string?.contains("float") == true ? [] : nil
        case "Mean": return try poolingOperator(.average)
        case "Max": return try poolingOperator(.maximum)
        case "Elu": return try elu()
        case "Gelu":
            return [.activation(try bool("approximate", default: false) ? .approximateGELU : .gelu)]
        case "LeakyRelu":
            let key = config["negative_slope"] == nil ? "alpha" : "negative_slope"
            return [.activation(.leakyReLU(slope: Float(try number(key, default: 0.2) ?? 0.2)))]
        case "Softmax": return try softmax()
        case "Clip":
            guard try number("x_min", default: nil) == 0, let limit = try number("x_max", default: nil),
                limit >= 0
            else { return nil }
            return [.activation(.clippedReLU(limit: Float(limit)))]
        case "Transpose":
            let axes = config["axes"]?.kerasList?.compactMap(\.int) ?? []
            guard dataFormat == .channelsLast, axes.first == 0, let rank = operand.rank,
                axes.sorted() == Array(0...rank)
            else { return nil }
            return [.permute(operand.isSteps ? axes : axes.dropFirst().map { $0 - 1 })]
        default: return nil
        }
    }

    /// A mean or maximum over all positions.
    private func poolingOperator(_ kind: Pool.Kind) throws(NetworkError) -> [Operation]? {
        guard operand.isMap, let rank = operand.rank, let axis = config["axis"] else { return nil }
        let allowed = dataFormat == .channelsLast ? Array(1..<rank) : Array(2...rank)
        let axes = (axis.kerasList ?? [axis]).compactMap(\.int)
        guard axes.map({ $0 < 0 ? $0 + rank + 1 : $0 }).sorted() == allowed else { return nil }
        try require("initial")
        return [.globalPool(kind, keepsDimensions: try bool("keepdims", default: false))]
    }
}
