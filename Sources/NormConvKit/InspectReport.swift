import Checkpoints
import Conversion
import Networks
import Reports

/// What a file holds, and what a conversion would find in it.
public struct InspectReport: Codable, Sendable {
    /// The format version of this report.
    public var schemaVersion = 1
    /// The path as given.
    public var file: String
    /// The layout's short name.
    public var layout: String
    /// The layout as text.
    public var layoutDescription: String
    /// What wrote the file.
    public var producer: String?
    /// The network's key in the file, and those of other networks there; nil where it is under none.
    package var networkKeys: NetworkKeys?
    /// What was recognised.
    public var architecture: String
    /// What it was recognised by: `configuration` or `names`.
    public var recognizedBy: String
    /// Layers that normconv keeps as they are and does not compute, in topological order.
    package var notComputed: [UncomputedLayer]
    /// The outputs' names, if there are several.
    public var outputs: [String]
    /// Conventions that fill in what the file does not record.
    public var assumptions: [String]
    /// What modules in the file record and the network of their names does not have; such a network is not scored.
    package var otherModules: [String]
    /// Whether the network can be run: false where only norms and the convolutions before them are known.
    public var isComplete: Bool
    /// Height × width × channels of the images; `any` if the file does not record it.
    public var input: String
    /// The network's preprocessing.
    public var preprocess: String
    /// Classes; nil if the head was not recognised.
    public var classes: Int?
    /// Number of values in all tensors.
    public var parameters: Int
    /// Number of tensors.
    public var tensors: Int
    /// How the file was converted, if it was.
    public var converted: String?
    /// How the file was fine-tuned, if it was.
    package var fineTuned: ConversionSummary.FineTuning?
    /// Parameters that the network does not use.
    public var unused: [String]
    /// Batch and group normalizations, in topological order.
    package var norms: [Norm]
    /// Convolutions without a norm of their own.
    package var exempt: [ExemptLayer]
    /// Pairs of convolution and norm, certain or possible, with their basis, in topological order.
    package var pairs: [PairReport]
    /// Norms without running statistics whose kind is unknown.
    public var unknownNorms: [String]

    /// A norm and the convolution before it.
    package struct Norm: Codable, Sendable {
        /// The layer's name.
        package var layer: String
        /// `batch` or `group`.
        package var kind: String
        /// Channels.
        package var channels: Int
        /// ε, added to the variance.
        package var epsilon: Double
        /// Groups of a group normalization.
        package var groups: Int?
        /// Groups that `--groups auto` gives.
        package var autoGroups: Int
        /// The convolution whose only consumer is the norm; nil if the graph does not say (`pairs` may).
        package var convolution: String?
    }

    /// Describes a model without reading its weights.
    public init(_ model: Model) {
        let network = model.network
        let pairs = ConvolutionNormPairs(network)
        file = model.path
        layout = model.checkpoint.layout.rawValue
        layoutDescription = model.checkpoint.layout.description
        producer = model.checkpoint.producer
        networkKeys = model.checkpoint.networkKeys
        architecture = network.architecture
        recognizedBy = model.basis.rawValue
        notComputed = network.uncomputedLayers
        outputs = network.outputs.map(\.name)
        assumptions = model.assumptions
        otherModules = model.contradictions
        isComplete = network.isComplete
        let extents = network.input.ownExtents
        input =
            extents.isEmpty
            ? "unknown" : extents.map { $0.map(String.init) ?? "any" }.joined(separator: "×")
        preprocess = model.preprocessing.description
        classes = network.classes
        parameters = model.checkpoint.parameters.reduce(0) { $0 + $1.shape.count }
        tensors = model.checkpoint.parameters.count
        converted = model.note.map { note in
            "--to \(note.to) --groups \(note.groups) --init \(note.initialization) "
                + "--ws \(note.weightStandardization)"
                + (note.calibration.map {
                    ", calibrated on \($0.fitted) \($0.synthesized == true ? "synthetic " : "")images"
                } ?? "")
        }
        fineTuned = model.note?.fineTuning?.summary
        unused = model.unusedParameters
        self.pairs = network.normPairs.sorted { $0.key < $1.key }.map { PairReport($0.value) }
        unknownNorms = model.unknownNorms
        norms = network.nodes.indices.compactMap { Norm(network, $0, pairs) }
        exempt = network.nodes.indices.compactMap { index in
            pairs.exemptions[index].map {
                ExemptLayer(layer: network.nodes[index].layer, reason: $0.description)
            }
        }
    }
}

extension InspectReport.Norm {
    fileprivate init?(_ network: Network, _ index: Int, _ pairs: ConvolutionNormPairs) {
        switch network.nodes[index].operation {
        case .batchNorm(let norm):
            (kind, channels, epsilon, groups) = ("batch", norm.channels, norm.epsilon, nil)
        case .groupNorm(let norm):
            (kind, channels, epsilon, groups) = ("group", norm.channels, norm.epsilon, norm.groups)
        default: return nil
        }
        layer = network.nodes[index].layer
        autoGroups = (try? GroupPolicy.auto.groups(channels: channels, layer: layer)) ?? 1
        convolution = pairs.convolutionBefore[index].map { network.nodes[$0].layer }
    }
}

extension Network {
    /// Features of the last dense layer or convolution, the number of classes of a classifier.
    package var classes: Int? {
        guard outputs.isEmpty else { return nil }
        for node in nodes.reversed() {
            switch node.operation {
            case .dense(let dense): return dense.outputs
            case .convolution(let convolution): return convolution.outputs
            case .activation, .flatten, .reshape, .globalPool: continue
            default: return nil
            }
        }
        return nil
    }
}
