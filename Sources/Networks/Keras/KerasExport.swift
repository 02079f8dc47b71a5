import OrderedJSON
import Tensors

/// A Keras 3 configuration of a network that came without one, and where its parameters are then.
package struct KerasExport: Sendable, Equatable {
    /// The configuration: a Functional model of Keras' own layers.
    package var config: JSON
    /// Parameter's name in the file → `layer/role`, in the order of the layers.
    package var parameters: [(source: String, target: String)] {
        zip(sources, targets).map { ($0, $1) }
    }
    var sources: [String] = []
    var targets: [String] = []
    /// Norm's or convolution's layer in the network → its layer in the configuration.
    package var layers: [String: String] = [:]
    /// Kernels that a Keras layer holds under another shape: source name → shape, in the order of the file's values.
    package var shapes: [String: [Int]] = [:]
}

extension Network {
    /// Describes the network in Keras' layers.
    ///
    /// Margins become `ZeroPadding2D`. Throws `NetworkError.noKerasLayer` for what Keras has no layer for: channels
    /// of zeros, and maxima with margins where values may be negative.
    package func kerasExport() throws(NetworkError) -> KerasExport {
        var writer = KerasConfigWriter(self)
        return try writer.export()
    }
}
