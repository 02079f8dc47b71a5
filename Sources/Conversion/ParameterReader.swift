import Tensors

/// Reads parameters and checks what a conversion relies on: presence, shape, finite values.
struct ParameterReader: Sendable {
    let parameters: ParameterTable

    /// The values of a parameter of this shape; `layer` is named in errors.
    func read(_ name: String, shape: Shape, layer: String) throws -> Tensor {
        guard let parameter = parameters[name] else {
            throw ConversionError.missingParameter(name: name, layer: layer)
        }
        guard parameter.shape == shape else {
            throw ConversionError.wrongShape(
                parameter: name, layer: layer, found: parameter.shape, expected: shape)
        }
        let tensor = try parameter.read()
        guard tensor.shape == shape else {
            throw ConversionError.wrongShape(
                parameter: name, layer: layer, found: tensor.shape, expected: shape)
        }
        if let index = tensor.firstNonFinite {
            throw ConversionError.notFinite(parameter: name, index: index, value: tensor.values[index])
        }
        return tensor
    }

    /// One value per channel; nil if the layer has no such parameter.
    func vector(_ name: String?, count: Int, layer: String) throws -> [Double]? {
        guard let name else { return nil }
        return try read(name, shape: [count], layer: layer).values.map(Double.init)
    }

    /// A variance per channel, none negative.
    func variance(_ name: String, count: Int, layer: String) throws -> [Double] {
        let values = try read(name, shape: [count], layer: layer).values
        if let index = values.firstIndex(where: { $0 < 0 }) {
            throw ConversionError.negativeVariance(parameter: name, index: index, value: values[index])
        }
        return values.map(Double.init)
    }
}
