import Networks
import Tensors

/// Plans the conversion of a network's batch norms. Reads every parameter of the network once.
///
/// - Parameters:
///   - network: the network to convert; one without batch normalization gives a plan that changes nothing but
///     what `weightStandardization: .all` asks for.
///   - parameters: the checkpoint's table; it is read, one parameter in memory at a time.
///   - options: what to convert to, and how.
///   - inputSize: the extents of the images that the network will see, for the check that no group of a norm is
///     left with a single value; the network's own where it fixes them.
///   - measured: what images tell beyond the stored statistics, for the initialization `noise`.
/// - Throws: `ConversionError` naming the layer or parameter at fault, `NetworkError` where operands do not fit
///   together at `inputSize`, and what reading parameters throws.
package func planConversion(
    of network: Network, parameters: ParameterTable, options: ConversionOptions, inputSize: Extent? = nil,
    measured: MeasuredStatistics? = nil
) throws -> ConversionPlan {
    var planner = try Planner(network, parameters, options, inputSize)
    planner.measured = measured
    for index in network.nodes.indices { try planner.visit(index) }
    return planner.finished()
}

/// The state of a walk over a network in topological order.
struct Planner {
    let source: Network
    let options: ConversionOptions
    let reader: ParameterReader
    /// What images tell beyond the stored statistics.
    var measured: MeasuredStatistics?
    let pairs: ConvolutionNormPairs
    /// Convolutions that were assumed to precede a norm, but are contradicted: index → reason.
    let contradicted: [Int: ConvolutionExemption]
    /// Each node's shape, nil behind a layer that is not computed; nil if the input's extents are unknown.
    let shapes: [Shape?]?
    var plan: ConversionPlan
    /// Whether each node depends on a layer that is not computed.
    let isBehindOpaque: [Bool]
    /// What is known of each visited node's value; nil for the input and for a layer that is not computed, and for what follows
    /// them without a convolution or a norm.
    var moments: [Moments?]
    /// Index of a norm → statistics of what enters it once the convolution before it is converted.
    var statistics: [Int: ChannelStatistics] = [:]
    /// Layers that are standardized although no norm makes up for it.
    var withoutNorm: [String] = []
    /// Names of parameters whose layer is converted: a layer may be called twice.
    var converted: Set<String> = []

    init(
        _ network: Network, _ parameters: ParameterTable, _ options: ConversionOptions, _ inputSize: Extent?
    ) throws {
        try options.check()
        self.options = options
        reader = ParameterReader(parameters: parameters)
        (source, contradicted) = try Self.connected(network, options, reader)
        pairs = ConvolutionNormPairs(source)
        let size = inputSize ?? network.input.extent
        shapes = try size.map { try network.knownShapes(of: $0) }
        plan = ConversionPlan(
            network: source, edits: ParameterEdits(), norms: [], biasedConvolutions: [],
            report: ConversionReport())
        plan.report.pairs = Self.reported(network, connected: source, contradicted)
        moments = [Moments?](repeating: nil, count: network.nodes.count)
        isBehindOpaque = source.isBehindOpaque
        if needsMoments { plan.report.momentsRestart = source.layersWithoutMoments }
    }

    /// Whether the conversion uses moments, which give the direction to move kernels.
    var needsMoments: Bool {
        options.standardization != .off && options.initialization != .copy
    }

    mutating func visit(_ index: Int) throws {
        let node = source.nodes[index]
        switch node.operation {
        case .convolution(let convolution): try visitConvolution(index, convolution)
        case .transposedConvolution(let convolution): try visitTransposed(index, convolution)
        case .batchNorm(let norm): try visitBatchNorm(index, norm)
        default: moments[index] = try propagatedMoments(index)
        }
    }

