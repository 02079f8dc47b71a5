import OrderedJSON

/// A Keras model's configuration as a graph of layer calls, whichever version wrote it. A Sequential model is a
/// chain.
struct KerasModel {
    var name: String
    var className: String
    var layers: [Layer]
    /// The input layers' indices, in the order in which calls of the model pass values.
    var inputs: [Int]
    /// The keys of the inputs, sorted as the inputs are, if the model takes a dictionary.
    var inputKeys: [String]?
    var outputs: [Output]

    struct Layer {
        var name: String
        var content: Content
        /// One element per time the layer is called; none for an input layer.
        var calls: [Call]
    }

    /// One call of a layer.
    struct Call {
        /// The values of other layers that it takes, in order.
        var operands: [Reference] = []
        /// The keys of the operands if they are passed as one dictionary, sorted.
        var keys: [String]?
        /// The first argument that is no plain operand: a constant, or a value that is passed by name.
        var argument: OpaqueLayer.Setting?
        /// The call's record, for functions whose arguments are their meaning.
        var record = JSON.null
    }

    /// The kind of a layer.
    indirect enum Content {
        case input(shape: [Int?])
        case layer(className: String, settings: JSON)
        /// A class that is not Keras', whatever its name.
        case custom(className: String, settings: JSON)
        case model(KerasModel)
        /// `TimeDistributed` around a model or a layer with norms: applied to each step of a sequence.
        case timeDistributed(KerasModel)
    }

    /// One value of one call of a layer.
    struct Reference: Hashable {
        var layer: Int
        var call: Int
        /// Which of the call's outputs.
        var tensor = 0
    }

    /// One of the model's outputs.
    struct Output {
        /// Its key, or the layer that computes it.
        var name: String
        var value: Reference
    }

    static let functionalClasses: Set<String> = ["Functional", "Model"]
    static let modelClasses: Set<String> = functionalClasses.union(["Sequential"])

    /// Reads `{"class_name": …, "config": …}` of a model; `path` is for errors.
    init(_ json: JSON, path: String) throws(NetworkError) {
        let place = path.isEmpty ? "the model" : "model '\(path)'"
        guard let className = json["class_name"]?.string, let config = json["config"] else {
            throw .malformedConfiguration(at: place, expected: "a class_name and a config")
        }
        guard Self.modelClasses.contains(className), config["layers"] != nil || config.array != nil else {
            throw .noLayers(className: className)
        }
        self.className = className
        name = config["name"]?.string ?? (path.isEmpty ? "model" : path)
        (layers, inputs, outputs) = ([], [0], [])
        if className == "Sequential" {
            try readSequential(config, path: path, place: place)
        } else {
            try readFunctional(config, path: path, place: place)
        }
    }

    // MARK: Sequential

    private mutating func readSequential(_ config: JSON, path: String, place: String) throws(NetworkError) {
        guard let records = config["layers"]?.kerasList ?? config.array, let first = records.first else {
            throw .malformedConfiguration(at: place, expected: "a list of layers")
        }
        if first["class_name"]?.string != "InputLayer" {
            let shape = first["config"]?["batch_input_shape"] ?? config["build_input_shape"]
            let declared: [Int?]?
            if let shape { declared = KerasSettings.extents(shape) } else { declared = nil }
            layers.append(Layer(name: "input", content: .input(shape: declared ?? []), calls: []))
        }
        for (index, record) in records.enumerated() {
            let content = try Self.content(record, path: path, place: "\(place), layer \(index)")
            let layerName = record["config"]?["name"]?.string ?? record["name"]?.string
            guard let layerName else {
                throw .malformedConfiguration(at: "\(place), layer \(index)", expected: "a name")
            }
            if case .input = content {
                guard layers.isEmpty else {
                    throw .malformedConfiguration(
                        at: "layer '\(layerName)'", expected: "an input layer only at the beginning")
                }
                layers.append(Layer(name: layerName, content: content, calls: []))
                continue
            }
            let previous = Reference(layer: layers.count - 1, call: 0)
            layers.append(Layer(name: layerName, content: content, calls: [Call(operands: [previous])]))
        }
        // Old versions leave the input's shape to the first layer, which may be a model.
        if case .input(shape: []) = layers[0].content, layers.count > 1,
            case .model(let model) = layers[1].content, let input = model.inputs.first
        {
            layers[0].content = model.layers[input].content
        }
        outputs = [
            Output(name: layers[layers.count - 1].name, value: Reference(layer: layers.count - 1, call: 0))
        ]
        _ = try Self.indices(of: layers, place: place)
    }

    // MARK: Functional

