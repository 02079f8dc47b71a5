import OrderedJSON

/// Reads which values a layer's calls take: nested lists (Keras 2) or `args` and `kwargs` (Keras 3).
struct KerasReferences {
    var indices: [String: Int]
    var layers: [KerasModel.Layer]
    /// How often each layer is called.
    var callCounts: [Int]
    /// Whether calls are `args` and `kwargs`.
    var isKeras3: Bool
    /// Names of the models around, for errors.
    var path: String

    /// Operands of each call of a layer.
    func calls(_ record: JSON, of index: Int) throws(NetworkError) -> [[KerasModel.Reference]] {
        let name = path.appending(layer: layers[index].name)
        guard let nodes = (record["inbound_nodes"] ?? .array([])).kerasList else {
            throw .malformedConfiguration(at: "layer '\(name)'", expected: "inbound_nodes as a list")
        }
        var calls: [[KerasModel.Reference]] = []
        for node in nodes {
            var operands: [KerasModel.Reference] = []
            if let arguments = node["args"] {
                try collect(arguments, for: name, into: &operands)
                try checkKeywords(node["kwargs"], of: name)
            } else if let entries = node.array {
                for entry in entries {
                    operands.append(try reference(entry, startsAtOne: true, for: name))
                    try checkKeywords(entry[3], of: name)
                }
            } else {
                throw .malformedConfiguration(
                    at: "layer '\(name)'", expected: "inbound_nodes of Keras 2 or 3")
            }
            guard !operands.isEmpty else {
                throw .malformedConfiguration(at: "layer '\(name)'", expected: "a call with an input")
            }
            calls.append(operands)
        }
        if calls.isEmpty {
            if case .input = layers[index].content { return [] }
            throw .malformedConfiguration(
                at: "layer '\(name)'", expected: "inbound_nodes with one call or more")
        }
        return calls
    }

    /// The one value that `input_layers` or `output_layers` names.
    func ends(_ json: JSON?, named what: String, of model: String) throws(NetworkError)
        -> KerasModel.Reference
    {
        guard let list = json?.kerasList else {
            throw .unsupportedSetting(
                layer: model, setting: what, found: json?.text ?? "nothing", expected: "one tensor in a list")
        }
        if list.first?.string != nil {
            return try reference(.array(list), startsAtOne: true, for: model)
        }
        guard list.count == 1 else {
            throw .unsupportedSetting(
                layer: model, setting: "number of \(what)", found: "\(list.count)", expected: "1")
        }
        return try reference(list[0], startsAtOne: true, for: model)
    }

    /// `{"class_name": "__keras_tensor__", "config": {"keras_history": [layer, call, tensor]}}`, alone or in lists.
    private func collect(
        _ json: JSON, for name: String, into operands: inout [KerasModel.Reference]
    ) throws(NetworkError) {
        if let list = json.kerasList {
            for element in list { try collect(element, for: name, into: &operands) }
        } else if json["class_name"]?.string == "__keras_tensor__",
            let history = json["config"]?["keras_history"]
        {
            operands.append(try reference(history, startsAtOne: false, for: name))
        } else {
            throw .unsupportedSetting(
                layer: name, setting: "call argument", found: json.text, expected: "values of other layers")
        }
    }

    /// Nothing but `mask: null` and `training` may be passed by name. Keras 3 overrides a recorded `training: true`
    /// at inference (and records it for every random layer), Keras 2 obeys it.
    private func checkKeywords(_ json: JSON?, of name: String) throws(NetworkError) {
        for member in json?.members ?? [] where !member.value.isNull {
            if member.key == "training", let isTraining = member.value.bool, isKeras3 || !isTraining {
                continue
            }
            throw .unsupportedSetting(
                layer: name, setting: "call argument \(member.key)", found: member.value.text,
                expected: "none")
        }
    }

    /// `[layer, call, tensor]`. A nested model's first call has the index 1 in Keras 2, where building the model
    /// counts as one, and 0 in Keras 3, but for a Functional one among `output_layers`. Where there is only one
    /// call, either will do.
    private func reference(
        _ json: JSON, startsAtOne: Bool, for name: String
    ) throws(NetworkError) -> KerasModel.Reference {
        guard let layerName = json[0]?.string, var call = json[1]?.int, let tensor = json[2]?.int else {
            throw .malformedConfiguration(at: "layer '\(name)'", expected: "[layer, call, tensor]")
        }
        guard let layer = indices[layerName] else {
            throw .malformedConfiguration(
                at: "layer '\(name)'", expected: "inputs among the layers, found '\(layerName)'")
        }
        var count = callCounts[layer]
        switch layers[layer].content {
        case .input: count = 1
        case .model(let model):
            let startsAtOne = startsAtOne && !(isKeras3 && model.className == "Sequential")
            if call > 0 && startsAtOne || call == 1 && count == 1 { call -= 1 }
        case .layer: break
        }
        guard tensor == 0, (0..<count).contains(call) else {
            throw .malformedConfiguration(
                at: "layer '\(name)'", expected: "a call that '\(layerName)' has, found \(json.text)")
        }
        return KerasModel.Reference(layer: layer, call: call)
    }
}
