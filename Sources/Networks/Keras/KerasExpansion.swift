import OrderedJSON

/// Turns calls of layers into nodes, nested models inlined, in the file's order as far as operands allow.
struct KerasExpansion {
    private(set) var nodes: [Node] = []
    /// What Keras' versions or backends compute differently.
    private(set) var assumptions: [String] = []
    private var extents: [KerasSettings.Extents] = []
    private let parameters: KerasParameters
    private let dataFormat: KerasDataFormat
    private let isKeras3: Bool
    /// What inlined models have cost so far: their layers, inputs, outputs and operands.
    private var cost = 0
    /// Beyond this a file is not a network.
    private static let largestCount = 100_000
    /// Models that call models several times multiply, whether or not their layers make nodes.
    private static let largestCost = 5 * largestCount

    init(parameters: KerasParameters, dataFormat: KerasDataFormat, isKeras3: Bool) {
        self.parameters = parameters
        self.dataFormat = dataFormat
        self.isKeras3 = isKeras3
    }

    /// Adds the value of an input layer.
    mutating func addInput(_ layer: String, _ operation: Operation, _ value: KerasSettings.Extents) -> Int {
        nodes.append(Node(layer: layer, operation: operation, inputs: []))
        extents.append(value)
        return nodes.count - 1
    }

    /// Inlines a model whose inputs are these nodes; `path` names the models around its layers. Returns the outputs' nodes.
    mutating func expand(_ model: KerasModel, path: [String], inputs: [Int]) throws(NetworkError) -> [Int] {
        cost += model.cost
        guard cost <= Self.largestCost else {
            throw .unrecognized(
                reason: "its models have more than \(Self.largestCost) layers and operands, "
                    + "those of a model counted each time that it is called")
        }
        var scope = Scope(model, path: path)
        for (layer, node) in zip(model.inputs, inputs) {
            scope.values[KerasModel.Reference(layer: layer, call: 0)] = node
            scope.isDone[layer][0] = true
        }
        for (index, layer) in model.layers.enumerated() {
            for call in layer.calls.indices {
                // Depth first, on a stack of our own: a chain may be as long as the file.
                var pending = [KerasModel.Reference(layer: index, call: call)]
                while let next = pending.last {
                    if scope.isDone[next.layer][next.call] {
                        pending.removeLast()
                        continue
                    }
                    let operands = model.layers[next.layer].calls[next.call].operands
                    let missing = operands.filter { !scope.isDone[$0.layer][$0.call] }
                    if missing.isEmpty {
                        try evaluate(next, in: &scope)
                        pending.removeLast()
                    } else if scope.isOpen[next.layer][next.call] {
                        throw .malformedConfiguration(
                            at: "layer '\(model.layers[next.layer].name)'",
                            expected: "a graph without cycles")
                    } else {
                        scope.isOpen[next.layer][next.call] = true
                        pending += missing.reversed()
                    }
                }
            }
        }
        return try model.outputs.map { output throws(NetworkError) in
            try scope.node(output.value, of: "model '\(model.name)'")
        }
    }

    /// The values of a model that is being inlined.
    private struct Scope {
        let model: KerasModel
        let path: [String]
        var values: [KerasModel.Reference: Int] = [:]
        var isDone: [[Bool]]
        var isOpen: [[Bool]]
        private var tensors: [KerasModel.Reference: Set<Int>] = [:]

        init(_ model: KerasModel, path: [String]) {
            (self.model, self.path) = (model, path)
            isDone = model.layers.map { Array(repeating: false, count: max($0.calls.count, 1)) }
            isOpen = isDone
            for value in model.usedValues {
                tensors[KerasModel.Reference(layer: value.layer, call: value.call), default: []]
                    .insert(value.tensor)
            }
        }

        /// The outputs of a call that other layers take, or the model returns.
        func tensors(of call: KerasModel.Reference) -> Set<Int> { tensors[call] ?? [] }

