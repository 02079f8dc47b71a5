import OrderedJSON
import Tensors

/// The network that a Keras model's configuration describes, its parameters found by name in the table.
///
/// Takes Functional and Sequential models as Keras 2 and 3 write them, with models inside models inlined: their
/// layers are named `outer/inner`. Names in the table are paths below `model_weights`, the outermost layer's name
/// first. Models whose maps have their channels first become networks on maps with channels last, as all networks here are.
/// Throws `NetworkError` for anything that has no exact meaning here.
package func recognizeKeras(config: JSON, parameters: ParameterTable) throws(NetworkError) -> Recognition {
    let model = try KerasModel(config, path: "")
    try model.requireUse()
    let dataFormat = KerasDataFormat(of: model)
    let inputs = model.inputs.map { KerasInput(model.layers[$0], dataFormat) }
    let image = inputs.firstIndex { $0.image?.dimensions == 2 } ?? inputs.firstIndex { $0.image != nil } ?? 0
    guard inputs.indices.contains(image) else {
        throw .malformedConfiguration(at: "the model", expected: "an input layer")
    }
    let input = inputs[image].networkInput
    var expansion = KerasExpansion(
        parameters: KerasParameters(parameters, of: model), dataFormat: dataFormat,
        isKeras3: config.isKeras3Model
    )
    // The image comes first, whatever its place among the inputs.
    var values = [Int](repeating: 0, count: inputs.count)
    for place in [image] + inputs.indices.filter({ $0 != image }) {
        let isImage = place == image && inputs[place].image != nil
        let operation = isImage ? Operation.input : inputs[place].opaque(of: inputs.count)
        values[place] = expansion.addInput(inputs[place].layer, operation, inputs[place].extents)
    }
    let outputs = try expansion.expand(model, path: [], inputs: values)
    let output = outputs[0]
    let convolutions = expansion.nodes.count {
        if case .convolution = $0.operation { true } else { false }
    }
    var network = Network(
        name: model.name,
        architecture: "Keras \(model.className) '\(model.name)', \(convolutions.counted("convolution"))"
            + (dataFormat == .channelsFirst ? ", channels first" : ""),
        family: family(of: expansion.nodes), input: input, nodes: expansion.nodes, output: output)
    if outputs.count > 1 {
        network.outputs = zip(model.outputs, outputs).map { Network.Output(name: $0.name, node: $1) }
    }
    if let image = input.extent { _ = try network.knownShapes(of: image) }
    try requireOneKernelLayout(network, parameters)
    let used = Set(network.nodes.flatMap(\.operation.parameters)).union(network.nodes.compactMap(counter))
    return Recognition(
        network: network, unused: parameters.names.filter { !used.contains($0) },
        assumptions: expansion.assumptions)
}

extension JSON {
    /// Whether Keras 3 wrote a configuration: by the version that `model.to_json()` records, else by the name that input
    /// layers have for their shape, which is `batch_input_shape` before Keras 3. A configuration without input layers is
    /// Keras 3's where its layers name their modules.
    package var isKeras3Model: Bool {
        if let version = self["keras_version"]?.string {
            return !["1", "2"].contains(version.prefix { $0 != "." })
        }
        var pending = [self]
        var namesModules = false
        while let model = pending.popLast() {
            for layer in model["config"]?["layers"]?.kerasList ?? model["config"]?.array ?? [] {
                if layer["config"]?["batch_input_shape"] != nil { return false }
                if layer["config"]?["batch_shape"] != nil { return true }
                namesModules = namesModules || layer["module"] != nil
                pending.append(layer)
            }
        }
        return namesModules
    }
}

/// A Normalization layer also stores the number of samples; only adapting needs it.
private func counter(of node: Node) -> String? {
    guard case .standardizeInput(let mean, _) = node.operation else { return nil }
    let suffix = mean.hasSuffix(":0") ? ":0" : ""
    return mean.dropLast("mean\(suffix)".count) + "count\(suffix)"
}

/// Refuses a file that has kernels with outputs first, and others whose shape would do for either order.
private func requireOneKernelLayout(
    _ network: Network, _ parameters: ParameterTable
) throws(NetworkError) {
    let convolutions = network.nodes.compactMap { node -> Convolution? in
        if case .convolution(let convolution) = node.operation { convolution } else { nil }
    }
    guard convolutions.contains(where: { $0.kernelLayout == .oihw }) else { return }
    for convolution in convolutions where convolution.kernelLayout == .hwio && convolution.dimensions == 2 {
        guard let shape = parameters[convolution.kernel]?.shape, shape.count > 1 else { continue }
        let extents = shape.extents
        if extents[0] == extents[3], extents[1] == extents[2], extents[0] == extents[1] {
            throw .outputsFirstKernel(parameter: convolution.kernel, found: shape.description)
        }
    }
}

/// keras.applications' ResNets by the names of their layers. A network that scales its input itself takes pixels as they
/// are, whatever is behind.
private func family(of nodes: [Node]) -> Network.Family {
    let beforeConvolutions = nodes.prefix { if case .convolution = $0.operation { false } else { true } }
    let scales = beforeConvolutions.contains { node in
        switch node.operation {
        case .scaleShift, .standardizeInput: true
        default: false
        }
    }
    if scales { return .keras }
    let names = Set(nodes.map { $0.layer.split(separator: "/").last ?? "" })
    let isNew = names.contains("conv1_conv") && names.contains("conv2_block1_1_conv")
    if isNew, names.contains("post_bn") || names.contains("conv2_block1_preact_bn") { return .kerasResNetV2 }
    return isNew || names.contains("res2a_branch2a") ? .kerasResNet : .keras
}
