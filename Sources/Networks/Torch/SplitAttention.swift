import Tensors

/// The layers of split attention with two splits (Zhang et al. 2020), by name, as ResNeSt and timm have them: twice as many
/// channels, of which the two halves are weighted against each other.
struct SplitAttention {
    /// The module's name.
    let name: String
}

extension GraphBuilder {
    /// x = ReLU(norm(3×3 convolution in two groups)), halves x₀ and x₁; a₀, a₁ the halves of two 1×1 convolutions of the
    /// means of x₀ + x₁. The output is x₀·σ(a₀ − a₁) + x₁·σ(a₁ − a₀): a softmax of two values is a sigmoid of their
    /// difference.
    mutating func splitAttention(_ module: SplitAttention, _ input: Value) throws(NetworkError) -> Value {
        let name = module.name
        let channels = input.channels
        var value = try convolution("\(name).conv", input, size: 3, stride: 1, groups: 2)
        guard value.channels == 2 * channels else {
            throw .wrongShape(
                parameter: names.expectedName(.kernel, of: "\(name).conv"),
                found: "\(value.channels) outputs", expected: "\(2 * channels), two splits")
        }
        value = relu("\(name).act0", try norm("\(name).bn0", value))
        let splits = halves(name, value)
        let sum = Value(node: append(name, .add, splits.map(\.node)), channels: channels)
        var attention = apply(.globalPool(.average, keepsDimensions: true), name, to: sum)
        attention = try convolution("\(name).fc1", attention, size: 1, stride: 1, groups: 1)
        attention = relu("\(name).act1", try norm("\(name).bn1", attention))
        attention = try convolution("\(name).fc2", attention, size: 1, stride: 1, groups: 1)
        guard attention.channels == 2 * channels else {
            throw .wrongShape(
                parameter: names.expectedName(.kernel, of: "\(name).fc2"),
                found: "\(attention.channels) outputs", expected: "\(2 * channels)")
        }
        let scores = halves(name, attention)
        let weighted = [(0, 1), (1, 0)].map { own, other -> Int in
            let difference = append(name, .merge(.subtract), [scores[own].node, scores[other].node])
            let weight = append("\(name).rsoftmax", .activation(.sigmoid), [difference])
            return append(name, .multiply, [splits[own].node, weight])
        }
        return Value(node: append(name, .add, weighted), channels: channels)
    }

    private mutating func halves(_ name: String, _ value: Value) -> [Value] {
        let half = value.channels / 2
        return [0, half].map { start in
            let channels = Operation.selectChannels(Array(start..<start + half), keepsDimension: true)
            return Value(node: append(name, channels, [value.node]), channels: half)
        }
    }
}
