import Tensors

/// Why a convolution is not standardized: it would change what follows.
package enum ConvolutionExemption: Error, Sendable, Equatable {
    /// Its only consumer is an addition (a shortcut without a norm, a pre-activation block).
    case feedsAdd(layer: String)
    /// More than one node reads it.
    case severalConsumers(layers: [String])
    /// Another node has the same kernel.
    case sharedKernel(layer: String)
    /// The norm after it has parameters that another node uses as well.
    case sharedNorm(layer: String)
    /// An elementwise function follows it.
    case activation(layer: String)
    /// Its only consumer is something else that is not a norm.
    case notBeforeNorm(layer: String)
    /// Its only consumer is a layer that is not computed.
    case opaque(layer: String, className: String)
    /// The norm after it normalizes along another axis than the convolution's outputs.
    case otherAxis(layer: String)
    /// Its value is the network's output.
    case isOutput
    /// The graph is not known. The norm behind it may be this one, or nothing proves that it follows directly.
    case unproven(norm: String, basis: PairBasis)
    /// It was assumed to directly precede the norm, but the running means are all 0 or more, as after a ReLU.
    case contradicted(norm: String)
}

/// A layer that is left as it is, and why, for reports.
package struct ExemptLayer: Codable, Sendable, Equatable {
    /// The layer's name.
    package var layer: String
    /// Why.
    package var reason: String

    /// A layer and a reason.
    package init(layer: String, reason: String) { (self.layer, self.reason) = (layer, reason) }
}

extension ConvolutionExemption: CustomStringConvertible {
    /// The reason as text.
    package var description: String {
        switch self {
        case .feedsAdd(let layer): "it feeds the addition '\(layer)'"
        case .severalConsumers(let layers): "it feeds several layers: \(layers.listed())"
        case .sharedKernel(let layer): "its kernel is shared with '\(layer)'"
        case .sharedNorm(let layer): "the parameters of the norm after it are shared with '\(layer)'"
        case .activation(let layer): "the activation '\(layer)' follows it"
        case .notBeforeNorm(let layer): "it feeds '\(layer)', which is not a norm"
        case .opaque(let layer, let className):
            "it feeds '\(layer)', a layer of class \(className), which normconv does not compute"
        case .otherAxis(let layer): "the axis of the norm '\(layer)' is not the convolution's outputs"
        case .isOutput: "it is the network's output"
        case .unproven(let norm, let basis):
            "\(basis.reason(norm)), but nothing proves that they are adjacent"
        case .contradicted(let norm):
            "the running means of '\(norm)' are all 0 or more, as after a ReLU, so the norm does not directly follow this convolution"
        }
    }
}

extension PairBasis {
    fileprivate func reason(_ norm: String) -> String {
        switch self {
        case .proven(by: .graph): "'\(norm)' reads it"
        case .proven(by: .given): "it was given as the one before '\(norm)'"
        case .proven(by: .order): "the order of layers puts '\(norm)' after it"
        case .proven(by: .count): "no other layer has as many channels as '\(norm)'"
        case .assumed(because: .names): "its name matches '\(norm)'"
        case .assumed(because: .numbers): "only the number in its name matches '\(norm)'"
        }
    }
}

/// Which convolution feeds which norm (batch or group normalization), and why the others do not.
package struct ConvolutionNormPairs: Sendable, Equatable {
    /// For each node, the nodes that read it, in order; a node that reads it twice stands twice.
    package let consumers: [[Int]]
    /// The norm after a convolution: index of the convolution → index of the norm.
    package let normBehind: [Int: Int]
    /// The convolution before a norm: index of the norm → index of the convolution.
    package let convolutionBefore: [Int: Int]
    /// Index of a convolution that has no norm of its own → why not.
    package let exemptions: [Int: ConvolutionExemption]

    /// Walks the network once.
    package init(_ network: Network) {
        let consumers = network.consumers
        let users = network.parameterUsers
        var (behind, before) = ([Int: Int](), [Int: Int]())
        var exemptions: [Int: ConvolutionExemption] = [:]
        let loose = network.looseConvolutions
        for (index, node) in network.nodes.enumerated() {
            guard case .convolution(let convolution) = node.operation else { continue }
            if let exemption = loose[index] {
                exemptions[index] = exemption
                continue
            }
            switch network.norm(behind: index, convolution, consumers: consumers[index], users: users) {
            case .success(let norm): (behind[index], before[norm]) = (norm, index)
            case .failure(let exemption): exemptions[index] = exemption
            }
        }
        self.consumers = consumers
        normBehind = behind
        convolutionBefore = before
        self.exemptions = exemptions
    }
}

