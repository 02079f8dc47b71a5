import Checkpoints
import Conversion
import Networks
import OrderedJSON
import Tensors

extension Model {
    /// The layout to write; nil to copy the file with the conversion's changes. Keras files whose kernels have outputs first
    /// always get a new file, because no Keras can load them.
    ///
    /// So does a network with a new head, as its parameters have other shapes.
    func outputLayout(_ layout: OutputLayout?) -> OutputLayout? {
        if layout != nil || network.outputsFirstKernels.isEmpty && newHead == nil { return layout }
        return switch checkpoint.layout {
        case .kerasLegacy: .keras
        case .kerasArchive: .keras3
        // Big Transfer's names from TensorFlow are not written anew: a configuration makes Keras' own do.
        case .kerasLegacyWeights where !network.family.isKeras: .keras
        case .kerasLegacyWeights, .kerasWeights: .weights
        case .torchFlat, .torchNested: .torch
        case .torchZip, .torchShards, .torchLegacy, .torchScript, .pickle: .pth
        case .safetensors, .safetensorsShards, .numpyArchive: .safetensors
        }
    }

    /// The contents of a new file in another layout; `config` is the converted configuration, if the file has one.
    func contents(
        _ plan: ConversionPlan, config: JSON?, note: ConversionNote, layout: OutputLayout
    ) throws -> NewCheckpoint {
        var contents = try translated(plan, config: config, note: note, layout: layout)
        contents.classNames = classNames
        return contents
    }

    private func translated(
        _ plan: ConversionPlan, config: JSON?, note: ConversionNote, layout: OutputLayout
    ) throws -> NewCheckpoint {
        let table = try checkpoint.parameters.applying(plan.edits, path: path)
        if layout.isKeras {
            if let config, layout != .keras3 || config.isKeras3Model {
                return NewCheckpoint(
                    parameters: try table.kerasNamed(for: plan.network, path: path), isKeras: true,
                    modelConfig: (layout == .keras3 ? config.namingKerasModules : config).text,
                    note: try note.json())
            }
            return try exported(plan, table, note: note)
        }
        if network.family.isKeras {
            // A configuration lets the file be written back as Keras'.
            if config == nil, network.isComplete, let exported = try? exported(plan, table, note: note) {
                return exported
            }
            let depthwise = plan.network.parameterPlaces.filter { $0.layout == .hwim }.map(\.kerasName)
            return NewCheckpoint(
                parameters: try table.kerasNamed(for: plan.network, path: path), isKeras: true,
                modelConfig: config?.text, depthwiseKernels: Set(depthwise), note: try note.json())
        }
        return NewCheckpoint(
            parameters: try table.torchNamed(for: plan.network, path: path), isKeras: false, modelConfig: nil,
            note: try note.json())
    }

    /// The network in Keras' own layers, with the parameters in their layouts. Weights that the network standardizes are
    /// baked into plain convolutions. Unused parameters are left out.
    private func exported(
        _ plan: ConversionPlan, _ table: ParameterTable, note: ConversionNote
    ) throws -> NewCheckpoint {
        try checkIsComplete()
        let export = try plan.network.kerasExport()
        let baked = table.standardizing(for: plan.network)
        let layouts = Dictionary(
            plan.network.parameterPlaces.map { ($0.name, $0.layout) }, uniquingKeysWith: { first, _ in first }
        )
        let parameters = export.parameters.compactMap { source, target -> Parameter? in
            guard let parameter = baked[source] else { return nil }
            let shaped = export.shapes[source].map { parameter.reshaped(Shape($0)) } ?? parameter
            return switch layouts[source] {
            case .oihw: shaped.permuted([2, 3, 1, 0]).renamed(target)
            case .outputsFirst: shaped.permuted([1, 0]).renamed(target)
            default: shaped.renamed(target)
            }
        }
        var note = note
        note.norms = Dictionary(
            note.norms.map { (export.layers[$0] ?? $0, $1) }, uniquingKeysWith: { first, _ in first })
        // The configuration has them.
        (note.batchEpsilons, note.modules) = (nil, nil)
        var config = export.config
        if note.kerasLayer != nil {
            let layers = plan.standardizedLayers(note).map { (export.layers[$0] ?? $0, $1) }
            config = try KerasConfigEditor.convertedConfig(
                config, norms: [:],
                standardizedConvolutions: Dictionary(layers, uniquingKeysWith: { first, _ in first }))
        }
        return NewCheckpoint(
            parameters: ParameterTable(parameters), isKeras: true, modelConfig: config.text,
            note: try note.json())
    }
}

extension Network {
    fileprivate var placesByName: [String: ParameterPlace] {
        Dictionary(parameterPlaces.map { ($0.name, $0) }, uniquingKeysWith: { _, last in last })
    }

    /// Kernels of a Keras network that are stored with outputs first.
    var outputsFirstKernels: [String] {
        guard family.isKeras else { return [] }
        return parameterPlaces.filter { $0.layout == .oihw }.map(\.name)
    }
}

extension Network.Family {
    /// Whether parameters have Keras' names and layouts.
    var isKeras: Bool { self == .keras || self == .kerasResNet || self == .kerasResNetV2 }
}

extension ParameterTable {
    /// The parameters as `layer/role`, kernels in Keras' layout: the network's by their layers, others by their own
    /// names.
    fileprivate func kerasNamed(for network: Network, path: String) throws -> ParameterTable {
        let places = network.placesByName
        return try renamed(path: path) { parameter in
            if let place = places[parameter.name] {
                let renamed = parameter.renamed(place.kerasName)
                return place.layout == .oihw ? renamed.permuted([2, 3, 1, 0]) : renamed
            }
            // Older layouts repeat the layer's name: `norm/norm/count:0`.
            let stem = parameter.name.hasSuffix(":0") ? parameter.name.dropLast(2) : parameter.name[...]
            var parts = stem.split(separator: "/")
            if parts.count > 2, parts[0] == parts[1] { parts.removeFirst() }
            return parameter.renamed(parts.joined(separator: "/"))
        }
    }

    /// The parameters in PyTorch's names and layouts, which most have already.
    fileprivate func torchNamed(for network: Network, path: String) throws -> ParameterTable {
        let places = network.placesByName
        return try renamed(path: path) { parameter in
            guard let place = places[parameter.name], parameter.name.contains("/") else { return parameter }
            let renamed = parameter.renamed(place.torchName)
            return place.layout == .hwio ? renamed.permuted([3, 2, 0, 1]) : renamed
        }
    }
}

extension ConversionPlan {
    /// Convolutions that become layers with weight standardization, with their ε.
    func standardizedLayers(_ note: ConversionNote) -> [String: Double] {
        guard note.kerasLayer != nil else { return [:] }
        let epsilon = note.weightStandardizationEpsilon == "timm" ? 1e-6 : 1e-10
        return Dictionary(
            report.standardized.map { ($0, epsilon) }, uniquingKeysWith: { first, _ in first })
    }
}
