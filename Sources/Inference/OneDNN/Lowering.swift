import Networks
import Tensors

/// Turns a network into a program: norms fold into convolutions, sums and ReLUs into what precedes them, and
/// margins into what follows them.
package struct Lowering {
    let network: Network
    let shapes: [Shape]
    private let weights: Weights
    private let section: Section
    let wanted: Set<Int>
    private let needed: Set<Int>
    let consumers: [[Int]]
    private var program = Program()
    /// The value of each node, once it is computed and unless it is only a stage of a fused step.
    var values: [Int?]
    /// The nodes whose steps are in the program.
    var done: Set<Int>
    /// Padding nodes that the one node after them takes over.
    var absorbedMargins: Set<Int> = []

    /// The program of a network's section, for images of one shape; `shapes` has one for each node. Throws
    /// `InferenceError` for a parameter.
    package static func program(
        for network: Network, _ section: Section, shapes: [Shape], weights: Weights
    ) throws -> Program {
        var lowering = Lowering(network, section, shapes, weights)
        return try lowering.lower()
    }

    private init(_ network: Network, _ section: Section, _ shapes: [Shape], _ weights: Weights) {
        self.network = network
        self.section = section
        self.shapes = shapes
        self.weights = weights
        wanted = Set(section.outputs)
        done = Set(section.inputs)
        let needed = network.nodesNeeded(for: section)
        self.needed = needed
        consumers = network.consumers.map { $0.filter(needed.contains) }
        values = [Int?](repeating: nil, count: network.nodes.count)
    }

    private mutating func lower() throws -> Program {
        for input in section.inputs {
            let value = program.makeValue(size: shapes[input].count)
            program.inputs.append(value)
            values[input] = value
        }
        for index in needed.sorted() where !done.contains(index) {
            try lower(index)
            done.insert(index)
        }
        program.outputs = section.outputs.map { value(of: $0) }
        return program
    }

    private mutating func lower(_ index: Int) throws {
        let node = network.nodes[index]
        let channels = node.inputs.first.map { shapes[$0][-1] } ?? 0
        switch node.operation {
        case .convolution(let convolution): try lower(convolution, at: index)
        case .transposedConvolution(let convolution):
            let step = try weights.step(
                of: convolution, input: shapes[node.inputs[0]], output: shapes[index])
            emit(.transposedConvolution(step), for: index)
        case .dense(let dense): try lower(dense, at: index)
        case .batchNorm(let norm): affine(try weights.affine(of: norm), at: index)
        case .scaleShift(let scale, let offset):
            affine(ChannelAffine(scale: scale, offset: offset, channels: channels), at: index)
        case .standardizeInput(let mean, let variance):
            affine(try weights.affine(mean: mean, variance: variance, channels: channels), at: index)
        case .groupNorm(let norm): try lower(norm, at: index)
        case .layerNorm(let norm):
            let gamma = try weights.read(norm.gamma, count: norm.channels, else: 1)
            let beta = try weights.read(norm.beta, count: norm.channels, else: 0)
            emit(.layerNorm(gamma: gamma, beta: beta, epsilon: norm.epsilon), for: index)
        case .activation(let activation):
            let clamp = Clamp(activation).map(StepOperation.add)
            emit(clamp ?? .activation(activation, features: shapes[index][-1]), for: index)
        case .prelu(let prelu):
            let slopes = try weights.slopes(of: prelu, map: shapes[index])
            emit(.prelu(slopes: slopes), for: index)
        case .pool(let pool): lower(pool, at: index)
        case .globalPool(let kind, _): emit(.globalPool(kind, channels: channels), for: index)
        case .zeroPad(let margins): lower(margins, at: index)
        case .padChannels(let before, _):
            emit(.padChannels(before: before, from: channels, to: shapes[index][-1]), for: index)
        case .add: lowerSum(at: index)
        case .multiply: broadcast(.product, at: index)
        case .merge(let merge): broadcast(.merge(merge), at: index)
        case .crop, .resize, .selectChannels, .permute, .unitNorm: lowerMap(at: index)
        case .stack: emit(.concatenate(node.inputs.map { _ in 1 }), for: index)
        case .concatenate: emit(.concatenate(node.inputs.map { shapes[$0][-1] }), for: index)
        case .flatten, .reshape: values[index] = value(of: node.inputs[0])
        case .input: break
        // `Network.shapes` has refused it.
        case .opaque: preconditionFailure("a layer that is not computed has no shape")
        }
    }

    // MARK: Operations

    private mutating func lower(_ convolution: Convolution, at index: Int) throws {
        var source = network.nodes[index].inputs[0]
        var margins = convolution.resolvedMargins(of: shapes[source].mapExtent)
        if let more = absorbedMargins(of: source) {
            margins = margins + more
            source = network.nodes[source].inputs[0]
        }
        let step = ConvolutionStep(
            convolution: convolution, affine: nil, input: shapes[source], output: shapes[index],
            margins: margins)
        try emit(step, reading: source, at: index)
    }

    private mutating func lower(_ dense: Dense, at index: Int) throws {
        let positions = shapes[index].count / dense.outputs
        let step = ConvolutionStep(
            convolution: dense.convolution, affine: nil, input: [1, positions, dense.inputs],
            output: [1, positions, dense.outputs], margins: Margins(0))
        try emit(step, reading: network.nodes[index].inputs[0], at: index)
    }

    private mutating func emit(_ step: ConvolutionStep, reading source: Int, at index: Int) throws {
        var step = step
        var last = index
        if let next = onlyConsumer(of: last), case .batchNorm(let norm) = network.nodes[next].operation {
            step.affine = try weights.affine(of: norm)
            done.insert(next)
            last = next
        }
        let tail = tail(behind: last, overwritesResidual: true)
        step.accumulates = tail.residual != nil
        step.clamp = tail.clamp
        let operands = [value(of: source)] + tail.operands
        emit(.convolution(step), of: index, operands, for: tail.last, overwrites: tail.residual)
    }

    private mutating func lower(_ norm: GroupNorm, at index: Int) throws {
        let gamma = try weights.read(norm.gamma, count: norm.channels, else: 1)
        let beta = try weights.read(norm.beta, count: norm.channels, else: 0)
        let tail = tail(behind: index)
        let step = GroupNormStep(
            groups: norm.groups, epsilon: norm.epsilon, gamma: gamma, beta: beta, clamp: tail.clamp)
        let source = value(of: network.nodes[index].inputs[0])
        let statistics = program.append(
            .groupStatistics(step), node: index, [source], size: 3 * norm.channels)
        emit(.groupNorm(step), of: index, [source, statistics] + tail.operands, for: tail.last)
    }

    private mutating func affine(_ affine: ChannelAffine, at index: Int) {
        let tail = tail(behind: index)
        emit(
            .affine(affine, tail.clamp), of: index,
            [value(of: network.nodes[index].inputs[0])] + tail.operands, for: tail.last)
    }

    private mutating func lowerSum(at index: Int) {
        let inputs = network.nodes[index].inputs
        guard inputs.allSatisfy({ shapes[$0] == shapes[index] }) else {
            return broadcast(.sum, at: index)
        }
        let tail = tail(behind: index)
        var sum = value(of: inputs[0])
        for (place, input) in inputs.enumerated().dropFirst() {
            let isLast = place == inputs.count - 1 && tail.residual == nil
            sum = program.append(
                .add(isLast ? tail.clamp : .none), node: index, [sum, value(of: input)],
                size: shapes[index].count)
        }
        if let residual = tail.residual {
            emit(.add(tail.clamp), of: index, [sum, residual], for: tail.last)
        } else {
            values[tail.last] = sum
        }
    }

    private mutating func broadcast(_ combination: Combination, at index: Int) {
        let strides = network.nodes[index].inputs.map { BroadcastStrides(shapes[$0], to: shapes[index]) }
        emit(.broadcast(strides, combination), for: index)
    }

    /// Parts of a map, other sizes and orders, and its vectors at length 1.
    private mutating func lowerMap(at index: Int) {
        guard
            let operation = StepOperation(
                network.nodes[index].operation, from: shapes[network.nodes[index].inputs[0]],
                to: shapes[index])
        else { preconditionFailure("shapes were checked before") }
        emit(operation, for: index)
    }

    // MARK: Emission

    func value(of index: Int) -> Int {
        guard let value = values[index] else {
            preconditionFailure("node \(index) is read before it is computed")
        }
        return value
    }

    mutating func emit(_ operation: StepOperation, for index: Int) {
        emit(operation, of: index, network.nodes[index].inputs.map { value(of: $0) }, for: index)
    }

    /// A step that starts with one node and whose result is another's value, where what is between is fused in.
    mutating func emit(
        _ operation: StepOperation, of node: Int, _ operands: [Int], for index: Int, overwrites: Int? = nil
    ) {
        let result = program.makeValue(size: shapes[index].count)
        program.steps.append(
            Program.Step(
                operation: operation, node: node, operands: operands, result: result, overwrites: overwrites))
        values[index] = result
    }
}
