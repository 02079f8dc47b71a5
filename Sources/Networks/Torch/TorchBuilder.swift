import Tensors

/// Makes a ResNet's nodes from its parameters.
struct TorchBuilder {
    let names: TorchNames
    let layout: TorchLayout
    let groupNorms: [String: GroupNormSettings]
    private var nodes: [Node] = []
    /// PyTorch's default, which files do not record.
    private static let batchNormEpsilon = 1e-5

    /// A value and its channels.
    private struct Value {
        var node: Int
        var channels: Int
    }

    init(names: TorchNames, layout: TorchLayout, groupNorms: [String: GroupNormSettings]) {
        self.names = names
        self.layout = layout
        self.groupNorms = groupNorms
    }

    mutating func network() throws(NetworkError) -> Network {
        let (_, stem) = try names.require("conv1.weight", for: "conv1")
        let channels = stem[1]
        var value = Value(node: append("input", .input, []), channels: channels)
        value = try convolution("conv1", value, size: layout.isCIFAR ? 3 : 7, stride: layout.isCIFAR ? 1 : 2)
        value = try norm("bn1", value)
        value.node = append("relu", .activation(.relu), [value.node])
        if !layout.isCIFAR {
            let pool = Pool(
                kind: .maximum, size: Extent2D(3), strides: Extent2D(2), padding: .margins(Margins(1)))
            value.node = append("maxpool", .pool(pool), [value.node])
        }
        for (stage, blocks) in layout.blocks.enumerated() {
            for block in 0..<blocks {
                let stride = stage > 0 && block == 0 ? 2 : 1
                value = try self.block("layer\(stage + 1).\(block)", value, stride: stride)
            }
        }
        value.node = append("avgpool", .globalPool(.average, keepsDimensions: false), [value.node])
        let output = try classifier(value)
        return Network(
            name: "resnet\(layout.depth)", architecture: layout.title(first3x3: first3x3), family: .torch,
            input: Network.Input(height: nil, width: nil, channels: channels), nodes: nodes, output: output)
    }

    /// The first block's 3×3 convolution.
    private var first3x3: Convolution? {
        let layer = names.prefix + (layout.isBottleneck ? "layer1.0.conv2" : "layer1.0.conv1")
        guard case .convolution(let convolution) = nodes.first(where: { $0.layer == layer })?.operation else {
            return nil
        }
        return convolution
    }

    // MARK: Blocks

    private mutating func block(_ name: String, _ input: Value, stride: Int) throws(NetworkError) -> Value {
        // Rows and columns, and stride, of each convolution.
        let convolutions = layout.isBottleneck ? [(1, 1), (3, stride), (1, 1)] : [(3, stride), (3, 1)]
        var value = input
        for (index, (size, stride)) in convolutions.enumerated() {
            if index > 0 { value.node = append("\(name).relu", .activation(.relu), [value.node]) }
            value = try convolution("\(name).conv\(index + 1)", value, size: size, stride: stride)
            value = try norm("\(name).bn\(index + 1)", value)
        }
        let shortcut = try shortcut(name, input, outputs: value.channels, stride: stride)
        value.node = append("\(name).add", .add, [value.node, shortcut.node])
        value.node = append("\(name).relu", .activation(.relu), [value.node])
        return value
    }

    private mutating func shortcut(
        _ name: String, _ input: Value, outputs: Int, stride: Int
    ) throws(NetworkError) -> Value {
        if case .projection(let submodule) = layout.shortcut {
            // A file may have a projection where the shapes agree without one.
            let isNeeded = stride != 1 || input.channels != outputs
            guard isNeeded || names["\(name).\(submodule).0.weight"] != nil else { return input }
            let projected = try convolution("\(name).\(submodule).0", input, size: 1, stride: stride)
            return try norm("\(name).\(submodule).1", projected, channels: outputs)
        }
        if stride == 1, input.channels == outputs { return input }
        // Option A: x[::2, ::2], and a quarter of the outputs as zeros on both sides.
        let margin = outputs / 4
        guard stride == 2, outputs == input.channels + 2 * margin else {
            throw .missingParameter(
                name: "\(names.prefix)\(name).downsample.0.weight", neededBy: names.prefix + name)
        }
        let everySecond = Pool(kind: .maximum, size: Extent2D(1), strides: Extent2D(2), padding: .valid)
        let sampled = append("\(name).shortcut", .pool(everySecond), [input.node])
        let padded = append("\(name).shortcut", .padChannels(before: margin, after: margin), [sampled])
        return Value(node: padded, channels: outputs)
    }

