import Networks
import Tensors
import Inference

/// How a network is run forwards and backwards: which nodes, where their values and gradients live, and in what order
/// gradients come together. Every value is kept until the way back has passed it.
struct TrainingPlan {
    /// How a node's gradient reaches one of its operands.
    enum Flow: Equatable {
        /// Nobody needs it.
        case none
        /// It is the first to come: the operand's buffer holds nothing yet.
        case starts
        /// Others have come before.
        case adds
        /// Both are the same buffer: an operation that works in place, or only looks at the same values otherwise.
        case shared
    }

    /// What the loss is differentiated with respect to.
    enum Variables {
        /// The parameters of the layout.
        case parameters
        /// The images.
        case images
    }

    let network: Network
    let shapes: [Shape]
    /// Nodes whose values the loss reads, in order.
    let taps: [Int]
    let variables: Variables
    /// What batch norms do.
    let batchNorms: BatchNormMode
    /// All nodes that the taps depend on, in topological order, the input first.
    let order: [Int]
    /// Buffer of each node's value; −1 for nodes that are not run.
    private(set) var valueBuffer: [Int]
    /// Floats per image of each value buffer.
    private(set) var valueSizes: [Int] = []
    /// Buffer of each node's gradient; −1 where nobody needs it.
    private(set) var gradientBuffer: [Int]
    /// Floats per image of each gradient buffer.
    private(set) var gradientSizes: [Int] = []
    /// Bytes that an image's values and gradients take.
    var bytesPerImage: Int {
        (valueSizes.reduce(0, +) + gradientSizes.reduce(0, +) + (gradientSizes.max() ?? 0))
            * MemoryLayout<Float>.size
    }
    /// For each node, how its gradient reaches its operands.
    private(set) var flows: [[Flow]]
    /// Nodes whose gradient buffer holds nothing when their turn comes: taps that nothing else reads.
    private(set) var startsEmpty: Set<Int> = []

    /// The clamps that norms and sums apply themselves: their only reader is a ReLU that works in place.
    private(set) var clamps: [Int: Clamp] = [:]
    /// The ReLUs of those clamps.
    private(set) var merged: Set<Int> = []

    private let consumers: [[Int]]

    /// Throws `InferenceError.cannotTrain` for an operation that training does not know.
    init(
        _ network: Network, shapes: [Shape], taps: [Int], layout: ParameterLayout,
        variables: Variables = .parameters, batchNorms: BatchNormMode = .frozen
    ) throws(InferenceError) {
        self.network = network
        self.shapes = shapes
        self.taps = taps
        self.variables = variables
        self.batchNorms = batchNorms
        let needed = network.nodesNeeded(for: Section(from: [0], to: taps))
        order = needed.sorted()
        consumers = network.consumers.map { $0.filter(needed.contains) }
        valueBuffer = [Int](repeating: -1, count: network.nodes.count)
        gradientBuffer = valueBuffer
        flows = network.nodes.map { [Flow](repeating: .none, count: $0.inputs.count) }
        placeValues()
        mergeClamps()
        placeGradients(try nodesWithGradients(layout))
    }

    private mutating func placeValues() {
        for index in order {
            if sharesValue(index) {
                valueBuffer[index] = valueBuffer[network.nodes[index].inputs[0]]
            } else {
                valueBuffer[index] = valueSizes.count
                valueSizes.append(shapes[index].count)
            }
        }
    }

    private mutating func mergeClamps() {
        for index in order {
            guard case .activation(let activation) = network.nodes[index].operation,
                sharesValue(index), let clamp = Clamp(activation)
            else { continue }
            let operand = network.nodes[index].inputs[0]
            switch network.nodes[operand].operation {
            case .batchNorm, .groupNorm: break
            case .add where isPlainSum(operand): break
            default: continue
            }
            clamps[operand] = clamp
            merged.insert(index)
        }
    }

    /// Whether a node adds two maps of one shape.
    func isPlainSum(_ index: Int) -> Bool {
        let node = network.nodes[index]
        guard case .add = node.operation, node.inputs.count == 2 else { return false }
        return node.inputs.allSatisfy { shapes[$0] == shapes[index] }
    }

    /// Whether a node's value takes its operand's place: another shape of the same values, or a ReLU, whose
    /// gradient its result tells, behind something that does not need its own result on the way back.
    private func sharesValue(_ index: Int) -> Bool {
        let node = network.nodes[index]
        switch node.operation {
        case .flatten, .reshape: return true
        case .activation(.relu), .activation(.clippedReLU):
            let operand = node.inputs[0]
            guard operand != 0, consumers[operand].count == 1, !taps.contains(operand) else { return false }
            switch network.nodes[operand].operation {
            case .convolution, .batchNorm, .groupNorm, .add, .dense, .concatenate: return true
            default: return false
            }
        default: return false
        }
    }

    /// Nodes that depend on a variable.
    private func nodesWithGradients(_ layout: ParameterLayout) throws(InferenceError) -> [Bool] {
        var needed = [Bool](repeating: false, count: network.nodes.count)
        for index in order {
            let node = network.nodes[index]
            let isVariable =
                switch variables {
                case .parameters: node.operation.parameters.contains { layout[$0] != nil }
                case .images: index == 0
                }
            needed[index] = isVariable || node.inputs.contains { needed[$0] }
            if !node.operation.canBeTrainedThrough { throw .cannotTrain(layer: node.layer) }
        }
        return needed
    }

    private mutating func placeGradients(_ needed: [Bool]) {
        var free: [Int] = []
        for index in order.reversed() where needed[index] {
            if gradientBuffer[index] < 0 {
                startsEmpty.insert(index)
                gradientBuffer[index] = take(shapes[index].count, &free)
            }
            var isFree = true
            for (place, operand) in network.nodes[index].inputs.enumerated() where needed[operand] {
                if gradientBuffer[operand] >= 0 {
                    flows[index][place] = .adds
                } else if isFree, consumers[operand].count == 1,
                    valueBuffer[operand] == valueBuffer[index] || isPlainSum(index)
                {
                    (flows[index][place], gradientBuffer[operand]) = (.shared, gradientBuffer[index])
                    isFree = false
                } else {
                    flows[index][place] = .starts
                    gradientBuffer[operand] = take(shapes[operand].count, &free)
                }
            }
            if isFree { free.append(gradientBuffer[index]) }
        }
    }

    /// The smallest free buffer of at least this size, else the largest one grown, else a new one.
    private mutating func take(_ size: Int, _ free: inout [Int]) -> Int {
        let fitting = free.indices.filter { gradientSizes[free[$0]] >= size }
        let best = fitting.min { gradientSizes[free[$0]] < gradientSizes[free[$1]] }
        guard
            let place = best ?? free.indices.max(by: { gradientSizes[free[$0]] < gradientSizes[free[$1]] })
        else {
            gradientSizes.append(size)
            return gradientSizes.count - 1
        }
        let taken = free.remove(at: place)
        gradientSizes[taken] = max(gradientSizes[taken], size)
        return taken
    }
}

extension Operation {
    /// Whether training knows the way forwards and back through the operation.
    fileprivate var canBeTrainedThrough: Bool {
        switch self {
        case .activation(.softmax), .layerNorm, .unitNorm: false
        default: true
        }
    }
}
