/// What of a model is used, and what it costs.
extension KerasModel {
    /// Names of layers, those of the models inside too.
    var layerNames: [String] {
        layers.flatMap { layer in
            [layer.name] + (layer.innerModel?.layerNames ?? [])
        }
    }

    /// Values that layers take, and those that the model returns.
    var usedValues: [Reference] { layers.flatMap { $0.calls.flatMap(\.operands) } + outputs.map(\.value) }

    /// What one call of the model costs, without the models inside.
    var cost: Int {
        layers.reduce(1 + inputs.count + outputs.count) { cost, layer in
            layer.calls.reduce(cost + 1) { $0 + 1 + $1.operands.count }
        }
    }

    /// Every call but the outputs' has a consumer, in the models inside too, so that all of the graph leads to an output.
    func requireUse(path: String = "") throws(NetworkError) {
        let used = Set(usedValues.map { Reference(layer: $0.layer, call: $0.call) })
        for (index, layer) in layers.enumerated() {
            let layerPath = path.appending(layer: layer.name)
            for call in layer.calls.indices where !used.contains(Reference(layer: index, call: call)) {
                throw .malformedConfiguration(
                    at: "layer '\(layerPath)'", expected: "a value that the output depends on")
            }
            try layer.innerModel?.requireUse(path: layerPath)
        }
    }
}

extension KerasModel.Layer {
    /// The model that the layer is, or applies to each step of a sequence.
    var innerModel: KerasModel? {
        switch content {
        case .model(let model), .timeDistributed(let model): model
        case .input, .layer, .custom: nil
        }
    }
}
