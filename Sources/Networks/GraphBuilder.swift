import Tensors

/// The parameters of layers in a file whose names follow a convention.
protocol LayerNames {
    /// The order of kernels' dimensions.
    var kernelLayout: KernelLayout { get }
    /// ε of batch normalizations, which no such file records.
    var batchNormEpsilon: Double { get }
    /// Whether every batch normalization has a scale and an offset.
    var requiresAffine: Bool { get }
    /// The name and shape of a parameter; nil if the file has none.
    func parameter(_ role: LayerRole, of layer: String) -> (name: String, shape: Shape)?
    /// How errors name a parameter that is missing.
    func expectedName(_ role: LayerRole, of layer: String) -> String
    /// The layer's name in the network.
    func layerName(_ layer: String) -> String
    /// Groups and ε of a norm without statistics.
    func groupNorm(_ layer: String, channels: Int) throws(NetworkError) -> GroupNormSettings
}

/// The role of a parameter in its layer.
enum LayerRole: String {
    case kernel, bias, gamma, beta, mean, variance, counter
}

/// Appends layers to a network, their parameters found by name and their shapes checked.
struct GraphBuilder<Names: LayerNames> {
    let names: Names
    private(set) var nodes: [Node] = []
    /// ε of weight standardization, where convolutions standardize their weights.
    var standardization: Double?

    init(names: Names) { self.names = names }

    /// A value and its channels.
    struct Value {
        var node: Int
        var channels: Int
    }

    mutating func append(_ layer: String, _ operation: Operation, _ inputs: [Int]) -> Int {
        nodes.append(Node(layer: names.layerName(layer), operation: operation, inputs: inputs))
        return nodes.count - 1
    }

    /// Appends an operation that keeps the channels.
    mutating func apply(_ operation: Operation, _ layer: String, to value: Value) -> Value {
        Value(node: append(layer, operation, [value.node]), channels: value.channels)
    }

    /// The input. Its channels follow from the first kernel, of 2 dimensions or 3.
    mutating func input(before layer: String, dimensions: Int = 2) throws(NetworkError) -> Value {
        let (name, shape) = try require(.kernel, of: layer)
        guard shape.rank == dimensions + 2 else {
            throw .wrongShape(
                parameter: name, found: shape.description,
                expected: dimensions == 2 ? kernelText : "outputs×inputs×depth×rows×columns")
        }
        let channels = names.kernelLayout == .oihw ? shape[1] : shape[2]
        return Value(node: append("input", .input, []), channels: channels)
    }

    /// A convolution; groups are the input's channels over the kernel's, and have to be `groups` where it is given. Without
    /// `padding` it has margins of half the kernel, as PyTorch's networks do.
    mutating func convolution(
        _ layer: String, _ input: Value, size: Int, stride: Int, padding: Padding? = nil, groups: Int? = nil
    ) throws(NetworkError) -> Value {
        let (kernel, shape) = try require(.kernel, of: layer)
        let dimensions = names.kernelLayout == .oihw ? [0, 1, 2, 3] : [3, 2, 0, 1]
        let expected =
            "\(kernelText.replacing("rows×columns", with: "\(size)×\(size)")) for \(input.channels) channels"
            + (groups.map { $0 > 1 ? " in \($0) groups" : "" } ?? "")
        guard shape.rank == 4, case let extents = dimensions.map({ shape[$0] }), extents[2] == size,
            extents[3] == size, extents[0] > 0, extents[1] > 0, input.channels % extents[1] == 0,
            extents[0] % (input.channels / extents[1]) == 0,
            groups ?? input.channels / extents[1] == input.channels / extents[1]
        else {
            if names.kernelLayout == .hwio, shape.rank == 4, size > 1, shape[2] == size, shape[3] == size {
                throw .outputsFirstKernel(parameter: kernel, found: shape.description)
            }
            throw .wrongShape(parameter: kernel, found: shape.description, expected: expected)
        }
        var convolution = Convolution(
            kernel: kernel, kernelLayout: names.kernelLayout,
            bias: try optional(.bias, [extents[0]], of: layer), inputs: input.channels, outputs: extents[0],
            size: Extent(size), strides: Extent(stride), dilation: Extent(1),
            groups: input.channels / extents[1], padding: padding ?? .margins(Margins(size / 2)))
        convolution.standardization = standardization
        return Value(node: append(layer, .convolution(convolution), [input.node]), channels: extents[0])
    }

    /// Batch normalization where there are running statistics, group normalization where there are none.
    mutating func norm(_ layer: String, _ input: Value) throws(NetworkError) -> Value {
        let channels = input.channels
        let hasStatistics =
            names.parameter(.mean, of: layer) != nil || names.parameter(.variance, of: layer) != nil
        if hasStatistics {
            let norm = BatchNorm(
                gamma: try affine(.gamma, channels, of: layer), beta: try affine(.beta, channels, of: layer),
                mean: try require(.mean, [channels], of: layer),
                variance: try require(.variance, [channels], of: layer),
                bookkeeping: [names.parameter(.counter, of: layer)?.name].compactMap(\.self),
                epsilon: names.batchNormEpsilon, channels: channels)
            return apply(.batchNorm(norm), layer, to: input)
        }
        let (gamma, beta) = (
            try require(.gamma, [channels], of: layer), try require(.beta, [channels], of: layer)
        )
        let settings = try names.groupNorm(layer, channels: channels)
        guard settings.groups > 0, channels % settings.groups == 0 else {
            throw .unsupportedSetting(
                layer: names.layerName(layer), setting: "number of groups", found: "\(settings.groups)",
                expected: "a divisor of \(channels) channels")
        }
        guard settings.epsilon >= 0, settings.epsilon.isFinite else {
            throw .unsupportedSetting(
                layer: names.layerName(layer), setting: "epsilon", found: "\(settings.epsilon)",
                expected: "zero or a positive number")
        }
        let norm = GroupNorm(
            gamma: gamma, beta: beta, groups: settings.groups, epsilon: settings.epsilon, channels: channels)
        return apply(.groupNorm(norm), layer, to: input)
    }