    private mutating func readFunctional(_ config: JSON, path: String, place: String) throws(NetworkError) {
        guard let records = config["layers"]?.kerasList, !records.isEmpty else {
            throw .malformedConfiguration(at: place, expected: "a list of layers")
        }
        for (index, record) in records.enumerated() {
            guard let name = record["name"]?.string ?? record["config"]?["name"]?.string else {
                throw .malformedConfiguration(at: "\(place), layer \(index)", expected: "a name")
            }
            let content = try Self.content(
                record, path: path, place: "layer '\(path.appending(layer: name))'")
            layers.append(Layer(name: name, content: content, calls: []))
        }
        let resolver = KerasReferences(
            indices: try Self.indices(of: layers, place: place), layers: layers,
            callCounts: records.map { $0["inbound_nodes"]?.kerasList?.count ?? 0 },
            isKeras3: records.contains { $0["inbound_nodes"]?[0]?["args"] != nil }, path: path)
        for (index, record) in records.enumerated() {
            layers[index].calls = try resolver.calls(record, of: index)
            if case .input = layers[index].content, !layers[index].calls.isEmpty {
                throw .malformedConfiguration(
                    at: "layer '\(layers[index].name)'", expected: "no inbound_nodes of an input layer")
            }
        }
        let ends = try resolver.ends(config["input_layers"], named: "inputs", of: name)
        for (_, value) in ends {
            guard case .input = layers[value.layer].content else {
                throw .malformedConfiguration(
                    at: "\(place), input_layers", expected: "the names of input layers")
            }
        }
        inputs = ends.map(\.value.layer)
        inputKeys = ends.allSatisfy { $0.key != nil } ? ends.compactMap(\.key) : nil
        let declared = Set(inputs)
        guard declared.count == inputs.count else {
            throw .malformedConfiguration(at: "\(place), input_layers", expected: "each input layer once")
        }
        for (index, layer) in layers.enumerated() where !declared.contains(index) {
            guard case .input = layer.content else { continue }
            throw .malformedConfiguration(
                at: "\(place), input_layers", expected: "the input layer '\(layer.name)'")
        }
        outputs = try resolver.ends(config["output_layers"], named: "outputs", of: name).map { key, value in
            Output(name: key ?? layers[value.layer].name, value: value)
        }
    }

    // MARK: Parts

    private static func content(
        _ record: JSON, path: String, place: String
    ) throws(NetworkError) -> Content {
        guard var className = record["class_name"]?.string, let settings = record["config"] else {
            throw .malformedConfiguration(at: place, expected: "a class_name and a config")
        }
        let isOurs = [record["registered_name"]?.string, className].contains(
            StandardizedConvolutionLayer.registeredName)
        if isOurs { className = StandardizedConvolutionLayer.className }
        let name = record["name"]?.string ?? settings["name"]?.string ?? ""
        let layerPath = path.appending(layer: name)
        try requirePlainNumbers(settings, layerPath)
        if !isOurs, let custom = customClass(record, className) {
            return .custom(className: custom, settings: settings)
        }
        if modelClasses.contains(className) { return .model(try KerasModel(record, path: layerPath)) }
        if let model = try KerasTimeDistribution.model(in: record, path: layerPath) {
            return .timeDistributed(model)
        }
        // Functions may have the names of layers.
        let module = record["module"]?.string ?? ""
        if module.hasPrefix("keras.src.ops.") || module == "keras.ops" {
            return .layer(className: KerasOperatorCall.classPrefix + className, settings: settings)
        }
        guard className == "InputLayer" else { return .layer(className: className, settings: settings) }
        guard let shape = settings["batch_shape"] ?? settings["batch_input_shape"],
            let extents = KerasSettings.extents(shape)
        else { throw .malformedConfiguration(at: place, expected: "a batch_shape") }
        return .input(shape: extents)
    }

    /// The name of a class that is not Keras', even if it is the name of a Keras class; nil for Keras' own.
    static func customClass(_ record: JSON, _ className: String) -> String? {
        let module = record["module"]?.string
        // `package>Class`, or a class of the program that saved the file, which has no module.
        if let registered = record["registered_name"]?.string, registered.contains(">") || module == nil {
            return registered
        }
        if let module, !["keras", "tf_keras", "tensorflow"].contains(module.prefix { $0 != "." }) {
            return "\(module).\(className)"
        }
        return className == StandardizedConvolutionLayer.className || className.contains(">")
            ? className : nil
    }

    /// Refuses weights of few bits, which have scales of their own (`model.quantize`).
    private static func requirePlainNumbers(_ settings: JSON, _ layer: String) throws(NetworkError) {
        let policy = settings["dtype"]
        let name = policy?.string ?? policy?["config"]?["name"]?.string ?? ""
        let quantized = policy?["class_name"]?.string ?? ""
        guard !name.contains("_from_"), !quantized.hasPrefix("Quantized") else {
            throw .unsupportedSetting(
                layer: layer, setting: "dtype", found: quantized.isEmpty ? name : quantized,
                expected: "weights that are not quantized")
        }
    }

    private static func indices(
        of layers: [Layer], place: String
    ) throws(NetworkError) -> [String: Int] {
        var indices: [String: Int] = [:]
        for (index, layer) in layers.enumerated()
        where indices.updateValue(index, forKey: layer.name) != nil {
            throw .malformedConfiguration(
                at: place, expected: "one layer named '\(layer.name)', found two")
        }
        return indices
    }
}

extension String {
    /// `outer` and `inner` make `outer/inner`; nothing stands before a layer of the outermost model.
    func appending(layer name: String) -> String { isEmpty ? name : self + "/" + name }
}
