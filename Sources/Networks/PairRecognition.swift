import Tensors

/// Norms with running statistics, and the convolutions before them, by their names alone. Nil where there are none.
///
/// A convolution belongs to a norm where their names differ in the word for what they are (`conv2`/`bn2`,
/// `branch_conv`/`branch_bn`, `conv2d_3`/`batch_normalization_3`) or by one in an `nn.Sequential` (`3`/`4`), where both
/// are in the same module or inner model, and where it has as many outputs as the norm has channels. In networks whose
/// norms stand before the convolutions of these names (pre-activation), as some number of channels shows, they are not
/// paired: nothing tells what a norm's convolution is.
///
/// - Parameter groupNorms: Settings of converted norms by layer name, where a note has them.
func recognizePairs(
    _ parameters: ParameterTable, _ groupNorms: [String: GroupNormSettings]?
) -> Recognition? {
    let layers = NamedLayers(parameters, groupNorms ?? [:])
    var nodes = [Node(layer: "input", operation: .input, inputs: [])]
    for norm in layers.norms {
        guard let operation = layers.operation(of: norm) else { continue }
        let name = layers.name(of: norm)
        nodes.append(Node(layer: "input of \(name)", operation: .input, inputs: []))
        if let convolution = layers.convolution(before: norm) {
            nodes.append(
                Node(
                    layer: convolution.layer, operation: .convolution(convolution.operation),
                    inputs: [nodes.count - 1]))
        }
        nodes.append(Node(layer: name, operation: operation, inputs: [nodes.count - 1]))
    }
    guard nodes.count > 1 else { return nil }
    var network = Network(
        name: "unknown", architecture: "unknown network, norms found by name",
        family: layers.isKeras ? .keras : .torch,
        input: Network.Input(height: nil, width: nil, channels: 3), nodes: nodes, output: nodes.count - 1)
    network.isComplete = false
    let used = Set(nodes.flatMap(\.operation.parameters))
    return Recognition(
        network: network, unused: parameters.names.filter { !used.contains($0) }, basis: .names,
        assumptions: network.conventions(
            batchNorm: layers.isKeras ? "Keras' default" : "PyTorch's default", groupNorm: nil))
}

/// Parameters by layer, in file order.
private struct NamedLayers {
    /// A layer's parameters by the last part of their names.
    struct Layer {
        /// All parts of the names but the last.
        let path: String
        var parts: [String: Parameter] = [:]
    }

    let isKeras: Bool
    private var layers: [Layer] = []
    private var index: [String: Int] = [:]
    private var followingNorms: Set<String> = []
    private let groupNorms: [String: GroupNormSettings]

    init(_ parameters: ParameterTable, _ groupNorms: [String: GroupNormSettings]) {
        self.groupNorms = groupNorms
        isKeras = parameters.names.contains { name in
            ["/moving_mean", "/gamma", "/beta"].contains { name.hasSuffix($0) || name.hasSuffix("\($0):0") }
        }
        for parameter in parameters {
            let name = parameter.name.hasSuffix(":0") ? parameter.name.dropLast(2) : parameter.name[...]
            guard let separator = name.lastIndex(of: isKeras ? "/" : ".") else { continue }
            let path = String(name[..<separator])
            let place = index[path] ?? layers.count
            if place == layers.count { layers.append(Layer(path: path)) }
            index[path] = place
            layers[place].parts[String(name[name.index(after: separator)...])] = parameter
        }
        followingNorms = patternsOfFollowing()
    }

    /// A layer's name for people: Keras' legacy names repeat it (`bn/bn/gamma:0`).
    func name(of layer: Layer) -> String {
        let steps = layer.path.split(separator: "/")
        guard steps.count > 1, steps[0] == steps[1] else { return layer.path }
        let name = steps.dropFirst().joined(separator: "/")
        return index[name] == nil ? name : layer.path
    }

    var norms: [Layer] { layers.filter { $0.hasStatistics || groupNorms[name(of: $0)] != nil } }

    /// Nil where the parameters' shapes are not a norm's.
    func operation(of norm: Layer) -> Operation? {
        if norm.hasStatistics {
            return norm.batchNorm(epsilon: isKeras ? 1e-3 : 1e-5).map(Operation.batchNorm)
        }
        return groupNorms[name(of: norm)].flatMap(norm.groupNorm).map(Operation.groupNorm)
    }

