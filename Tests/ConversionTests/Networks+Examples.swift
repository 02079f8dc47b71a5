import Networks
import Tensors

@testable import Conversion

/// Small networks with their parameters, built node by node.
struct Example {
    var nodes = [Node(layer: "input", operation: .input, inputs: [])]
    var parameters: [Parameter] = []
    var channels: Int
    var family = Network.Family.torch
    var size: Extent? = Extent(8)

    init(channels: Int) { self.channels = channels }

    var network: Network {
        Network(
            name: "example", architecture: "example", family: family,
            input: Network.Input(height: size?.height, width: size?.width, channels: channels), nodes: nodes,
            output: nodes.count - 1)
    }

    var table: ParameterTable { ParameterTable(parameters) }

    mutating func parameter(_ name: String, _ shape: Shape, _ values: [Float]) {
        let tensor = Tensor(shape: shape, values: values)
        parameters.append(Parameter(name: name, shape: shape, elementType: .float32) { tensor })
    }

    /// Appends a node behind the last one, or behind `inputs`; gives its index.
    @discardableResult
    mutating func node(_ layer: String, _ operation: Operation, _ inputs: [Int]? = nil) -> Int {
        nodes.append(Node(layer: layer, operation: operation, inputs: inputs ?? [nodes.count - 1]))
        return nodes.count - 1
    }

    /// A 3×3 convolution with these weights, in the layout's order.
    @discardableResult
    mutating func convolution(
        _ layer: String, _ inputs: Int, _ outputs: Int, _ weights: [Float], bias: [Float]? = nil,
        layout: KernelLayout = .oihw, groups: Int = 1, size: Int = 3, from: Int? = nil
    ) -> Int {
        let convolution = Convolution(
            kernel: "\(layer).weight", kernelLayout: layout, bias: bias.map { _ in "\(layer).bias" },
            inputs: inputs, outputs: outputs, size: Extent(size), strides: Extent(1),
            dilation: Extent(1), groups: groups, padding: .same)
        parameter("\(layer).weight", convolution.kernelShape ?? [], weights)
        if let bias { parameter("\(layer).bias", [outputs], bias) }
        return node(layer, .convolution(convolution), from.map { [$0] })
    }

    /// Batch normalization of torch's names; nil gamma or beta are left out.
    @discardableResult
    mutating func batchNorm(
        _ layer: String, gamma: [Float]?, beta: [Float]?, mean: [Float], variance: [Float],
        epsilon: Double = 1e-5, from: Int? = nil
    ) -> Int {
        let channels = mean.count
        if let gamma { parameter("\(layer).weight", [channels], gamma) }
        if let beta { parameter("\(layer).bias", [channels], beta) }
        parameter("\(layer).running_mean", [channels], mean)
        parameter("\(layer).running_var", [channels], variance)
        return node(
            layer,
            .batchNorm(
                BatchNorm(
                    gamma: gamma.map { _ in "\(layer).weight" }, beta: beta.map { _ in "\(layer).bias" },
                    mean: "\(layer).running_mean", variance: "\(layer).running_var", epsilon: epsilon,
                    channels: channels)),
            from.map { [$0] })
    }
}

extension ConversionPlan {
    /// The values that an edit gives a parameter; nil where there is no such edit.
    func values(of name: String, in table: ParameterTable) throws -> [Float]? {
        switch edits[name] {
        case .replace(let change)?: try table[name].map { try change($0.read()).values }
        case .insert(let tensor, _, _)?, .resize(let tensor)?: tensor.values
        case .remove?, nil: nil
        }
    }
}

/// Reproducible values in −0.5…0.5 (a linear congruential generator of Knuth's).
func noise(_ count: Int, seed: UInt64 = 1) -> [Float] {
    var state = seed
    return (0..<count).map { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Float(state >> 40) / Float(1 << 24) - 0.5
    }
}

/// Statistics-based conversion without weight standardization.
func plainOptions(_ groups: GroupPolicy = .count(2)) -> ConversionOptions {
    ConversionOptions(groups: groups, weightStandardization: .off)
}
