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

    /// What each call of a layer takes.
    func calls(_ record: JSON, of index: Int) throws(NetworkError) -> [KerasModel.Call] {
        let name = path.appending(layer: layers[index].name)
        guard let nodes = (record["inbound_nodes"] ?? .array([])).kerasList else {
            throw .malformedConfiguration(at: "layer '\(name)'", expected: "inbound_nodes as a list")
        }
        var calls: [KerasModel.Call] = []
        for node in nodes {
            var call = KerasModel.Call(record: node)
            if let arguments = node["args"] {
                try collectKeras3(arguments, node["kwargs"], for: name, into: &call)
            } else if node.array != nil || node.members != nil {
                try collectKeras2(node, for: name, into: &call)
            } else {
                throw .malformedConfiguration(
                    at: "layer '\(name)'", expected: "inbound_nodes of Keras 2 or 3")
            }
            guard !call.operands.isEmpty else {
                throw .malformedConfiguration(at: "layer '\(name)'", expected: "a call with an input")
            }
            calls.append(call)
        }
        if calls.isEmpty {
            if case .input = layers[index].content { return [] }
            throw .malformedConfiguration(
                at: "layer '\(name)'", expected: "inbound_nodes with one call or more")
        }
        return calls
    }

    /// The values that `input_layers` or `output_layers` name: one, a list of them, nested or not, or a dictionary.
    func ends(
        _ json: JSON?, named what: String, of model: String
    ) throws(NetworkError) -> [(key: String?, value: KerasModel.Reference)] {
        var ends: [(key: String?, value: KerasModel.Reference)] = []
        try collectEnds(json ?? .null, key: nil, of: model, into: &ends)
        guard !ends.isEmpty else {
            throw .unsupportedSetting(
                layer: model, setting: what, found: json?.text.shortened ?? "nothing",
                expected: "a list or a dictionary of tensors")
        }
        return ends
    }

    private func collectEnds(
        _ json: JSON, key: String?, of model: String,
        into ends: inout [(key: String?, value: KerasModel.Reference)]
    ) throws(NetworkError) {
        if let members = json.members, json.kerasList == nil {
            for member in members.sorted(by: { $0.key < $1.key }) {
                try collectEnds(member.value, key: member.key, of: model, into: &ends)
            }
        } else if let list = json.kerasList, list.first?.string == nil {
            for element in list { try collectEnds(element, key: key, of: model, into: &ends) }
        } else if let list = json.kerasList {
            ends.append((key, try reference(.array(list), startsAtOne: true, for: model)))
        } else {
            throw .malformedConfiguration(at: "model '\(model)'", expected: "[layer, call, tensor]")
        }
    }

    // MARK: Keras 3

    /// Arguments by place and by name. Nothing but operands, `mask: null` and `training` is plain.
    private func collectKeras3(
        _ arguments: JSON, _ keywords: JSON?, for name: String, into call: inout KerasModel.Call
    ) throws(NetworkError) {
        let list = arguments.kerasList ?? []
        if list.count == 1, let members = list[0].members, tensor(list[0]) == nil, list[0].kerasList == nil {
            call.keys = members.map(\.key).sorted()
        }
        try collect(arguments, for: name, into: &call)
        for member in keywords?.members ?? [] {
            if try isPlain(member, of: name) { continue }
            call.note("call argument \(member.key)", member.value)
            try collect(member.value, for: name, into: &call)
        }
    }

    /// `{"class_name": "__keras_tensor__", "config": {"keras_history": [layer, call, tensor]}}`, alone, in lists or in
    /// dictionaries, whose keys Keras sorts.
    private func collect(
        _ json: JSON, for name: String, into call: inout KerasModel.Call
    ) throws(NetworkError) {
        if let history = tensor(json) {
            call.operands.append(try reference(history, startsAtOne: false, for: name))
        } else if let list = json.kerasList {
            for element in list { try collect(element, for: name, into: &call) }
        } else if let members = json.members, json["class_name"] == nil {
            for member in members.sorted(by: { $0.key < $1.key }) {
                try collect(member.value, for: name, into: &call)
            }
        } else {
            call.note("call argument", json)
        }
    }

    /// The place that a Keras 3 tensor names; nil for anything else.
    private func tensor(_ json: JSON) -> JSON? {
        guard json["class_name"]?.string == "__keras_tensor__" else { return nil }
        return json["config"]?["keras_history"]
    }

    // MARK: Keras 2

    /// `[layer, call, tensor, keywords]`, alone, in lists or in dictionaries.
    private func collectKeras2(
        _ json: JSON, for name: String, into call: inout KerasModel.Call
    ) throws(NetworkError) {
        if json[0]?.string == "_CONSTANT_VALUE" {
            call.note("call argument", json[2] ?? .null)
        } else if json[0]?.string != nil {
            call.operands.append(try reference(json, startsAtOne: true, for: name))
        } else if let list = json.array {
            for element in list { try collectKeras2(element, for: name, into: &call) }
        } else if let members = json.members {
            call.keys = members.map(\.key).sorted()
            for member in members.sorted(by: { $0.key < $1.key }) {
                try collectKeras2(member.value, for: name, into: &call)
            }
        } else {
            throw .malformedConfiguration(at: "layer '\(name)'", expected: "[layer, call, tensor]")
        }
        guard json[0]?.string != nil else { return }
        for member in json[3]?.members ?? [] {
            if try isPlain(member, of: name) { continue }
            call.note("call argument \(member.key)", member.value)
            try collectKeywordTensors(member.value, for: name, into: &call)
        }
    }

    /// Values of other layers that are passed by name: `[layer, call, tensor]`.
    private func collectKeywordTensors(
        _ json: JSON, for name: String, into call: inout KerasModel.Call
    ) throws(NetworkError) {
        if let layer = json[0]?.string, indices[layer] != nil, json[1]?.int != nil, json[2]?.int != nil,
            json[3] == nil
        {
            let value = try reference(json, startsAtOne: true, for: name)
            // Every tensor of a list of operands repeats the keywords. A function's only record does not: x + x.
            let isOnly = call.record[0]?.string != nil
            if isOnly || !call.operands.contains(value) { call.operands.append(value) }
        } else {
            for element in json.array ?? json.members?.map(\.value) ?? [] {
                try collectKeywordTensors(element, for: name, into: &call)
            }
        }
    }

    // MARK: Parts

    /// Whether an argument that is passed by name changes nothing: null, or `training`. Keras 3 overrides a recorded
    /// `training: true` at inference (and records it for every random layer). Keras 2 obeys it: norms then use the batch.
    private func isPlain(_ member: JSON.Member, of name: String) throws(NetworkError) -> Bool {
        guard member.key == "training", let isTraining = member.value.bool else {
            return member.value.isNull
        }
        guard isKeras3 || !isTraining else {
            throw .unsupportedSetting(
                layer: name, setting: "call argument training", found: "true", expected: "none")
        }
        return true
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
        case .layer, .custom, .timeDistributed: break
        }
        let outputs: Range<Int>
        switch layers[layer].content {
        case .input, .timeDistributed: outputs = 0..<1
        case .model(let model): outputs = 0..<model.outputs.count
        case .layer, .custom: outputs = 0..<Self.largestOutputCount
        }
        guard outputs.contains(tensor), (0..<count).contains(call) else {
            throw .malformedConfiguration(
                at: "layer '\(name)'", expected: "a call that '\(layerName)' has, found \(json.text)")
        }
        return KerasModel.Reference(layer: layer, call: call, tensor: tensor)
    }

    /// A layer with more outputs is none.
    private static let largestOutputCount = 10_000
}

extension KerasModel.Call {
    /// Keeps the first argument that is no plain operand.
    fileprivate mutating func note(_ name: String, _ value: JSON) {
        argument =
            argument
            ?? OpaqueLayer.Setting(
                name: name, found: value.text.shortened, expected: "values of other layers")
    }
}

extension String {
    /// The text, cut off where it would fill an error.
    var shortened: String { count > 80 ? prefix(80) + "…" : self }
}
