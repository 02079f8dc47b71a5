import Tensors

extension Network {
    /// Multiply-adds that one image costs: those of the convolutions and dense layers that the output depends on, as
    /// He et al. (2016, table 1) and torchvision count them. A Double, for hostile shapes overflow an integer.
    ///
    /// `shapes` has the shape of each node.
    package func multiplyAdds(shapes: [Shape]) -> Double {
        var needed = Set([output])
        var sum = 0.0
        for index in nodes.indices.reversed() where needed.contains(index) {
            needed.formUnion(nodes[index].inputs)
            switch nodes[index].operation {
            case .convolution(let convolution): sum += convolution.multiplyAdds(output: shapes[index])
            case .transposedConvolution(let convolution):
                sum += convolution.multiplyAdds(input: shapes[nodes[index].inputs[0]])
            case .dense(let dense): sum += dense.convolution.multiplyAdds(output: shapes[index])
            default: break
            }
        }
        return sum
    }
}

extension Convolution {
    /// Multiply-adds for an output of this shape: every element is a sum over the kernel's taps and a group's inputs.
    package func multiplyAdds(output: Shape) -> Double {
        size.all.reduce(Double(output.count) * Double(inputs) / Double(max(groups, 1))) { $0 * Double($1) }
    }
}