extension Network {
    /// For each node, the nodes that read it, in order; a node that reads it twice stands twice.
    package var consumers: [[Int]] {
        var consumers = [[Int]](repeating: [], count: nodes.count)
        for (index, node) in nodes.enumerated() {
            for input in node.inputs where consumers.indices.contains(input) {
                consumers[input].append(index)
            }
        }
        return consumers
    }

    /// Convolutions that may be before a norm, and are not connected with it.
    fileprivate var looseConvolutions: [Int: ConvolutionExemption] {
        var found: [Int: ConvolutionExemption] = [:]
        for loose in looseNorms {
            guard let convolution = loose.convolution, let basis = loose.basis else { continue }
            found[convolution] = .unproven(norm: nodes[loose.norm].layer, basis: basis)
        }
        return found
    }

    /// Parameter name → the nodes that use it, in order.
    var parameterUsers: [String: [Int]] {
        var users: [String: [Int]] = [:]
        for (index, node) in nodes.enumerated() {
            for name in node.operation.parameters { users[name, default: []].append(index) }
        }
        return users
    }

    fileprivate func norm(
        behind index: Int, _ convolution: Convolution, consumers: [Int], users: [String: [Int]]
    ) -> Result<Int, ConvolutionExemption> {
        func other(than own: Int, sharing names: [String]) -> String? {
            names.lazy.compactMap { users[$0]?.first { $0 != own } }.first.map { nodes[$0].layer }
        }
        if let other = other(than: index, sharing: [convolution.kernel]) {
            return .failure(.sharedKernel(layer: other))
        }
        if index == output || outputs.contains(where: { $0.node == index }) { return .failure(.isOutput) }
        guard consumers.count == 1, let consumer = consumers.first else {
            return .failure(.severalConsumers(layers: consumers.map { nodes[$0].layer }))
        }
        let layer = nodes[consumer].layer
        switch nodes[consumer].operation {
        case .batchNorm, .groupNorm:
            if nodes[consumer].obstacle != nil { return .failure(.otherAxis(layer: layer)) }
            let names = nodes[consumer].operation.parameters
            if let other = other(than: consumer, sharing: names) {
                return .failure(.sharedNorm(layer: other))
            }
            return .success(consumer)
        case .add: return .failure(.feedsAdd(layer: layer))
        case .activation, .prelu: return .failure(.activation(layer: layer))
        case .opaque(let opaque): return .failure(.opaque(layer: layer, className: opaque.className))
        default: return .failure(.notBeforeNorm(layer: layer))
        }
    }
}

extension Operation {
    /// Names of the parameters that the operation reads or keeps, in the order of its declaration.
    package var parameters: [String] {
        switch self {
        case .convolution(let convolution): [convolution.kernel, convolution.bias].compactMap(\.self)
        case .transposedConvolution(let convolution):
            [convolution.kernel, convolution.bias].compactMap(\.self)
        case .dense(let dense): [dense.kernel, dense.bias].compactMap(\.self)
        case .batchNorm(let norm):
            [norm.gamma, norm.beta, norm.mean, norm.variance].compactMap(\.self) + norm.bookkeeping
        case .groupNorm(let norm): [norm.gamma, norm.beta].compactMap(\.self)
        case .layerNorm(let norm): [norm.gamma, norm.beta].compactMap(\.self)
        case .prelu(let prelu): [prelu.slopes]
        case .standardizeInput(let mean, let variance): [mean, variance]
        case .opaque(let opaque): opaque.parameters
        case .input, .activation, .pool, .globalPool, .zeroPad, .crop, .resize, .selectChannels, .stack,
            .permute, .unitNorm, .padChannels, .add, .multiply, .merge, .concatenate, .flatten, .reshape,
            .scaleShift:
            []
        }
    }
}
