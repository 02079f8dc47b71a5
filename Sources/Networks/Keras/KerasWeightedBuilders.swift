import OrderedJSON
import Tensors

// MARK: - Convolutions and dense layers

extension KerasSettings {
    func convolution() throws(NetworkError) -> [Operation] {
        try requireDataFormat()
        let filters = try positive("filters")
        let groups = config["groups"] == nil ? 1 : try positive("groups")
        let inputs = try kernelInputs("kernel", dimension: dimensions, groups: groups)
        guard inputs % groups == 0, filters % groups == 0 else {
            throw unsupported("groups", expected: "a divisor of \(inputs) inputs and \(filters) filters")
        }
        let size = try extent("kernel_size")
        let (kernel, layout) = try kernel(size, inputs: inputs / groups, outputs: filters)
        let convolution = Convolution(
            kernel: kernel, kernelLayout: layout, bias: try bias(filters), inputs: inputs, outputs: filters,
            size: size, strides: try strides(), dilation: try dilation(), groups: groups,
            padding: try convolutionPadding(size), dimensions: dimensions)
        return [.convolution(convolution)] + (try ownActivation())
    }

    /// Keras 2 names the kernel `depthwise_kernel`, Keras 3 `kernel`.
    func depthwiseConvolution() throws(NetworkError) -> [Operation] {
        let role = parameters.has("depthwise_kernel", of: path) ? "depthwise_kernel" : "kernel"
        var depthwise = try depthwisePart(kernel: role)
        depthwise.bias = try bias(depthwise.outputs)
        return [.convolution(depthwise)] + (try ownActivation())
    }

    /// A depthwise convolution, then a 1×1 convolution that has the bias.
    func separableConvolution() throws(NetworkError) -> [Operation] {
        let depthwise = try depthwisePart(kernel: "depthwise_kernel")
        let filters = try positive("filters")
        let pointwise = Convolution(
            kernel: try parameter(
                "pointwise_kernel", uniform(1).kernel(dimensions) + [depthwise.outputs, filters]),
            kernelLayout: .hwio, bias: try bias(filters), inputs: depthwise.outputs, outputs: filters,
            size: Extent(1), strides: Extent(1), dilation: Extent(1), groups: 1, padding: .valid,
            dimensions: dimensions)
        return [.convolution(depthwise), .convolution(pointwise)] + (try ownActivation())
    }

    /// Its kernel is [rows, columns, outputs, inputs].
    func transposedConvolution() throws(NetworkError) -> [Operation] {
        try requireDataFormat()
        let filters = try positive("filters")
        let inputs = try kernelInputs("kernel", dimension: 3, groups: 1)
        let size = try extent("kernel_size")
        let convolution = TransposedConvolution(
            kernel: try parameter("kernel", [size.height, size.width, filters, inputs]),
            bias: try bias(filters), inputs: inputs, outputs: filters, size: size, strides: try strides(),
            isSame: try padding() == .same, dilation: try dilation(), outputPadding: try outputPadding())
        return [.transposedConvolution(convolution)] + (try ownActivation())
    }

    /// One number that is not negative for both dimensions, or two; nil where there is none.
    private func outputPadding() throws(NetworkError) -> Extent? {
        guard let json = config["output_padding"], !json.isNull else { return nil }
        let both = (json.kerasList ?? [json, json]).compactMap(\.int)
        guard both.count == 2, both.allSatisfy((0...Self.largestSetting).contains) else {
            throw unsupported("output_padding", expected: "one or two numbers that are not negative")
        }
        return Extent(height: both[0], width: both[1])
    }

    private func depthwisePart(kernel role: String) throws(NetworkError) -> Convolution {
        try requireDataFormat()
        let size = try extent("kernel_size")
        let multiplier = config["depth_multiplier"] == nil ? 1 : try positive("depth_multiplier")
        let inputs = try kernelInputs(role, dimension: dimensions, groups: 1)
        let kernel = try parameter(role, size.kernel(dimensions) + [inputs, multiplier])
        return Convolution(
            kernel: kernel, kernelLayout: .hwim, bias: nil, inputs: inputs, outputs: inputs * multiplier,
            size: size, strides: try strides(), dilation: try dilation(), groups: inputs,
            padding: try convolutionPadding(size), dimensions: dimensions)
    }

    func dense() throws(NetworkError) -> [Operation] {
        try requireChannelsLastMap()
        let units = try positive("units")
        let inputs: Int
        if let known = operand.innermost {
            inputs = known
        } else {
            inputs = try storedExtent("kernel", dimension: 0)
        }
        let dense = Dense(
            kernel: try parameter("kernel", [inputs, units]), kernelIsTransposed: false,
            bias: try bias(units), inputs: inputs, outputs: units)
        return [.dense(dense)] + (try ownActivation())
    }

    /// A kernel's name, and the order of its dimensions by its shape: Keras' own, or outputs first, as Keras 1 kept them
    /// for channels-first models and converters from other frameworks leave them at times.
    private func kernel(
        _ size: Extent, inputs: Int, outputs: Int
    ) throws(NetworkError) -> (name: String, layout: KernelLayout) {
        let name = try parameters.name("kernel", of: path)
        let ours = size.kernel(dimensions) + [inputs, outputs]
        if dimensions == 2, let found = parameters.shape(name)?.extents, found != ours,
            found == [outputs, inputs, size.height, size.width]
        {
            return (name, .oihw)
        }
        return (try parameter("kernel", ours), .hwio)
    }

