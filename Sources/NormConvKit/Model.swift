import Checkpoints
import Datasets
import Inference
import Networks
import OrderedJSON
import Reports
import Tensors

/// A network and the file that it is in.
public struct Model: Sendable {
    /// The file.
    package let checkpoint: any Checkpoint
    /// What the file's configuration or names describe.
    package internal(set) var network: Network
    /// Parameters that the network does not use, in file order.
    public let unusedParameters: [String]
    /// What the network was recognised by.
    package let basis: Recognition.Basis
    /// What the file does not say and a convention had to, for people.
    public let assumptions: [String]
    /// Layers of norms without running statistics of which neither the file nor the caller says what they are: such a network
    /// is neither scored nor written. In topological order.
    public internal(set) var unknownNorms: [String]
    /// What the caller said of such norms.
    let normKind: NormKind?
    /// ε of batch norms by layer, where a file of names records it or the caller gave it.
    let statedEpsilons: [String: Double]
    /// What modules in the file record and the network cannot express.
    let contradictions: [String]
    /// Classes and settings of modules, where they are others than the network's family has; else empty.
    let otherModules: [String: RecordedModule]
    /// How the file was converted, if it was.
    package let note: ConversionNote?
    /// In what numbers the fast engine convolves.
    package private(set) var precision = Precision.float32
    /// Whether outputs without an activation are what sigmoids would take.
    var readsSigmoid = false
    /// Parameters that are others than the file's: statistics that were estimated anew, and what was trained.
    var replacements: [String: Tensor] = [:]
    /// How it was fine-tuned, if it was.
    var fineTuning: FineTuneReport?
    /// The head that took the file's place, if one did.
    var newHead: NewHead?
    /// How, if they were.
    package internal(set) var refresh: RefreshReport?
    /// The configuration, in layouts that have one.
    let config: JSON?
    /// The key of the network in a file of several, where one was given.
    private let key: String?

    /// Opens a file and recognises its network. Reads no weights.
    ///
    /// - Parameters:
    ///   - path: the file.
    ///   - architecture: a Keras configuration in JSON (`model.to_json()`), for files of weights alone.
    ///   - norms: what norms without running statistics are, where neither a configuration nor a note says.
    ///   - key: the one of several networks in a pickle: `state_dict_ema`, `model.ema`.
    ///   - facts: what names do not tell, for files without a configuration.
    ///
    /// Throws `HDF5Error`, `SafetensorsError`, `ArchiveError`, `PickleError`, `CheckpointError`, or a `FileFailure`
    /// around a `JSONError`, `NetworkError` or `GivenPairError`.
    package init(
        path: String, architecture: String? = nil, norms: NormKind? = nil, key: String? = nil,
        facts: GivenFacts = GivenFacts()
    ) throws {
        let given = { (note: String?) in
            try naming(path) {
                try architecture.map {
                    try Self.converted(JSON.parse($0), note.flatMap(ConversionNote.init(json:)))
                }
            }
        }
        let checkpoint = try openCheckpoint(path, key: key) { try given($0)?.text }
        let config = try naming(path) {
            try checkpoint.modelConfig.map { try JSON.parse($0) } ?? given(checkpoint.note)
        }
        let note = checkpoint.note.flatMap(ConversionNote.init(json:))
        let recognition = try naming(path) {
            try Self.recognize(checkpoint, config: config, note: note, norms, facts)
        }
        let names = checkpoint.parameters.names
        guard names.isEmpty || recognition.unused.count < names.count else {
            throw FileFailure(path: path, cause: NetworkError.unrecognized(reason: Self.noMatch(names)))
        }
        let unused = Set(recognition.unused)
        let empty = checkpoint.parameters.first {
            $0.shape.count == 0 && ($0.shape.rank > 1 || !unused.contains($0.name))
        }
        if let empty {
            throw CheckpointError.emptyParameter(path: path, name: empty.name, shape: empty.shape.extents)
        }
        self.checkpoint = checkpoint
        self.note = note
        (self.config, self.key) = (config, key)
        network = recognition.network
        unusedParameters = recognition.unused
        basis = recognition.basis
        assumptions = recognition.assumptions
        unknownNorms = recognition.unknownNorms
        normKind = norms
        statedEpsilons = recognition.statedEpsilons
        contradictions = recognition.contradictions
        otherModules =
            recognition.differsFromFamily
            ? Self.modules(of: checkpoint, note).filter { !$0.value.isBatchNorm } : [:]
    }

    /// Whether a file is a PyTorch checkpoint or another pickle, in which a key may choose one of several networks.
    package static func takesKey(_ path: String) -> Bool { isPickle(path) }

    /// The architecture that a file of weights alone was made for, with the norms, biases and outputs that its note says it has
    /// now.
    private static func converted(
        _ config: JSON, _ note: ConversionNote?
    ) throws(NetworkError) -> JSON {
        guard let note else { return config }
        let norms = note.norms.mapValues {
            GroupNorm(gamma: "gamma", beta: "beta", groups: $0.groups, epsilon: $0.epsilon, channels: 0)
        }
        return try KerasConfigEditor.convertedConfig(
            config, norms: norms, biasedConvolutions: Set(note.newParts?.biases ?? []),
            outputs: note.newParts?.outputs ?? [:])
    }