    /// The convolution before a norm, as far as kernels tell: strides and margins are unknown, and nobody asks.
    func convolution(before norm: Layer) -> (layer: String, operation: Convolution)? {
        guard let channels = norm.channels, followingNorms.contains(Self.pattern(norm.path)) else {
            return nil
        }
        for path in Self.convolutionPaths(of: norm.path) {
            guard let place = index[path] else { continue }
            let layer = layers[place]
            guard let kernel = layer.kernel, let (outputs, inputs) = layer.mapChannels else { continue }
            let extents = kernel.shape.extents
            let isTorch = layer.parts["weight"] != nil
            let size =
                isTorch
                ? Extent2D(rows: extents[2], columns: extents[3])
                : Extent2D(rows: extents[0], columns: extents[1])
            // A grouped kernel has fewer inputs than the map has channels; one group gives the same statistics.
            guard outputs == channels, inputs > 0, size.rows > 0, size.columns > 0 else { continue }
            return (
                self.name(of: layer),
                Convolution(
                    kernel: kernel.name, kernelLayout: isTorch ? .oihw : .hwio,
                    bias: layer.parts["bias"]?.name,
                    inputs: inputs, outputs: outputs, size: size, strides: Extent2D(1), dilation: Extent2D(1),
                    groups: 1, padding: .valid)
            )
        }
        return nil
    }

    /// Patterns of names of norms that stand behind their convolutions: a number of channels of one of them at least is
    /// that of its convolution's outputs alone, and none that of its inputs alone.
    private func patternsOfFollowing() -> Set<String> {
        var (behind, before) = (Set<String>(), Set<String>())
        for norm in norms {
            guard let channels = norm.channels else { continue }
            for path in Self.convolutionPaths(of: norm.path) {
                guard let place = index[path], let (outputs, inputs) = layers[place].mapChannels else {
                    continue
                }
                let pattern = Self.pattern(norm.path)
                if outputs == channels, inputs != channels, !Self.mayBeGrouped(outputs, inputs) {
                    behind.insert(pattern)
                }
                if outputs != channels, inputs == channels { before.insert(pattern) }
            }
        }
        return behind.subtracting(before)
    }

    /// Whether a kernel's inputs may be those of one group of many: they then say nothing of the map's channels.
    private static func mayBeGrouped(_ outputs: Int, _ inputs: Int) -> Bool {
        inputs > 0 && outputs % inputs == 0 && outputs / inputs > 4
    }

    /// A path without its numbers.
    private static func pattern(_ path: String) -> String { path.filter { !$0.isNumber } }

    /// What the convolution before a norm may be called.
    static func convolutionPaths(of norm: String) -> [String] {
        var paths: [String] = []
        for (word, other) in [
            ("batch_normalization", "conv2d"), ("bn", "conv"), ("norm", "conv"), ("BatchNorm", "Conv"),
            ("bn", "res"),
        ] {
            guard let range = norm.ranges(of: word).last else { continue }
            paths.append(norm.replacing(word, with: other, subrange: range))
            // Where a layer's name is repeated.
            paths.append(norm.replacing(word, with: other))
        }
        let parts = norm.split(separator: ".", omittingEmptySubsequences: false)
        if let number = parts.last.flatMap({ Int($0) }), number > 0 {
            paths.append((parts.dropLast() + ["\(number - 1)"]).joined(separator: "."))
        }
        return paths
    }
}

extension NamedLayers.Layer {
    /// The kernel of a convolution.
    fileprivate var kernel: Parameter? {
        (parts["weight"] ?? parts["kernel"]).flatMap { $0.shape.rank == 4 ? $0 : nil }
    }

    /// Outputs and inputs (of a group) of a convolution.
    fileprivate var mapChannels: (outputs: Int, inputs: Int)? {
        guard let extents = kernel?.shape.extents else { return nil }
        return parts["weight"] != nil ? (extents[0], extents[1]) : (extents[3], extents[2])
    }

    fileprivate var hasStatistics: Bool { parts["running_mean"] != nil || parts["moving_mean"] != nil }

    fileprivate var channels: Int? {
        let vector = parts["running_mean"] ?? parts["moving_mean"] ?? gamma ?? beta
        guard let vector, vector.shape.rank == 1 else { return nil }
        return vector.shape[0]
    }

    private var gamma: Parameter? { parts["weight"] ?? parts["gamma"] }
    private var beta: Parameter? { parts["bias"] ?? parts["beta"] }

    fileprivate func groupNorm(_ settings: GroupNormSettings) -> GroupNorm? {
        guard let channels, settings.groups > 0, channels > 0, channels % settings.groups == 0,
            settings.epsilon.isFinite, settings.epsilon >= 0,
            [gamma, beta].allSatisfy({ $0.map { $0.shape.extents == [channels] } ?? true })
        else { return nil }
        return GroupNorm(
            gamma: gamma?.name, beta: beta?.name, groups: settings.groups, epsilon: settings.epsilon,
            channels: channels)
    }

    fileprivate func batchNorm(epsilon: Double) -> BatchNorm? {
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
