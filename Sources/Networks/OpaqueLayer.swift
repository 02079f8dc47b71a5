import Tensors

/// A layer that is kept as it is: normconv knows where it stands, and does not compute it.
package struct OpaqueLayer: Sendable, Equatable {
    /// The class in the file: `Lambda`, `LSTM`, `mine>Attention`.
    package var className: String
    /// Names of all weights that the file holds for the layer.
    package var parameters: [String]
    /// Which of the layer's outputs the node's value is; 0 for a layer with one output.
    package var output: Int
    /// The setting that is not supported, if the class is.
    package var setting: Setting?
    /// Class of a batch normalization inside the layer, which no conversion reaches.
    package var batchNormInside: String?

    /// A setting that is not supported.
    package struct Setting: Sendable, Equatable {
        /// The setting's name: `threshold`.
        package var name: String
        /// Its value in the file.
        package var found: String
        /// The values that are supported.
        package var expected: String

        /// A setting that is not supported.
        package init(name: String, found: String, expected: String) {
            (self.name, self.found, self.expected) = (name, found, expected)
        }
    }

    /// A layer that is kept as it is.
    package init(
        className: String, parameters: [String] = [], output: Int = 0, setting: Setting? = nil,
        batchNormInside: String? = nil
    ) {
        self.className = className
        self.parameters = parameters
        self.output = output
        self.setting = setting
        self.batchNormInside = batchNormInside
    }
}

/// A layer of a network that normconv does not compute, for reports.
package struct UncomputedLayer: Codable, Sendable, Equatable {
    /// The layer's name.
    package var layer: String
    /// Its class.
    package var className: String
    /// The setting that is not supported, as text; nil if the class is not.
    package var reason: String?
}

extension UncomputedLayer: CustomStringConvertible {
    /// `lambda (Lambda)`
    package var description: String { "\(layer) (\(className))" }
}

extension Node {
    /// Why the node cannot be computed; nil if it can.
    package var obstacle: NetworkError? {
        switch operation {
        case .opaque(let opaque):
            guard let setting = opaque.setting else {
                return .unsupportedLayer(layer: layer, className: opaque.className)
            }
            return .unsupportedSetting(
                layer: layer, setting: setting.name, found: setting.found, expected: setting.expected)
        case .batchNorm(let norm): return norm.axis.map(wrongAxis)
        case .groupNorm(let norm): return norm.axis.map(wrongAxis)
        default: return nil
        }
    }

    private func wrongAxis(_ axis: Int) -> NetworkError {
        .unsupportedSetting(
            layer: layer, setting: "axis", found: "\(axis)", expected: "the innermost dimension")
    }

    fileprivate var uncomputed: UncomputedLayer? {
        guard obstacle != nil else { return nil }
        switch operation {
        case .opaque(let opaque):
            let reason = opaque.setting.map { "\($0.name) is \($0.found), expected \($0.expected)" }
            return UncomputedLayer(layer: layer, className: opaque.className, reason: reason)
        case .batchNorm(let norm): return wrongAxis("BatchNormalization", norm.axis)
        case .groupNorm(let norm): return wrongAxis("GroupNormalization", norm.axis)
        default: return nil
        }
    }

    private func wrongAxis(_ className: String, _ axis: Int?) -> UncomputedLayer {
        UncomputedLayer(
            layer: layer, className: className,
            reason: "axis is \(axis ?? 0), expected the innermost dimension")
    }
}

extension Network {
    /// Whether engines compute the network: the whole graph is known, with one output.
    package var isComputable: Bool {
        isComplete && outputs.isEmpty && nodes.allSatisfy { $0.obstacle == nil }
    }

    /// The layers that normconv does not compute, each once, in topological order.
    package var uncomputedLayers: [UncomputedLayer] {
        var seen: Set<String> = []
        return nodes.compactMap(\.uncomputed).filter { seen.insert($0.layer).inserted }
    }

    /// The part of the network that one node depends on, as a network with that one output. Without several outputs it is
    /// the network itself.
    package func part(before node: Int) -> Network {
        guard !outputs.isEmpty else { return self }
        var needed = Set([node])
        for index in nodes.indices.reversed() where needed.contains(index) {
            needed.formUnion(nodes[index].inputs)
        }
        var part = self
        (part.nodes, part.outputs) = ([], [])
        var places: [Int: Int] = [:]
        for index in nodes.indices where index == 0 || needed.contains(index) {
            var moved = nodes[index]
            moved.inputs = moved.inputs.compactMap { places[$0] }
            places[index] = part.nodes.count
            part.nodes.append(moved)
        }
        part.output = places[node] ?? 0
        return part
    }
}