    /// The same network, with convolutions in other numbers.
    package func running(in precision: Precision) -> Model {
        var model = self
        model.precision = precision
        return model
    }

    /// The parameters as the network's operations take them: kernels of convolutions that standardize their weights
    /// are standardized when they are read.
    package var parameters: ParameterTable { stored.standardizing(for: network) }

    /// The file's parameters, but for those that were replaced.
    var stored: ParameterTable {
        replacements.isEmpty ? checkpoint.parameters : checkpoint.parameters.replacing(replacements)
    }

    private static func noMatch(_ names: [String]) -> String {
        "none of the file's \(names.count.counted("tensor")) belongs to a layer of the configuration "
            + "(\(names.map { "'\($0)'" }.listed()))"
    }

    /// What the file records of modules, else what its note has of the file that it was converted from.
    private static func modules(
        of checkpoint: any Checkpoint, _ note: ConversionNote?
    ) -> [String: RecordedModule] {
        checkpoint.modules.isEmpty ? note?.modules ?? [:] : checkpoint.modules
    }

    private static func recognize(
        _ checkpoint: any Checkpoint, config: JSON?, note: ConversionNote?, _ kind: NormKind?,
        _ facts: GivenFacts
    ) throws -> Recognition {
        if let config {
            if facts.pairs != nil { throw GivenPairError.graphIsKnown }
            if let epsilon = facts.batchEpsilon { throw NetworkError.epsilonIsKnown(found: epsilon) }
            let recognition = try recognizeKeras(config: config, parameters: checkpoint.parameters)
            if checkpoint.backend == nil, let kernel = recognition.network.outputsFirstKernels.first {
                throw NetworkError.outputsFirstKernel(
                    parameter: kernel, found: checkpoint.parameters[kernel]?.shape.description ?? "unknown")
            }
            return recognition
        }
        guard checkpoint.layout != .kerasLegacy else {
            throw NetworkError.malformedConfiguration(
                at: "attribute model_config",
                expected: "a configuration; save the whole model, not its weights")
        }
        var facts = facts
        facts.normEpsilons = checkpoint.normEpsilons.merging(note?.batchEpsilons ?? [:]) { own, _ in own }
        if let epsilon = facts.batchEpsilon, !facts.normEpsilons.isEmpty {
            throw NetworkError.epsilonIsKnown(found: epsilon)
        }
        facts.modules = modules(of: checkpoint, note)
        let norms = note?.norms.mapValues { GroupNormSettings(groups: $0.groups, epsilon: $0.epsilon) }
        func recognized(_ norms: [String: GroupNormSettings]?) throws -> Recognition {
            try recognizeNames(
                parameters: checkpoint.parameters, groupNorms: norms, kind: kind,
                isTopological: checkpoint.isTopological, isKeras: checkpoint.layout.isKeras, facts: facts)
        }
        guard note?.to == "none" else { return try recognized(norms) }
        // A note of another layout alone is only needed for what the names do not say.
        let byNames = try recognized(nil)
        return byNames.unknownNorms.isEmpty || norms?.isEmpty != false ? byNames : try recognized(norms)
    }

    /// What may make another function of a network that is known by its names: numbers in the file that it does not use.
    /// Nil where all is used, or where a configuration tells the network.
    public var doubt: String? {
        guard basis == .names, network.isComplete else { return nil }
        let unused = unusedParameters.filter { checkpoint.parameters[$0]?.elementType.isFloat == true }
        guard let first = unused.first else { return nil }
        let names =
            unused.count == 1 ? "'\(first)' is" : "\(unused.count) parameters ('\(first)' is the first) are"
        return
            "\(names) not used by the \(network.architecture): if the network needs them, its outputs are not those "
            + "computed here"
    }

    /// The path as it was given.
    public var path: String { checkpoint.path }

    /// The path, and beside it the key of the network in the file and the precision, where these are not the usual ones.
    public var title: String {
        let details = [key, precision == .float32 ? nil : precision.rawValue].compactMap { $0 }
        return details.isEmpty ? path : "\(path) (\(details.joined(separator: ", ")))"
    }

    /// What it was fine-tuned with or the file remembers, else what the network's family was trained with.
    public var preprocessing: Preprocessing {
        if let text = fineTuning?.preprocess ?? note?.preprocess,
            let remembered = try? Preprocessing(parsing: text)
        {
            return remembered
        }
        return switch network.family {
        case .keras: .raw
        case .kerasResNet: .caffe
        case .kerasResNetV2, .bit: .tf
        case .torch: network.input.dimensions == 3 ? .kinetics : .torch
        }
    }

    /// The network up to what a final softmax or sigmoid would see. Probabilities are computed from these values, in
    /// double precision: a softmax or sigmoid in floats rounds small differences away.
    package var logits: Network { network.upToLogits }
}
