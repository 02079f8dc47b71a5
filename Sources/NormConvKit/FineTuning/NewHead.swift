import Networks
import Tensors

/// A head that took the place of a file's.
struct NewHead: Sendable {
    /// Its layer.
    var layer: String
    /// Its outputs.
    var outputs: Int
    /// The names of its outputs; nil where the images have none.
    var classNames: [String]?
}

extension Model {
    /// The network with a head of so many outputs, whose weights are 0, as BiT begins.
    ///
    /// Throws `FineTuningFailure.noHead`.
    func withNewHead(outputs: Int, classNames: [String]?) throws -> Model {
        guard let (network, head) = network.replacingHead(outputs: outputs) else {
            throw FineTuningFailure.noHead(file: path, found: finalLayer)
        }
        var model = self
        model.network = network
        model.newHead = NewHead(
            layer: network.nodes[head.node].layer, outputs: outputs, classNames: classNames)
        let weights = Shape(head.kernelShape)
        model.replacements[head.kernel] = Tensor(
            shape: weights, values: [Float](repeating: 0, count: weights.count))
        if let bias = head.bias {
            model.replacements[bias] = Tensor([Float](repeating: 0, count: outputs))
        }
        return model
    }

    /// The layer at the network's end, for errors.
    private var finalLayer: String { "'\(network.nodes[network.output].layer)'" }
}
