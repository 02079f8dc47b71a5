import Networks
import Tensors

/// A step of the fast engine: a layer with what is fused into it.
package struct EngineLayer: Sendable, Equatable {
    /// The layer's name in the file.
    package let layer: String
    /// The kind of computation.
    package let kind: LayerKind
    /// The shape of one image's input, without the batch dimension.
    package let input: Shape
    /// The shape of one image's output, without the batch dimension.
    package let output: Shape
    /// Multiply-adds that one image costs in convolutions and dense layers, 0 in others.
    package let multiplyAdds: Double
}

/// Kinds of layers that cost alike.
package enum LayerKind: Sendable, Hashable {
    /// A convolution by the size of its kernel, with batch norm, sum and ReLU fused in.
    case convolution(rows: Int, columns: Int, isGrouped: Bool)
    /// A fully connected layer.
    case dense
    /// A norm, with sum and ReLU fused in.
    case norm
    /// Sums, products and functions of each element.
    case elementwise
    /// Windows and global pooling.
    case pooling
    /// Padding and concatenation: values are only moved.
    case layout
}

extension LayerKind: CustomStringConvertible {
    /// `convolution 3×3`, `grouped convolution 3×3`, `dense`, …
    package var description: String {
        switch self {
        case .convolution(let rows, let columns, let isGrouped):
            "\(isGrouped ? "grouped " : "")convolution \(rows)×\(columns)"
        case .dense: "dense"
        case .norm: "norm"
        case .elementwise: "elementwise"
        case .pooling: "pooling"
        case .layout: "padding and concatenation"
        }
    }
}

extension Program {
    /// What the steps are, for a network whose nodes have these shapes. A norm's statistics are a part of it.
    package func layers(of network: Network, shapes: [Shape]) -> [EngineLayer] {
        steps.filter { !$0.operation.isStatistics }.map { step in
            let node = network.nodes[step.node]
            let input = shapes[node.inputs[0]]
            return EngineLayer(
                layer: node.layer, kind: step.operation.kind(in: node), input: input,
                output: shapes[step.node],
                multiplyAdds: step.operation.multiplyAdds)
        }
    }
}

extension Program {
    /// The index among `layers` that each step counts for.
    package var layerOfStep: [Int] {
        var next = 0
        return steps.map { step in
            defer { if !step.operation.isStatistics { next += 1 } }
            return next
        }
    }
}

extension StepOperation {
    /// Whether it only prepares the step after it.
    package var isStatistics: Bool {
        guard case .groupStatistics = self else { return false }
        return true
    }

    fileprivate func kind(in node: Node) -> LayerKind {
        switch self {
        case .convolution(let step):
            if case .dense = node.operation { return .dense }
            let convolution = step.convolution
            return .convolution(
                rows: convolution.size.height, columns: convolution.size.width,
                isGrouped: convolution.groups > 1)
        case .transposedConvolution(let step):
            let size = step.convolution.size
            return .convolution(rows: size.height, columns: size.width, isGrouped: false)
        case .groupStatistics, .groupNorm, .layerNorm: return .norm
        case .affine:
            // Keras' Rescaling and Normalization are no norms between layers.
            if case .batchNorm = node.operation { return .norm }
            return .elementwise
        case .add, .broadcast, .activation, .prelu, .unitNorm: return .elementwise
        case .pool, .globalPool: return .pooling
        case .zeroPad, .padChannels, .concatenate, .crop, .resize, .selectChannels, .permute: return .layout
        }
    }

    fileprivate var multiplyAdds: Double {
        switch self {
        case .convolution(let step): step.convolution.multiplyAdds(output: step.output)
        case .transposedConvolution(let step): step.convolution.multiplyAdds(input: step.input)
        default: 0
        }
    }
}