    private func strides() throws(NetworkError) -> Extent { try extent("strides", default: Extent(1)) }

    private func dilation() throws(NetworkError) -> Extent {
        try extent("dilation_rate", default: Extent(1))
    }

    /// Steps may be padded so that no output sees a later step ("causal").
    private func convolutionPadding(_ size: Extent) throws(NetworkError) -> Padding {
        guard dimensions == 1, config["padding"]?.string == "causal" else { return try padding() }
        // Two settings: their product fits.
        return .margins(Margins([((size.width - 1) * (try dilation().width), 0)]))
    }

    func bias(_ outputs: Int) throws(NetworkError) -> String? {
        try bool("use_bias", default: true) ? try parameter("bias", [outputs]) : nil
    }

    /// Channels of the input map, from the kernel where the graph does not tell.
    private func kernelInputs(_ role: String, dimension: Int, groups: Int) throws(NetworkError) -> Int {
        if let channels = try mapChannels() { return channels }
        return try storedExtent(role, dimension: dimension) * groups
    }

    func storedExtent(_ role: String, dimension: Int) throws(NetworkError) -> Int {
        let name = try parameters.name(role, of: path)
        guard let shape = parameters.shape(name), shape.rank > dimension,
            (1...Self.largestSetting).contains(shape[dimension])
        else {
            throw .wrongShape(
                parameter: name, found: parameters.shape(name)?.description ?? "unknown",
                expected: "\(dimension + 1) dimensions or more")
        }
        return shape[dimension]
    }
}

// MARK: - Norms

extension KerasSettings {
    func batchNormalization() throws(NetworkError) -> [Operation] {
        try require("renorm", oneOf: .bool(false))
        // Its `axis` counts one more dimension.
        try require("virtual_batch_size")
        let axis = try normAxis()
        let channels = try channels(along: axis, orFrom: "moving_mean")
        let (gamma, beta) = try affine(channels)
        var norm = BatchNorm(
            gamma: gamma, beta: beta, mean: try parameter("moving_mean", [channels]),
            variance: try parameter("moving_variance", [channels]), epsilon: try epsilon(),
            channels: channels)
        norm.axis = axis
        return [.batchNorm(norm)]
    }

    func groupNormalization() throws(NetworkError) -> [Operation] {
        let axis = try normAxis()
        let channels = try channels(along: axis, orFrom: affineRole())
        let groups =
            config["groups"] == nil ? 32 : config["groups"]?.int == -1 ? channels : try positive("groups")
        guard channels % groups == 0 else {
            throw unsupported("groups", expected: "a divisor of \(channels) channels")
        }
        let (gamma, beta) = try affine(channels)
        var norm = GroupNorm(
            gamma: gamma, beta: beta, groups: groups, epsilon: try epsilon(), channels: channels)
        norm.axis = axis
        return [.groupNorm(norm)]
    }

    /// A norm's `axis` if it is not the channels', or may not be; nil for the channels.
    private func normAxis() throws(NetworkError) -> Int? {
        let json = config["axis"] ?? .int(-1)
        let axes = json.kerasList ?? [json]
        guard axes.count == 1, let axis = axes[0].int, axis != 0, (-8...8).contains(axis) else {
            throw unsupported("axis", expected: "the number of one dimension")
        }
        guard let rank = operand.rank else {
            return dataFormat == .channelsLast && axis == -1 ? nil : axis
        }
        let place = axis < 0 ? axis + rank + 1 : axis
        guard (1...max(rank, 1)).contains(place) else {
            throw unsupported("axis", expected: "one of \(rank) dimensions after the batch")
        }
        let isFirst = dataFormat == .channelsFirst && operand.isMap
        return place == (isFirst ? 1 : rank) ? nil : axis
    }

    /// The elements along a norm's axis.
    private func channels(along axis: Int?, orFrom role: String?) throws(NetworkError) -> Int {
        guard axis != nil else { return try channels(orFrom: role) }
        var settings = self
        settings.operands = [Extents(rank: nil, innermost: nil)]
        return try settings.channels(orFrom: role)
    }

    func layerNormalization() throws(NetworkError) -> [Operation] {
        try requireChannelAxis()
        try require("rms_scaling", oneOf: .bool(false))
        let channels = try channels(orFrom: affineRole())
        let (gamma, beta) = try affine(channels)
        return [
            .layerNorm(LayerNorm(gamma: gamma, beta: beta, epsilon: try epsilon(), channels: channels))
        ]
    }

    private func affine(_ channels: Int) throws(NetworkError) -> (gamma: String?, beta: String?) {
        let gamma = try bool("scale", default: true) ? try parameter("gamma", [channels]) : nil
        let beta = try bool("center", default: true) ? try parameter("beta", [channels]) : nil
        return (gamma, beta)
    }

    /// A parameter that has one element per channel, where the settings ask for one.
    private func affineRole() throws(NetworkError) -> String? {
        if try bool("scale", default: true) { return "gamma" }
        return try bool("center", default: true) ? "beta" : nil
    }
}

extension Extent {
    /// A kernel's extents as they are stored, outermost first.
    fileprivate func kernel(_ dimensions: Int) -> [Int] { Array(all.suffix(dimensions)) }
}
