import Tensors

extension NamedLayers.Layer {
    /// The kernel of a convolution of 1 to 3 dimensions that is, by its class or its names, neither transposed nor depthwise
    /// in Keras.
    var kernel: Parameter? {
        if module?.isTransposedConvolution == true { return nil }
        let name = path.split(whereSeparator: { "/.".contains($0) }).last?.lowercased() ?? ""
        guard isPlain || !["transpose", "deconv"].contains(where: name.contains) else { return nil }
        // PyTorch's depthwise kernels are laid out as others.
        guard let kernel = parts["weight"] ?? (name.contains("depthwise") ? nil : parts["kernel"]) else {
            return nil
        }
        return (3...5).contains(kernel.shape.rank) ? kernel : nil
    }

    private var isTorch: Bool { parts["weight"] != nil }

    /// Outputs and inputs (of a group) of a convolution.
    var mapChannels: (outputs: Int, inputs: Int)? {
        guard let extents = kernel?.shape.extents else { return nil }
        let last = extents.count - 1
        return isTorch ? (extents[0], extents[1]) : (extents[last], extents[last - 1])
    }

    /// The extents of a convolution's kernel without channels.
    var spatial: [Int]? {
        guard let extents = kernel?.shape.extents else { return nil }
        return Array(isTorch ? extents.dropFirst(2) : extents.dropLast(2))
    }

    /// The convolution, from its kernel alone. Strides and padding are unknown and not needed.
    var convolution: Convolution? {
        guard let kernel, let (outputs, inputs) = mapChannels, outputs > 0, inputs > 0,
            let spatial, spatial.allSatisfy({ $0 > 0 })
        else { return nil }
        // Without a class, filters of one input are depthwise ones', each with an input of its own. Those of a grey image may be taken so, too.
        let groups = recordedGroups ?? (isTorch && inputs == 1 ? outputs : 1)
        guard groups > 0, Shape(checking: [inputs, groups]) != nil, outputs % groups == 0 else { return nil }
        var convolution = Convolution(
            kernel: kernel.name, kernelLayout: isTorch ? .oihw : .hwio, bias: parts["bias"]?.name,
            inputs: inputs * groups, outputs: outputs,
            size: Extent(spatial), strides: Extent(1), dilation: Extent(1), groups: groups, padding: .valid,
            dimensions: spatial.count)
        convolution.doubt = mayBeTransposed ? .mayBeTransposed : mayBeGrouped ? .mayBeGrouped : nil
        return convolution
    }

    /// Whether the file records that this is a convolution and no transposed one.
    private var isPlain: Bool { module?.isPlainConvolution == true }

    /// The groups that the file records of a convolution, 0 for a number that is none; nil where it records none.
    private var recordedGroups: Int? {
        guard isPlain, let groups = module?.number("groups") else { return nil }
        return Int(exactly: groups) ?? 0
    }

    /// Whether the kernel may be that of several groups, as ResNeXt's and RegNet's: few inputs for its outputs. 1×1 kernels
    /// and those of images (up to 3 inputs) are not grouped.
    private var mayBeGrouped: Bool {
        guard isTorch, recordedGroups == nil, let (outputs, inputs) = mapChannels, let spatial else {
            return false
        }
        return inputs > 3 && outputs % inputs == 0 && outputs / inputs > 4 && spatial.contains { $0 > 1 }
    }

    /// Whether the kernel of even extents may be a transposed convolution's, whose inputs come first.
    var mayBeTransposed: Bool {
        guard isTorch, !isPlain, let (outputs, inputs) = mapChannels, let spatial else { return false }
        return spatial.allSatisfy { $0 % 2 == 0 } && (outputs == inputs || inputs == 1)
    }

    var hasStatistics: Bool { parts["running_mean"] != nil || parts["moving_mean"] != nil }

    /// Channels of a norm.
    var channels: Int? {
        let vector = parts["running_mean"] ?? parts["moving_mean"] ?? gamma ?? beta
        guard let vector, vector.shape.rank == 1 else { return nil }
        return vector.shape[0]
    }

    private var gamma: Parameter? { parts["weight"] ?? parts["gamma"] }
    private var beta: Parameter? { parts["bias"] ?? parts["beta"] }

    func groupNorm(_ settings: GroupNormSettings) -> GroupNorm? {
        guard let channels, settings.groups > 0, channels > 0, channels % settings.groups == 0,
            settings.epsilon.isFinite, settings.epsilon >= 0,
            [gamma, beta].allSatisfy({ $0.map { $0.shape.extents == [channels] } ?? true })
        else { return nil }
        return GroupNorm(
            gamma: gamma?.name, beta: beta?.name, groups: settings.groups, epsilon: settings.epsilon,
            channels: channels)
    }

    func batchNorm(epsilon: Double) -> BatchNorm? {
        guard let channels, channels > 0, let mean = parts["running_mean"] ?? parts["moving_mean"],
            let variance = parts["running_var"] ?? parts["moving_variance"]
        else { return nil }
        for vector in [gamma, beta, variance] where vector.map({ $0.shape.extents != [channels] }) ?? false {
            return nil
        }
        return BatchNorm(
            gamma: gamma?.name, beta: beta?.name, mean: mean.name, variance: variance.name,
            bookkeeping: [parts["num_batches_tracked"]?.name].compactMap(\.self), epsilon: epsilon,
            channels: channels)
    }
}

// MARK: - Outputs

extension NamedLayers.Layer {
    /// The numbers of outputs that the layer may have: none for norms and others without a kernel, several where a
    /// kernel's shape does not tell a convolution from a transposed or a depthwise one.
    func possibleOutputs(isKeras: Bool) -> Set<Int> {
        let kernels = parts.filter { $0.value.shape.rank > 1 }
        guard !kernels.isEmpty else { return [] }
        guard parts.keys.allSatisfy(Self.kernelRoles.union(["bias"]).contains) else {
            // Recurrent layers, attention, layers of no known class.
            return kernels.values.reduce(into: []) { outputs, kernel in
                outputs.formUnion(kernel.shape.extents)
                outputs.insert(product(kernel.shape.extents.suffix(2)))
            }
        }
        if let bias = parts["bias"], bias.shape.rank == 1 { return [bias.shape[0]] }
        if let pointwise = kernels["pointwise_kernel"] { return Set(pointwise.shape.extents.suffix(1)) }
        if let depthwise = kernels["depthwise_kernel"] { return [product(depthwise.shape.extents.suffix(2))] }
        let extents = (kernels["kernel"] ?? kernels["weight"])?.shape.extents ?? []
        if !isKeras {
            if isPlain { return Set(extents.prefix(1)) }
            guard module?.isTransposedConvolution == true else { return Set(extents.prefix(2)) }
            let groups = module?.number("groups").flatMap { Int(exactly: $0) } ?? 1
            return [product([extents[1], max(groups, 1)])]
        }
        let name = path.split(separator: "/").last ?? ""
        if extents.count == 2 || ["conv1d", "conv2d", "conv3d"].contains(where: { name.isNumbered($0) }) {
            return Set(extents.suffix(1))
        }
        return Set(extents.suffix(2)).union([product(extents.suffix(2))])
    }

    private static let kernelRoles: Set<String> = [
        "kernel", "depthwise_kernel", "pointwise_kernel", "weight",
    ]

    private func product(_ extents: ArraySlice<Int>) -> Int {
        extents.reduce(1) { product, extent in
            let (result, overflow) = product.multipliedReportingOverflow(by: extent)
            return overflow ? 0 : result
        }
    }
}
