import OrderedJSON
import Tensors

/// Writes a network's nodes as Keras 3's layers, each with its call.
struct KerasConfigWriter {
    let network: Network
    private var layers: [JSON] = []
    /// For each layer the names of those it takes its operands from.
    private var operands: [[String]] = []
    /// Node → the layer whose output is its value.
    private var outputs: [String] = []
    private var used: Set<String> = []
    private var result = KerasExport(config: .null)

    init(_ network: Network) { self.network = network }

    mutating func export() throws(NetworkError) -> KerasExport {
        if let layer = network.uncomputedLayers.first {
            throw .cannotRewrite(layer: layer.layer, className: layer.className)
        }
        guard network.outputs.isEmpty else {
            throw .unsupportedSetting(
                layer: network.name, setting: "number of outputs", found: "\(network.outputs.count)",
                expected: "1 in a new configuration: choose --layout keras, safetensors or torch")
        }
        for node in network.nodes { try add(node) }
        let ends: (String) -> JSON = { .array([.string($0), .int(0), .int(0)]) }
        let settings = JSON.object([
            JSON.Member("name", .string(network.name)), JSON.Member("trainable", .bool(true)),
            JSON.Member("layers", .array(ordered(to: outputs[network.output]))),
            JSON.Member("input_layers", ends(outputs[0])),
            JSON.Member("output_layers", ends(outputs[network.output])),
        ])
        result.config = .object([
            JSON.Member("module", .string("keras.src.models.functional")),
            JSON.Member("class_name", .string("Functional")), JSON.Member("config", settings),
            JSON.Member("registered_name", .string("Functional")),
        ])
        return result
    }

    private mutating func add(_ node: Node) throws(NetworkError) {
        let operands = node.inputs.map { outputs[$0] }
        let name = unique(String(node.layer.map { "/.".contains($0) ? "_" : $0 }))
        var isWritten = try appendWithWeights(node, name, operands)
        if !isWritten { isWritten = try appendWithoutWeights(node, name, operands) }
        guard isWritten else { throw .noKerasLayer(layer: node.layer, for: "its operation") }
        let last = layers.last?["name"]?.string ?? name
        switch node.operation {
        case .convolution, .batchNorm, .groupNorm, .layerNorm: result.layers[node.layer] = last
        default: break
        }
        outputs.append(last)
    }

    /// Appends a layer that has parameters; false for another.
    private mutating func appendWithWeights(
        _ node: Node, _ name: String, _ operands: [String]
    ) throws(NetworkError) -> Bool {
        switch node.operation {
        case .convolution(let convolution): try append(convolution, name, operands)
        case .transposedConvolution(let convolution): append(convolution, name, operands)
        case .dense(let dense):
            append(
                "Dense", name,
                [("units", .int(dense.outputs)), ("use_bias", .bool(dense.bias != nil))], operands)
            keep([(dense.kernel, "kernel"), (dense.bias, "bias")], name)
        case .batchNorm, .groupNorm, .layerNorm: appendNorm(node.operation, name, operands)
        case .prelu(let prelu): append(prelu, name, operands)
        default: return false
        }
        return true
    }

    /// Appends the input or an operation on shapes and values; false for another.
    private mutating func appendWithoutWeights(
        _ node: Node, _ name: String, _ operands: [String]
    ) throws(NetworkError) -> Bool {
        switch node.operation {
        case .input:
            let extents = [network.input.height, network.input.width].map { $0.map(JSON.int) ?? .null }
            let shape = JSON.array([.null] + extents + [.int(network.input.channels)])
            append("InputLayer", name, [("batch_shape", shape), ("dtype", .string("float32"))], [])
        case .activation(let activation): try append(activation, name, node.layer, operands)
        case .pool(let pool): try append(pool, name, node, operands)
        case .globalPool(let kind, let keepsDimensions):
            append(
                kind == .average ? "GlobalAveragePooling2D" : "GlobalMaxPooling2D", name,
                [("keepdims", .bool(keepsDimensions))], operands)
        case .zeroPad(let margins): append("ZeroPadding2D", name, [("padding", padding(margins))], operands)
        case .add: append("Add", name, [], operands)
        case .multiply: append("Multiply", name, [], operands)
        case .merge(let merge): append(merge.rawValue.capitalized, name, [], operands)
        case .crop(let crop): append(crop, name, operands)
        case .resize(let resize): append(resize, name, operands)
        case .selectChannels, .stack:
            throw .noKerasLayer(layer: node.layer, for: "a choice of channels")
        case .permute(let order):
            append("Permute", name, [("dims", .array(order.map { .int($0 + 1) }))], operands)
        case .unitNorm: append("UnitNormalization", name, [("axis", .int(-1))], operands)
        case .concatenate: append("Concatenate", name, [("axis", .int(-1))], operands)
        case .flatten: append("Flatten", name, [], operands)
        case .reshape(let extents):
            append("Reshape", name, [("target_shape", .array(extents.map(JSON.int)))], operands)
        case .scaleShift(let scale, let offset):
            append("Rescaling", name, [("scale", numbers(scale)), ("offset", numbers(offset))], operands)
        case .padChannels:
            throw .noKerasLayer(layer: node.layer, for: "a shortcut that pads channels with zeros")
        case .standardizeInput:
            throw .noKerasLayer(layer: node.layer, for: "a normalization of the input by stored statistics")
        default: return false
        }
        return true
    }