        mutating func set(_ call: KerasModel.Reference, _ tensor: Int, _ node: Int) {
            values[KerasModel.Reference(layer: call.layer, call: call.call, tensor: tensor)] = node
        }

        func node(
            _ value: KerasModel.Reference, of place: @autoclosure () -> String
        ) throws(NetworkError) -> Int {
            guard let node = values[value] else {
                throw .malformedConfiguration(at: place(), expected: "a value that is computed")
            }
            return node
        }
    }

    private mutating func evaluate(
        _ reference: KerasModel.Reference, in scope: inout Scope
    ) throws(NetworkError) {
        let layer = scope.model.layers[reference.layer]
        let call = layer.calls[reference.call]
        let path = KerasPath(models: scope.path, layer: layer.name)
        var operands = try call.operands.map { value throws(NetworkError) in
            try scope.node(value, of: "layer '\(path)'")
        }
        switch layer.content {
        case .input:
            throw .malformedConfiguration(at: "layer '\(path)'", expected: "no second input layer")
        case .model(let model):
            try check(call, of: model, path)
            let outputs = try expand(model, path: scope.path + [layer.name], inputs: operands)
            for (tensor, node) in outputs.enumerated() { scope.set(reference, tensor, node) }
        case .timeDistributed(let model):
            // Neither what makes steps of a sequence nor what makes a sequence of them is computed.
            let steps = Operation.opaque(OpaqueLayer(className: "TimeDistributed"))
            let step = try append([steps], layer: path, operands: operands)
            let outputs = try expand(model, path: scope.path + [layer.name], inputs: [step])
            scope.set(reference, 0, try append([steps], layer: path, operands: outputs))
        case .layer(let className, let config), .custom(let className, let config):
            if className == "Concatenate" { operands = try asSteps(operands, before: path) }
            let settings = KerasSettings(
                path: path, className: className, config: config, operands: operands.map { extents[$0] },
                parameters: parameters, dataFormat: dataFormat, isKeras3: isKeras3)
            let operations: [Operation]
            if case .custom = layer.content {
                operations = [settings.opaque()]
            } else {
                operations = try settings.operations(for: call)
            }
            let more = settings.assumptions(of: operations)
            assumptions += more.filter { !assumptions.contains($0) }
            for tensor in scope.tensors(of: reference).sorted() {
                let node = try append(
                    operations.selecting(tensor, of: path), layer: path, operands: operands)
                if settings.dimensions == 1, extents[node].rank == 3 { extents[node] = extents[node].ofSteps }
                scope.set(reference, tensor, node)
            }
        }
        scope.isDone[reference.layer][reference.call] = true
    }

    /// Operands of two dimensions beside steps become steps, too: [steps, channels] is [1, steps, channels] here.
    private mutating func asSteps(
        _ operands: [Int], before layer: KerasPath
    ) throws(NetworkError) -> [Int] {
        guard dataFormat == .channelsLast, operands.contains(where: { extents[$0].isSteps }) else {
            return operands
        }
        return try operands.map { operand throws(NetworkError) in
            let value = extents[operand]
            guard value.rank == 2, !value.isSteps, let channels = value.innermost else { return operand }
            let steps = try append([.reshape([1, -1, channels])], layer: layer, operands: [operand])
            extents[steps] = value.ofSteps
            return steps
        }
    }

    /// Refuses a call of a model whose values cannot be matched with its inputs.
    private func check(
        _ call: KerasModel.Call, of model: KerasModel, _ path: KerasPath
    ) throws(NetworkError) {
        guard call.operands.count == model.inputs.count else {
            throw Self.operandCount(path, call.operands.count, "\(model.inputs.count)")
        }
        if let argument = call.argument {
            throw .unsupportedSetting(
                layer: path.description, setting: argument.name, found: argument.found, expected: "none")
        }
        guard model.inputs.count == 1 || call.keys == model.inputKeys else {
            throw .unsupportedSetting(
                layer: path.description, setting: "form of its inputs",
                found: call.keys.map { "a dictionary of \($0.listed())" } ?? "a list",
                expected: model.inputKeys.map { "a dictionary of \($0.listed())" } ?? "a list")
        }
    }

