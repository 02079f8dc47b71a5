import OrderedJSON

/// The Keras layer that standardizes its kernel each time it is used: a class of its own, registered in Keras under
/// `normconv>StandardizedConv2D`.
package enum StandardizedConvolutionLayer {
    static let className = "StandardizedConv2D"
    static let registeredName = "normconv>StandardizedConv2D"
    static let epsilonSetting = "ws_epsilon"

    /// The layer in Python: what has to run before a file with such layers is loaded.
    package static let python = """
        @keras.saving.register_keras_serializable("normconv")
        class StandardizedConv2D(keras.layers.Conv2D):
            def __init__(self, *args, ws_epsilon=1e-10, **kwargs):
                super().__init__(*args, **kwargs)
                self.ws_epsilon = ws_epsilon

            def convolution_op(self, inputs, kernel):
                kernel = keras.ops.convert_to_tensor(kernel)
                mean, variance = keras.ops.moments(kernel, axes=[0, 1, 2], keepdims=True)
                kernel = (kernel - mean) * keras.ops.rsqrt(variance + self.ws_epsilon)
                return super().convolution_op(inputs, kernel)

            def get_config(self):
                return {**super().get_config(), "ws_epsilon": self.ws_epsilon}
        """

    /// A Conv2D's record as one of this layer. Keras 2 has no `registered_name`, and the package in the class' name.
    static func standardizing(_ layer: JSON, epsilon: Double) -> JSON {
        let config = (layer["config"] ?? .object([])).setting(epsilonSetting, .double(epsilon))
        let edited = layer.setting("config", config)
        guard layer["registered_name"] != nil else {
            return edited.setting("class_name", .string(registeredName))
        }
        return edited.setting("class_name", .string(className)).setting("module", .null)
            .setting("registered_name", .string(registeredName))
    }
}

extension KerasSettings {
    func standardizedConvolution() throws(NetworkError) -> [Operation] {
        guard let epsilon = try number(StandardizedConvolutionLayer.epsilonSetting, default: 1e-10),
            epsilon >= 0
        else {
            throw unsupported(
                StandardizedConvolutionLayer.epsilonSetting, expected: "a number that is not negative")
        }
        return try convolution().map { operation in
            guard case .convolution(var convolution) = operation else { return operation }
            convolution.standardization = epsilon
            return .convolution(convolution)
        }
    }
}