    private mutating func visitBatchNorm(_ index: Int, _ norm: BatchNorm) throws {
        let layer = source.nodes[index].layer
        let gamma = try reader.vector(norm.gamma, count: norm.channels, layer: layer)
        let beta = try reader.vector(norm.beta, count: norm.channels, layer: layer)
        let old = Affine(
            gamma: gamma ?? [Double](repeating: 1, count: norm.channels),
            beta: beta ?? [Double](repeating: 0, count: norm.channels))
        let statistics = try self.statistics[index] ?? storedStatistics(norm, layer: layer)
        let groups = try checkedGroups(index, norm)
        let new =
            switch options.initialization {
            case .statistics, .noise: old.forGroups(groups, epsilon: options.epsilon, of: statistics)
            case .copy: old
            }
        let names = try replaceAffine(of: norm, by: new)
        var converted = GroupNorm(
            gamma: names.gamma, beta: names.beta, groups: groups, epsilon: options.epsilon,
            channels: norm.channels)
        converted.axis = norm.axis
        plan.network.nodes[index].operation = .groupNorm(converted)
        if norm.axis == nil {
            moments[index] = Moments(mean: old.beta, variance: old.gamma.map { $0 * $0 })
        }
        guard self.converted.insert(norm.mean).inserted else { return }
        for name in [norm.mean, norm.variance] + norm.bookkeeping {
            plan.edits.set(name, .remove)
            plan.report.dropped.append(name)
        }
        plan.norms.append(
            ConvertedNorm(
                layer: layer, module: ParameterNaming.module(of: norm.mean), channels: norm.channels,
                groups: groups, epsilon: options.epsilon,
                addsGamma: norm.gamma == nil && names.gamma != nil,
                addsBeta: norm.beta == nil && names.beta != nil))
        countStage(norm.channels, groups, isStandardized: isStandardized(pairs.convolutionBefore[index]))
    }

    /// The running statistics, checked.
    func storedStatistics(_ norm: BatchNorm, layer: String) throws -> ChannelStatistics {
        let mean = try reader.read(norm.mean, shape: [norm.channels], layer: layer).values.map(Double.init)
        let variance = try reader.variance(norm.variance, count: norm.channels, layer: layer)
        if let index = variance.firstIndex(where: { !($0 + norm.epsilon > 0) }) {
            throw ConversionError.zeroVariance(parameter: norm.variance, index: index)
        }
        return ChannelStatistics(
            mean: mean, variance: variance,
            epsilon: [Double](repeating: norm.epsilon, count: norm.channels))
    }

    /// The number of groups, none of which is left with a single value.
    private func checkedGroups(_ index: Int, _ norm: BatchNorm) throws -> Int {
        let layer = source.nodes[index].layer
        guard norm.channels > 0 else {
            throw ConversionError.inconsistentLayer(
                layer: layer, found: "\(norm.channels) channels", expected: "at least one")
        }
        let groups = try options.groups(channels: norm.channels, layer: layer)
        if let shape = shapes?[index] ?? nil, shape.count <= groups {
            throw ConversionError.singleElementGroup(layer: layer, groups: groups, input: shape)
        }
        return groups
    }

    /// Edits that give a norm these values; a parameter that the layer does not have is only added where it is no
    /// longer 1 or 0. Returns the new norm's parameter names. Keras' order is gamma, beta, statistics.
    private mutating func replaceAffine(
        of norm: BatchNorm, by affine: Affine
    ) throws -> (gamma: String?, beta: String?) {
        func name(_ role: ParameterNaming.Role) -> String {
            ParameterNaming.name(role, beside: norm.mean, family: source.family)
        }
        var names = (gamma: norm.gamma, beta: norm.beta)
        if let gamma = norm.gamma {
            plan.edits.replace(gamma, by: try float(affine.gamma, for: gamma))
        } else if affine.gamma.contains(where: { Float($0) != 1 }) {
            let gamma = name(.gamma)
            let place = norm.beta ?? norm.mean
            plan.edits.set(
                gamma, .insert(try float(affine.gamma, for: gamma), .before, neighbour: place))
            names.gamma = gamma
        }
        if let beta = norm.beta {
            plan.edits.replace(beta, by: try float(affine.beta, for: beta))
        } else if affine.beta.contains(where: { Float($0) != 0 }) {
            let beta = name(.beta)
            let tensor = try float(affine.beta, for: beta)
            let edit: ParameterEdit =
                if let gamma = norm.gamma {
                    .insert(tensor, .after, neighbour: gamma)
                } else {
                    .insert(tensor, .before, neighbour: norm.mean)
                }
            plan.edits.set(beta, edit)
            names.beta = beta
        }
        return names
    }

    /// The values in the file's precision; `name` is named in errors.
    func float(_ values: [Double], for name: String) throws(ConversionError) -> Tensor {
        let tensor = Tensor(values.map(Float.init))
        if let index = tensor.values.firstIndex(where: { !$0.isFinite }) {
            throw .overflow(parameter: name, index: index, value: values[index])
        }
        return tensor
    }
}

extension ParameterEdits {
    /// New values for a small parameter, whatever the old ones are.
    mutating func replace(_ name: String, by tensor: Tensor) {
        set(name, .replace { _ in tensor })
    }
}
