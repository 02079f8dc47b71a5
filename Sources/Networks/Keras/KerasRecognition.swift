import OrderedJSON
import Tensors

/// The network that a Keras model's configuration describes, its parameters found by name in the table.
///
/// Takes Functional and Sequential models as Keras 2 and 3 write them, with models inside models inlined: their
/// layers are named `outer/inner`. Names in the table are paths below `model_weights`, the outermost layer's name
/// first. Throws `NetworkError` for anything that has no exact meaning here.
public func recognizeKeras(config: JSON, parameters: ParameterTable) throws(NetworkError) -> Recognition {
    let model = try KerasModel(config, path: "")
    let input = try networkInput(of: model)
    var expansion = KerasExpansion(parameters: KerasParameters(parameters))
    let first = expansion.addInput(model.layers[model.input].name, channels: input.channels)
    let output = try expansion.expand(model, path: [], input: first)
    let convolutions = expansion.nodes.count {
        if case .convolution = $0.operation { true } else { false }
    }
    let network = Network(
        name: model.name,
        architecture: "Keras \(model.className) '\(model.name)', \(convolutions) convolutions",
        family: family(of: expansion.nodes), input: input, nodes: expansion.nodes, output: output)
    if let height = input.height, let width = input.width {
        _ = try network.shapes(height: height, width: width)
    }
    let used = Set(network.nodes.flatMap(\.operation.parameters)).union(network.nodes.compactMap(counter))
    return Recognition(network: network, unused: parameters.names.filter { !used.contains($0) })
}

/// The number of samples that a Normalization layer has seen stands beside its mean; only adapting needs it.
private func counter(of node: Node) -> String? {
    guard case .standardizeInput(let mean, _) = node.operation else { return nil }
    let suffix = mean.hasSuffix(":0") ? ":0" : ""
    return mean.dropLast("mean\(suffix)".count) + "count\(suffix)"
}

/// The extents of the model's input layer: `[batch, height, width, channels]`.
private func networkInput(of model: KerasModel) throws(NetworkError) -> Network.Input {
    let layer = model.layers[model.input]
    guard case .input(let shape) = layer.content, shape.count == 4, let channels = shape[3] else {
        var found = "unknown"
        if case .input(let shape) = layer.content, !shape.isEmpty {
            found = "[" + shape.map { $0.map(String.init) ?? "null" }.joined(separator: ", ") + "]"
        }
        throw .unsupportedSetting(
            layer: layer.name, setting: "batch_shape", found: found,
            expected: "[null, height, width, channels]")
    }
    return Network.Input(height: shape[1], width: shape[2], channels: channels)
}

/// keras.applications' ResNets by the names of their layers.
private func family(of nodes: [Node]) -> Network.Family {
    let names = Set(nodes.map { $0.layer.split(separator: "/").last ?? "" })
    let isNew = names.contains("conv1_conv") && names.contains("conv2_block1_1_conv")
    if isNew, names.contains("post_bn") || names.contains("conv2_block1_preact_bn") { return .kerasResNetV2 }
    return isNew || names.contains("res2a_branch2a") ? .kerasResNet : .keras
}
