/// The layer that gives a network's logits.
package struct ClassifierHead: Sendable, Equatable {
    /// The layer's node.
    package var node: Int
    /// The kernel's parameter name.
    package var kernel: String
    /// The shape of the kernel as it is stored.
    package var kernelShape: [Int]
    /// The bias' parameter name, if there is one.
    package var bias: String?
    /// The number of outputs.
    package var outputs: Int
}

extension Network {
    /// The dense layer or 1×1 convolution that gives the logits; nil where another operation does, or where something else
    /// has the same parameters. A softmax and changes of shape may follow it.
    package var classifierHead: ClassifierHead? {
        var index = output
        while true {
            switch nodes[index].operation {
            case .flatten, .activation(.softmax), .globalPool: index = nodes[index].inputs[0]
            case .dense(let dense):
                let shape =
                    dense.kernelIsTransposed ? [dense.outputs, dense.inputs] : [dense.inputs, dense.outputs]
                return alone(
                    ClassifierHead(
                        node: index, kernel: dense.kernel, kernelShape: shape, bias: dense.bias,
                        outputs: dense.outputs))
            case .convolution(let convolution):
                guard convolution.size.all.allSatisfy({ $0 == 1 }), convolution.groups == 1,
                    let shape = convolution.kernelShape?.extents
                else { return nil }
                return alone(
                    ClassifierHead(
                        node: index, kernel: convolution.kernel, kernelShape: shape, bias: convolution.bias,
                        outputs: convolution.outputs))
            default: return nil
            }
        }
    }

    private func alone(_ head: ClassifierHead) -> ClassifierHead? {
        nodes.count { $0.operation.parameters.contains(head.kernel) } == 1 ? head : nil
    }

    /// The network with a head of so many outputs, and what the head is then. Nil where there is no head.
    package func replacingHead(outputs: Int) -> (network: Network, head: ClassifierHead)? {
        guard let head = classifierHead else { return nil }
        var network = self
        switch nodes[head.node].operation {
        case .dense(var dense):
            dense.outputs = outputs
            network.nodes[head.node].operation = .dense(dense)
        case .convolution(var convolution):
            convolution.outputs = outputs
            network.nodes[head.node].operation = .convolution(convolution)
        default: return nil
        }
        return network.classifierHead.map { (network, $0) }
    }
}