    mutating func relu(_ layer: String, _ value: Value) -> Value {
        apply(.activation(.relu), layer, to: value)
    }

    mutating func maximumPool(_ layer: String, _ value: Value, margin: Int) -> Value {
        let pool = Pool(
            kind: .maximum, size: Extent(3), strides: Extent(2), padding: .margins(Margins(margin)))
        return apply(.pool(pool), layer, to: value)
    }

    /// The mean over all positions, then a fully connected layer, which may be kept as a 1×1 convolution.
    mutating func head(_ pool: String, _ layer: String, _ input: Value) throws(NetworkError) -> Value {
        if try require(.kernel, of: layer).shape.rank == 4 {
            let mean = apply(.globalPool(.average, keepsDimensions: true), pool, to: input)
            let outer = standardization
            standardization = nil
            defer { standardization = outer }
            return apply(.flatten, layer, to: try convolution(layer, mean, size: 1, stride: 1))
        }
        return try dense(layer, apply(.globalPool(.average, keepsDimensions: false), pool, to: input))
    }

    /// A fully connected layer over the innermost dimension.
    mutating func dense(_ layer: String, _ input: Value) throws(NetworkError) -> Value {
        let (kernel, shape) = try require(.kernel, of: layer)
        let isTransposed = names.kernelLayout == .oihw
        guard shape.rank == 2, shape[isTransposed ? 1 : 0] == input.channels,
            case let outputs = shape[isTransposed ? 0 : 1], outputs > 0
        else {
            let expected = isTransposed ? "classes×\(input.channels)" : "\(input.channels)×classes"
            throw .wrongShape(parameter: kernel, found: shape.description, expected: expected)
        }
        let dense = Dense(
            kernel: kernel, kernelIsTransposed: isTransposed,
            bias: try optional(.bias, [outputs], of: layer), inputs: input.channels, outputs: outputs)
        return Value(node: append(layer, .dense(dense), [input.node]), channels: outputs)
    }

    /// A fully connected layer over a whole map of `side` rows and columns, flattened in PyTorch's order (channels first):
    /// the convolution of the map's own size.
    mutating func denseOnMap(_ layer: String, _ input: Value, side: Int) throws(NetworkError) -> Value {
        let (kernel, shape) = try require(.kernel, of: layer)
        guard shape.rank == 2, let features = Shape(checking: [input.channels, side, side])?.count,
            shape[1] == features, shape[0] > 0
        else {
            throw .wrongShape(
                parameter: kernel, found: shape.description,
                expected: "outputs×(\(input.channels) channels of \(side)×\(side))")
        }
        let convolution = Convolution(
            kernel: kernel, kernelLayout: .flattened, bias: try optional(.bias, [shape[0]], of: layer),
            inputs: input.channels, outputs: shape[0], size: Extent(side), strides: Extent(1),
            dilation: Extent(1), groups: 1, padding: .valid)
        return Value(node: append(layer, .convolution(convolution), [input.node]), channels: shape[0])
    }

    // MARK: Parameters

    private var kernelText: String {
        names.kernelLayout == .oihw ? "outputs×inputs×rows×columns" : "rows×columns×inputs×outputs"
    }

    private func affine(
        _ role: LayerRole, _ channels: Int, of layer: String
    ) throws(NetworkError) -> String? {
        names.requiresAffine
            ? try require(role, [channels], of: layer) : try optional(role, [channels], of: layer)
    }

    /// The name and shape of a parameter that `layer` cannot do without.
    func require(
        _ role: LayerRole, of layer: String
    ) throws(NetworkError) -> (name: String, shape: Shape) {
        guard let found = names.parameter(role, of: layer) else {
            throw .missingParameter(
                name: names.expectedName(role, of: layer), neededBy: names.layerName(layer))
        }
        return found
    }

    /// The name of a parameter of exactly this shape.
    func require(_ role: LayerRole, _ extents: [Int], of layer: String) throws(NetworkError) -> String {
        let (name, shape) = try require(role, of: layer)
        guard shape.extents == extents else {
            throw .wrongShape(
                parameter: name, found: shape.description,
                expected: extents.isEmpty ? "scalar" : extents.map(String.init).joined(separator: "×"))
        }
        return name
    }

    func optional(
        _ role: LayerRole, _ extents: [Int], of layer: String
    ) throws(NetworkError) -> String? {
        names.parameter(role, of: layer) == nil ? nil : try require(role, extents, of: layer)
    }
}
