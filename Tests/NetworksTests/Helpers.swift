import OrderedJSON
import Tensors

@testable import Networks

/// Parameters of these names and shapes, all zero.
func table(_ parameters: [(String, [Int])]) -> ParameterTable {
    ParameterTable(
        parameters.map { name, extents in
            let shape = Shape(extents)
            return Parameter(name: name, shape: shape, elementType: .float32) {
                Tensor(shape: shape, repeating: 0)
            }
        })
}

/// A layer's record in a Functional model of Keras 2, called once on the inputs.
func layer(_ className: String, _ name: String, _ settings: String = "", on inputs: String...) -> String {
    let references = inputs.map { "[\"\($0)\", 0, 0, {}]" }.joined(separator: ", ")
    let nodes = inputs.isEmpty ? "[]" : "[[\(references)]]"
    let config = settings.isEmpty ? "\"name\": \"\(name)\"" : "\"name\": \"\(name)\", \(settings)"
    return """
        {"class_name": "\(className)", "config": {\(config)}, "name": "\(name)", "inbound_nodes": \(nodes)}
        """
}

/// The input layer `in` of these extents.
func inputLayer(_ extents: String = "null, 8, 8, 4") -> String {
    layer("InputLayer", "in", "\"batch_input_shape\": [\(extents)]")
}

/// A Functional model from `in` to the output.
func functional(_ layers: [String], output: String) throws -> JSON {
    let text = """
        {"class_name": "Functional", "config": {"name": "net", "layers": [\(layers.joined(separator: ", "))], \
        "input_layers": [["in", 0, 0]], "output_layers": [["\(output)", 0, 0]]}}
        """
    // The longest network here has more values than a file may have.
    return try JSON.parse(Array(text.utf8), valueLimit: .max)
}

/// A network of one layer on an 8×8×4 input, or on one of these extents.
func recognize(
    _ className: String, _ settings: String = "", extents: String = "null, 8, 8, 4",
    parameters: [(String, [Int])] = []
) throws -> Network {
    try recognition(of: className, settings, extents: extents, parameters: parameters).network
}

/// The same with what was assumed.
func recognition(
    of className: String, _ settings: String = "", extents: String = "null, 8, 8, 4",
    parameters: [(String, [Int])] = []
) throws -> Recognition {
    let config = try functional(
        [inputLayer(extents), layer(className, "x", settings, on: "in")], output: "x")
    return try recognizeKeras(config: config, parameters: table(parameters))
}

extension Network {
    /// The operations behind the input.
    var operations: [Networks.Operation] { nodes.dropFirst().map(\.operation) }
}

/// Names and shapes of a torchvision ResNet, or with `stem` 3 of a CIFAR ResNet.
struct TorchNetwork {
    var blocks: [Int]
    var isBottleneck = false
    var groups = 1
    var widthPerGroup = 64
    var stem = 7
    var planes = 64
    var shortcut: String? = "downsample"
    var classifier = "fc"
    var classes = 1000
    var hasStatistics = true

    func parameters(prefix: String = "") -> [(String, [Int])] {
        var parameters: [(String, [Int])] = []
        func convolution(_ name: String, _ outputs: Int, _ inputs: Int, _ size: Int) {
            parameters.append(("\(prefix)\(name).weight", [outputs, inputs, size, size]))
        }
        func norm(_ name: String, _ channels: Int) {
            let roles = ["weight", "bias"] + (hasStatistics ? ["running_mean", "running_var"] : [])
            parameters += roles.map { ("\(prefix)\(name).\($0)", [channels]) }
            if hasStatistics { parameters.append(("\(prefix)\(name).num_batches_tracked", [])) }
        }
        convolution("conv1", planes, 3, stem)
        norm("bn1", planes)
        var inputs = planes
        for (stage, count) in blocks.enumerated() {
            let planes = planes << stage
            let outputs = isBottleneck ? planes * 4 : planes
            let width = isBottleneck ? planes * widthPerGroup / 64 * groups : planes
            for block in 0..<count {
                let name = "layer\(stage + 1).\(block)"
                if isBottleneck {
                    convolution("\(name).conv1", width, inputs, 1)
                    convolution("\(name).conv2", width, width / groups, 3)
                    convolution("\(name).conv3", outputs, width, 1)
                } else {
                    convolution("\(name).conv1", width, inputs, 3)
                    convolution("\(name).conv2", outputs, width, 3)
                }
                for index in 1...(isBottleneck ? 3 : 2) {
                    norm("\(name).bn\(index)", index == (isBottleneck ? 3 : 2) ? outputs : width)
                }
                if let shortcut, block == 0, stage > 0 || inputs != outputs {
                    convolution("\(name).\(shortcut).0", outputs, inputs, 1)
                    norm("\(name).\(shortcut).1", outputs)
                }
                inputs = outputs
            }
        }
        parameters.append(("\(prefix)\(classifier).weight", [classes, inputs]))
        parameters.append(("\(prefix)\(classifier).bias", [classes]))
        return parameters
    }
}

/// A convolution that may be before a norm, and what says so.
struct PossiblePair: Equatable {
    var convolution: String
    var basis: PairBasis

    init(_ convolution: String, _ basis: PairBasis) { (self.convolution, self.basis) = (convolution, basis) }
}

extension Network {
    /// Norms that the graph does not connect with the convolutions that may be before them.
    var possiblePairs: [String: PossiblePair] {
        var found: [String: PossiblePair] = [:]
        for loose in looseNorms {
            guard let convolution = loose.convolution, let basis = loose.basis else { continue }
            found[nodes[loose.norm].layer] = PossiblePair(nodes[convolution].layer, basis)
        }
        return found
    }
}
