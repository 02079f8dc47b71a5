import Networks
import Tensors

/// Why a network cannot be scored.
package enum EvaluationRefusal: Error, Equatable, CustomStringConvertible {
    /// Only norms and the convolutions before them are known.
    case unknownGraph(reasons: [String], isKeras: Bool)
    /// Modules in the file record something else than the network that its names tell.
    case otherModules(differences: [String], architecture: String)
    /// A layer that is kept as it is.
    case notComputed(cause: NetworkError)
    /// Several outputs, none of which is chosen.
    case severalOutputs(names: [String])
    /// No output of that name.
    case noSuchOutput(found: String, names: [String])
    /// The kind of norms without running statistics is unknown.
    case unknownNorms(layers: [String])
    /// A network of volumes, which is computed but not fitted.
    case noFitOfVolumes
    /// The network ends in a map, or in pooled features.
    case noClassifier(output: Shape)
    /// The network ends in one value that no sigmoid follows.
    case noHead
    /// The network ends in a softmax of one value, which is always 1.
    case softmaxOfOne

    /// The message in one line.
    package var description: String {
        switch self {
        case .unknownGraph(let reasons, let isKeras):
            "the graph is unknown: \(reasons.last ?? "names are unknown")"
                + (isKeras
                    ? "; give it with --architecture FILE, a Keras configuration (model.to_json())" : "")
        case .otherModules(let differences, let architecture):
            "\(differences.first ?? "")"
                + (differences.count > 1 ? " (and \(differences.count - 1) more)" : "")
                + ": the file's modules are not those of a \(architecture), whose names it has. normconv can convert this "
                + "network under its own names, but not score or calibrate it; if the module changes nothing, save model.state_dict() instead"
        case .notComputed(let cause):
            "\(cause). normconv can inspect and convert this network, but not score or calibrate it"
        case .severalOutputs(let names):
            "the network has \(names.count) outputs, \(names.listed()), expected one; eval and sweep choose one with --output NAME"
        case .noSuchOutput(let found, let names):
            names.isEmpty
                ? "found --output \(found), but the network has one output: leave the option out"
                : "found no output '\(found)', expected one of \(names.listed(8))"
        case .unknownNorms(let layers):
            "the file does not record the kind of \(layers.count.counted("norm")) without running statistics, from "
                + "'\(layers.first ?? "")' on; choose --norm group --norm-groups N, --norm instance or --norm layer (one group). "
                + "Batch norms without running statistics cannot be scored: they depend on the batch"
        case .noFitOfVolumes:
            "the network takes volumes, expected images or steps for --calibrate and --synthesize; convert it without them"
        case .noClassifier(let output):
            "the network has no classifier: it ends in "
                + (output.rank > 1 ? "a feature map of \(output)" : "\(output) features")
                + " (saved with include_top=False, or a head with an unknown name?)"
        case .noHead:
            "the network has one output and no sigmoid, expected a sigmoid or at least two outputs; if the output is the "
                + "logit of a binary classifier, add --sigmoid"
        case .softmaxOfOne:
            "the network ends in a softmax of one output, which is always 1, expected a sigmoid or at least two outputs"
        }
    }
}