    // MARK: Layers

    private mutating func append(_ layer: String, _ operation: Operation, _ inputs: [Int]) -> Int {
        nodes.append(Node(layer: names.prefix + layer, operation: operation, inputs: inputs))
        return nodes.count - 1
    }

    /// Half the kernel as margin; groups are the input's channels over the kernel's.
    private mutating func convolution(
        _ layer: String, _ input: Value, size: Int, stride: Int
    ) throws(NetworkError) -> Value {
        let (kernel, shape) = try names.require("\(layer).weight", for: layer)
        let expected = "outputs×inputs×\(size)×\(size) for \(input.channels) channels"
        guard shape.rank == 4, shape[2] == size, shape[3] == size, shape[0] > 0, shape[1] > 0,
            input.channels % shape[1] == 0, shape[0] % (input.channels / shape[1]) == 0
        else { throw .wrongShape(parameter: kernel, found: shape.description, expected: expected) }
        let convolution = Convolution(
            kernel: kernel, kernelLayout: .oihw,
            bias: try names.optional("\(layer).bias", [shape[0]], for: layer), inputs: input.channels,
            outputs: shape[0], size: Extent2D(size), strides: Extent2D(stride), dilation: Extent2D(1),
            groups: input.channels / shape[1], padding: .margins(Margins(size / 2)))
        return Value(node: append(layer, .convolution(convolution), [input.node]), channels: shape[0])
    }

    /// Batch normalization where there are running statistics, group normalization where there are none.
    private mutating func norm(
        _ layer: String, _ input: Value, channels: Int? = nil
    ) throws(NetworkError) -> Value {
        let channels = channels ?? input.channels
        let gamma = try names.require("\(layer).weight", [channels], for: layer)
        let beta = try names.require("\(layer).bias", [channels], for: layer)
        if names["\(layer).running_mean"] != nil || names["\(layer).running_var"] != nil {
            let norm = BatchNorm(
                gamma: gamma, beta: beta,
                mean: try names.require("\(layer).running_mean", [channels], for: layer),
                variance: try names.require("\(layer).running_var", [channels], for: layer),
                bookkeeping: [names["\(layer).num_batches_tracked"]].compactMap(\.self),
                epsilon: Self.batchNormEpsilon, channels: channels)
            return Value(node: append(layer, .batchNorm(norm), [input.node]), channels: channels)
        }
        guard let settings = groupNorms[names.prefix + layer] ?? groupNorms[layer] else {
            throw .unsupportedSetting(
                layer: names.prefix + layer, setting: "number of groups",
                found: "not recorded: there are no running statistics, so this is a group normalization",
                expected: "a batch normalization, or the note that normconv writes into its files")
        }
        guard settings.groups > 0, channels % settings.groups == 0 else {
            throw .unsupportedSetting(
                layer: names.prefix + layer, setting: "number of groups", found: "\(settings.groups)",
                expected: "a divisor of \(channels) channels")
        }
        guard settings.epsilon >= 0, settings.epsilon.isFinite else {
            throw .unsupportedSetting(
                layer: names.prefix + layer, setting: "epsilon", found: "\(settings.epsilon)",
                expected: "zero or a positive number")
        }
        let norm = GroupNorm(
            gamma: gamma, beta: beta, groups: settings.groups, epsilon: settings.epsilon, channels: channels)
        return Value(node: append(layer, .groupNorm(norm), [input.node]), channels: channels)
    }

    private mutating func classifier(_ input: Value) throws(NetworkError) -> Int {
        let layer = layout.classifier
        let (kernel, shape) = try names.require("\(layer).weight", for: layer)
        guard shape.rank == 2, shape[1] == input.channels, shape[0] > 0 else {
            throw .wrongShape(
                parameter: kernel, found: shape.description, expected: "classes×\(input.channels)")
        }
        let dense = Dense(
            kernel: kernel, kernelIsTransposed: true,
            bias: try names.optional("\(layer).bias", [shape[0]], for: layer), inputs: input.channels,
            outputs: shape[0])
        return append(layer, .dense(dense), [input.node])
    }
}