    /// Appends a layer's operations, the first of which takes the operands and each other one its predecessor.
    private mutating func append(
        _ operations: [Operation], layer: KerasPath, operands: [Int]
    ) throws(NetworkError) -> Int {
        var operands = operands
        let isMerge = operations.first?.mergesOperands == true
        if case .opaque? = operations.first {
            // A layer that is not computed may take any number of operands.
        } else if isMerge ? operands.count < 2 : operands.count != 1 {
            throw Self.operandCount(layer, operands.count, isMerge ? "2 or more" : "1")
        }
        for operation in operations {
            guard nodes.count < Self.largestCount else {
                throw .unrecognized(reason: "it has more than \(Self.largestCount) operations")
            }
            extents.append(operation.extents(of: operands.map { extents[$0] }))
            nodes.append(Node(layer: layer.description, operation: operation, inputs: operands))
            operands = [nodes.count - 1]
        }
        return operands[0]
    }

    private static func operandCount(_ layer: KerasPath, _ found: Int, _ expected: String) -> NetworkError {
        .shapeMismatch(
            layer: layer.description, found: "\(found) tensors", expected: "\(expected)")
    }
}

extension Operation {
    fileprivate var mergesOperands: Bool {
        switch self {
        case .add, .multiply, .merge, .concatenate, .stack: true
        default: false
        }
    }

    /// The value's shape, without the image's size.
    fileprivate func extents(of operands: [KerasSettings.Extents]) -> KerasSettings.Extents {
        let ranks = operands.compactMap(\.rank)
        let rank = ranks.count == operands.count ? ranks.max() : nil
        let innermost = operands.compactMap(\.innermost)
        let areKnown = innermost.count == operands.count
        func extents(_ rank: Int?, _ innermost: Int?) -> KerasSettings.Extents {
            let isSteps = rank == 2 && operands.contains(where: \.isSteps)
            return KerasSettings.Extents(rank: rank, innermost: innermost, isSteps: isSteps)
        }
        switch self {
        case .convolution(let convolution):
            return extents(max(convolution.dimensions, 2) + 1, convolution.outputs)
        case .transposedConvolution(let convolution): return extents(3, convolution.outputs)
        case .dense(let dense): return extents(rank, dense.outputs)
        case .globalPool(_, let keepsDimensions):
            return extents(keepsDimensions ? rank ?? 3 : 1, innermost.first)
        case .flatten: return extents(1, nil)
        case .reshape(let target):
            return KerasSettings.Extents(
                rank: target.count, innermost: target.last.flatMap { $0 > 0 ? $0 : nil })
        case .concatenate: return extents(ranks.first, areKnown ? checkedSum(innermost) : nil)
        case .padChannels(let before, let after):
            return extents(rank, areKnown ? checkedSum(innermost + [before, after]) : nil)
        case .selectChannels(let channels, let keepsDimension):
            return extents(
                keepsDimension ? rank : rank.map { $0 - 1 }, keepsDimension ? channels.count : nil)
        case .stack: return extents(rank.map { $0 + 1 }, operands.count)
        case .permute(let order):
            return extents(rank, order.last == order.count - 1 ? innermost.first : nil)
        case .add, .multiply, .merge: return extents(rank, areKnown ? innermost.max() : nil)
        case .input, .batchNorm, .groupNorm, .layerNorm, .activation, .prelu, .pool, .zeroPad, .crop, .resize,
            .unitNorm, .scaleShift, .standardizeInput:
            return extents(rank, innermost.first)
        case .opaque: return extents(nil, nil)
        }
    }
}
