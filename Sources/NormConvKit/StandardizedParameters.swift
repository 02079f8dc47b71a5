import Conversion
import Networks
import Tensors

extension ParameterTable {
    /// The table in which the kernels of standardized layers are standardized when they are read.
    func standardizing(for network: Network) -> ParameterTable {
        var convolutions: [String: Convolution] = [:]
        for node in network.nodes {
            if case .convolution(let convolution) = node.operation, convolution.standardization != nil {
                convolutions[convolution.kernel] = convolution
            }
        }
        if convolutions.isEmpty { return self }
        return ParameterTable(
            map { parameter in
                guard let convolution = convolutions[parameter.name] else { return parameter }
                return Parameter(
                    name: parameter.name, shape: parameter.shape, elementType: parameter.elementType
                ) { convolution.standardized(try parameter.read()) }
            })
    }
}
