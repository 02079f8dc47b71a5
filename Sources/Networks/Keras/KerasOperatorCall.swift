import OrderedJSON

/// A call of one of the framework's functions, which Keras keeps as a layer: `keras.ops` in Keras 3, `TFOpLambda` in Keras 2.
struct KerasOperatorCall {
    /// The function by its class in `keras.ops`: `Add`, `TrueDivide`, `GetItem`.
    var function: String
    /// The positional arguments: tensors or constants.
    var arguments: [Argument]
    /// What is passed by name, or set in Keras 3's operator.
    var settings: JSON

    /// One argument.
    enum Argument {
        /// The value of another layer.
        case tensor
        /// Several such values in a list.
        case tensors(Int)
        /// A number, a list, a slice.
        case constant(JSON)
    }

    static let classPrefix = "keras.ops."

    /// TensorFlow's functions by the classes of `keras.ops` that compute the same.
    private static let tensorFlow = [
        "math.add": "Add", "__operators__.add": "Add", "nn.bias_add": "BiasAdd",
        "math.subtract": "Subtract", "__operators__.sub": "Subtract",
        "math.multiply": "Multiply", "__operators__.mul": "Multiply",
        "math.truediv": "TrueDivide", "math.divide": "TrueDivide", "__operators__.truediv": "TrueDivide",
        "math.negative": "Negative", "__operators__.neg": "Negative",
        "math.maximum": "Maximum", "math.minimum": "Minimum",
        "math.reduce_mean": "Mean", "math.reduce_max": "Max",
        "concat": "Concatenate", "stack": "Stack", "cast": "Cast", "identity": "Identity",
        "__operators__.getitem": "GetItem",
        "nn.relu": "Relu", "nn.relu6": "Relu6", "nn.leaky_relu": "LeakyRelu", "nn.elu": "Elu",
        "nn.selu": "Selu",
        "nn.gelu": "Gelu", "nn.silu": "Silu", "nn.swish": "Silu", "nn.softplus": "Softplus",
        "math.softplus": "Softplus", "nn.softsign": "Softsign", "nn.softmax": "Softmax",
        "math.sigmoid": "Sigmoid", "nn.sigmoid": "Sigmoid", "math.tanh": "Tanh", "nn.tanh": "Tanh",
        "math.exp": "Exp",
    ]

    /// Reads a call's record; nil where the class is no such function, or where arguments are passed in a form that is
    /// not known.
    init?(className: String, config: JSON, node: JSON) {
        if className.hasPrefix(Self.classPrefix) {
            self.init(keras3: String(className.dropFirst(Self.classPrefix.count)), config: config, node: node)
        } else if ["TFOpLambda", "SlicingOpLambda"].contains(className) {
            self.init(keras2: config["function"]?.string ?? "", node: node)
        } else {
            return nil
        }
    }

    /// `{"args": [tensor, 255.0], "kwargs": {}}`
    private init?(keras3 name: String, config: JSON, node: JSON) {
        guard let list = node["args"]?.kerasList, (node["kwargs"]?.members ?? []).allSatisfy(\.value.isNull)
        else { return nil }
        (function, settings) = (name, config)
        arguments = list.map { json in
            if json["class_name"]?.string == "__keras_tensor__" { return .tensor }
            let tensors = (json.kerasList ?? []).count { $0["class_name"]?.string == "__keras_tensor__" }
            return tensors > 0 && tensors == json.kerasList?.count ? .tensors(tensors) : .constant(json)
        }
    }

    /// `["layer", 0, 0, {"y": 255.0}]`, with `["_CONSTANT_VALUE", -1, 255.0, {"y": ["layer", 0, 0]}]` for a constant that
    /// comes first, or a list of the former.
    private init?(keras2 name: String, node: JSON) {
        guard let function = Self.tensorFlow[name] else { return nil }
        self.function = function
        if let first = node[0]?.string {
            settings = node[3] ?? .object([])
            arguments = [first == "_CONSTANT_VALUE" ? .constant(node[2] ?? .null) : .tensor]
        } else {
            guard let list = node.array, let first = list.first,
                list.allSatisfy({ $0[0]?.string != nil && $0[0]?.string != "_CONSTANT_VALUE" })
            else { return nil }
            settings = first[3] ?? .object([])
            arguments = [.tensors(list.count)]
        }
        for key in ["y", "bias", "slice_spec"] {
            guard let json = settings[key], !json.isNull else { continue }
            let isTensor = json[0]?.string != nil && json[1]?.int != nil && json[2]?.int != nil
            arguments.append(isTensor ? .tensor : .constant(json))
        }
    }
}
