import Tensors

/// Why a file's configuration or names are not a network that normconv supports.
package enum NetworkError: Error, Equatable {
    /// A layer of an unsupported class.
    case unsupportedLayer(layer: String, className: String)
    /// A layer with an unsupported setting.
    case unsupportedSetting(layer: String, setting: String, found: String, expected: String)
    /// The configuration is not of the form Keras writes.
    case malformedConfiguration(at: String, expected: String)
    /// A parameter that the network needs is not in the file.
    case missingParameter(name: String, neededBy: String)
    /// Two parameters fit where one is needed.
    case ambiguousParameter(name: String, neededBy: String, candidates: [String])
    /// A parameter's shape is not what its layer's settings ask for.
    case wrongShape(parameter: String, found: String, expected: String)
    /// Something that none of Keras' own layers does, in a network that is to be written as a Keras model.
    case noKerasLayer(layer: String, for: String)
    /// A model of a class of its own, without a list of layers.
    case noLayers(className: String)
    /// A layer that is not known, in a network whose configuration has to be written anew.
    case cannotRewrite(layer: String, className: String)
    /// A Keras kernel with outputs before rows and columns where that cannot be told from Keras' own order, or where
    /// nothing says that it is not turned around besides.
    case outputsFirstKernel(parameter: String, found: String)
    /// The operands of a node do not fit together.
    case shapeMismatch(layer: String, found: String, expected: String)
    /// ε of batch norms was given, but the file states it.
    case epsilonIsKnown(found: Double)
    /// Names and shapes are those of no known architecture.
    case unrecognized(reason: String)
}

extension NetworkError: CustomStringConvertible {
    /// The message in one line: the object, what was expected and what was found.
    package var description: String {
        switch self {
        case .unsupportedLayer(let layer, let className):
            "layer '\(layer)': layers of class \(className) are not supported"
        case .unsupportedSetting(let layer, let setting, let found, let expected):
            "layer '\(layer)': \(setting) is \(found), expected \(expected)"
        case .malformedConfiguration(let place, let expected):
            "model configuration: at \(place): expected \(expected)"
        case .missingParameter(let name, let neededBy):
            "layer '\(neededBy)': parameter '\(name)' is not in the file"
        case .ambiguousParameter(let name, let neededBy, let candidates):
            "layer '\(neededBy)': parameter '\(name)' could be any of \(candidates.listed())"
        case .wrongShape(let parameter, let found, let expected):
            "parameter '\(parameter)': shape is \(found), expected \(expected)"
        case .noKerasLayer(let layer, let operation):
            "layer '\(layer)': Keras has no layer for \(operation): choose --layout safetensors or torch"
        case .noLayers(let className):
            "the model is of class \(className), whose configuration does not record its layers: save its weights with "
                + "model.save_weights('x.weights.h5'), and convert these"
        case .cannotRewrite(let layer, let className):
            "layer '\(layer)': a layer of class \(className) can only stay in the configuration that it is in: "
                + "choose --layout keras, safetensors or torch"
        case .outputsFirstKernel(let parameter, let found):
            "parameter '\(parameter)': shape is \(found), expected height×width×in_channels×out_channels. Kernels with outputs "
                + "first may come from Theano, which also flips them by 180°. If so, load the weights in the Keras that "
                + "made them and save the model with the TensorFlow backend. If they are not flipped, transpose them: "
                + "kernel.transpose(2, 3, 1, 0)"
        case .shapeMismatch(let layer, let found, let expected):
            "layer '\(layer)': input is \(found), expected \(expected)"
        case .epsilonIsKnown(let found):
            "an epsilon of batch norms was given (\(found)), but the file states its own: leave --batch-epsilon out"
        case .unrecognized(let reason):
            "not a network that normconv knows: \(reason)"
        }
    }
}