    private mutating func append(
        _ convolution: Convolution, _ name: String, _ operands: [String]
    ) throws(NetworkError) {
        guard convolution.dimensions == 2 else {
            throw .noKerasLayer(layer: name, for: "a convolution of \(convolution.dimensions) dimensions")
        }
        let padding = try margins(convolution.padding, before: name, operands)
        append("Conv2D", name, settings(convolution, padding.text), [padding.operand])
        if convolution.kernelLayout == .hwim {
            result.shapes[convolution.kernel] = [
                convolution.size.height, convolution.size.width, 1, convolution.outputs,
            ]
        } else if convolution.kernelLayout == .flattened {
            result.shapes[convolution.kernel] = [
                convolution.outputs, convolution.inputs, convolution.size.height, convolution.size.width,
            ]
        }
        keep([(convolution.kernel, "kernel"), (convolution.bias, "bias")], name)
    }

    private mutating func appendNorm(_ operation: Operation, _ name: String, _ operands: [String]) {
        switch operation {
        case .batchNorm(let norm):
            append("BatchNormalization", name, settings(norm.gamma, norm.beta, norm.epsilon), operands)
            keep([(norm.gamma, "gamma"), (norm.beta, "beta")], name)
            keep([(norm.mean, "moving_mean"), (norm.variance, "moving_variance")], name)
        case .groupNorm(let norm):
            let groups = [("groups", JSON.int(norm.groups))]
            append(
                "GroupNormalization", name, groups + settings(norm.gamma, norm.beta, norm.epsilon), operands)
            keep([(norm.gamma, "gamma"), (norm.beta, "beta")], name)
        case .layerNorm(let norm):
            append("LayerNormalization", name, settings(norm.gamma, norm.beta, norm.epsilon), operands)
            keep([(norm.gamma, "gamma"), (norm.beta, "beta")], name)
        default: break
        }
    }

    // MARK: Layers

    /// A layer of zeros around its operand where the margins are not Keras' own.
    mutating func margins(
        _ padding: Padding, before name: String, _ operands: [String]
    ) throws(NetworkError) -> (operand: String, text: String) {
        switch padding {
        case .same: return (operands[0], "same")
        case .valid: return (operands[0], "valid")
        case .margins(let margins):
            let pad = unique(name + "_pad")
            append("ZeroPadding2D", pad, [("padding", self.padding(margins))], operands)
            return (pad, "valid")
        }
    }

    /// Appends a layer's record with one call, in Keras 3's form.
    mutating func append(
        _ className: String, _ name: String, _ settings: [(String, JSON)], _ operands: [String]
    ) {
        var config = [JSON.Member("name", .string(name))]
        if className != "InputLayer" { config.append(JSON.Member("trainable", .bool(true))) }
        config += settings.map { JSON.Member($0.0, $0.1) }
        let tensors = operands.map(tensor)
        let argument: JSON = tensors.count == 1 ? tensors[0] : .array(tensors)
        let call = JSON.object([
            JSON.Member("args", .array([argument])), JSON.Member("kwargs", .object([])),
        ])
        layers.append(
            .object([
                JSON.Member("module", .string("keras.layers")), JSON.Member("class_name", .string(className)),
                JSON.Member("config", .object(config)), JSON.Member("registered_name", .null),
                JSON.Member("name", .string(name)),
                JSON.Member("inbound_nodes", .array(operands.isEmpty ? [] : [call])),
            ]))
        self.operands.append(operands)
    }

    /// The layers that the output needs, in Keras' order.
    private func ordered(to output: String) -> [JSON] {
        let places = Dictionary(
            uniqueKeysWithValues: layers.enumerated().map { ($1["name"]?.string ?? "", $0) })
        return KerasLayerOrder.order(
            operands: operands.map { $0.compactMap { places[$0] } }, output: places[output] ?? 0
        ).map { layers[$0] }
    }

    /// The shape that Keras stores with a tensor is not needed to rebuild the model.
    private func tensor(_ layer: String) -> JSON {
        .object([
            JSON.Member("class_name", .string("__keras_tensor__")),
            JSON.Member(
                "config",
                .object([
                    JSON.Member("shape", .array([.null])), JSON.Member("dtype", .string("float32")),
                    JSON.Member("keras_history", .array([.string(layer), .int(0), .int(0)])),
                ])),
        ])
    }

    /// Notes which parameters of the file the layer's are, by role.
    mutating func keep(_ roles: [(source: String?, role: String)], _ layer: String) {
        for (source, role) in roles {
            guard let source else { continue }
            result.sources.append(source)
            result.targets.append("\(layer)/\(role)")
        }
    }

    private mutating func unique(_ name: String) -> String {
        var (candidate, number) = (name, 0)
        while !used.insert(candidate).inserted {
            number += 1
            candidate = "\(name)_\(number)"
        }
        return candidate
    }
}
