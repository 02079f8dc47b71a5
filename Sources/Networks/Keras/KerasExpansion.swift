import OrderedJSON

/// Turns calls of layers into nodes, nested models inlined, in the file's order as far as operands allow.
struct KerasExpansion {
    private(set) var nodes: [Node] = []
    private var extents: [KerasSettings.Extents] = []
    private let parameters: KerasParameters
    private let dataFormat: KerasDataFormat
    private let isKeras3: Bool
    /// Models that call models several times multiply; beyond this a file is not a network.
    private static let largestCount = 100_000

    init(parameters: KerasParameters, dataFormat: KerasDataFormat, isKeras3: Bool) {
        self.parameters = parameters
        self.dataFormat = dataFormat
        self.isKeras3 = isKeras3
    }

    /// The input's node, which is to be the first.
    mutating func addInput(_ layer: String, channels: Int) -> Int {
        nodes.append(Node(layer: layer, operation: .input, inputs: []))
        extents.append(KerasSettings.Extents(rank: 3, innermost: channels))
        return nodes.count - 1
    }

    /// Inlines a model whose input is the node `input`; `path` names the models around its layers. Returns the
    /// output's node.
    mutating func expand(_ model: KerasModel, path: [String], input: Int) throws(NetworkError) -> Int {
        var values: [[Int?]] = model.layers.map { Array(repeating: nil, count: max($0.calls.count, 1)) }
        var isOpen = model.layers.map { Array(repeating: false, count: max($0.calls.count, 1)) }
        values[model.input][0] = input
        try requireUse(of: model, path: path)
        for (index, layer) in model.layers.enumerated() {
            for call in layer.calls.indices {
                // Depth first, on a stack of our own: a chain may be as long as the file.
                var pending = [KerasModel.Reference(layer: index, call: call)]
                while let next = pending.last {
                    if values[next.layer][next.call] != nil {
                        pending.removeLast()
                        continue
                    }
                    let operands = model.layers[next.layer].calls[next.call]
                    let missing = operands.filter { values[$0.layer][$0.call] == nil }
                    if missing.isEmpty {
                        let known = operands.compactMap { values[$0.layer][$0.call] }
                        values[next.layer][next.call] = try value(
                            of: model.layers[next.layer], path: path, operands: known)
                        pending.removeLast()
                    } else if isOpen[next.layer][next.call] {
                        throw .malformedConfiguration(
                            at: "layer '\(model.layers[next.layer].name)'",
                            expected: "a graph without cycles")
                    } else {
                        isOpen[next.layer][next.call] = true
                        pending += missing.reversed()
                    }
                }
            }
        }
        guard let output = values[model.output.layer][model.output.call] else {
            throw .malformedConfiguration(at: "model '\(model.name)'", expected: "an output that is computed")
        }
        return output
    }

    /// Every call but the output's has a consumer, so that all of the graph leads to the output.
    private func requireUse(of model: KerasModel, path: [String]) throws(NetworkError) {
        var used = Set(model.layers.flatMap { $0.calls.joined() })
        used.insert(model.output)
        for (index, layer) in model.layers.enumerated() {
            for call in layer.calls.indices
            where !used.contains(KerasModel.Reference(layer: index, call: call)) {
                throw .malformedConfiguration(
                    at: "layer '\((path + [layer.name]).joined(separator: "/"))'",
                    expected: "a value that the output depends on")
            }
        }
    }

    private mutating func value(
        of layer: KerasModel.Layer, path: [String], operands: [Int]
    ) throws(NetworkError) -> Int {
        let layerPath = KerasPath(models: path, layer: layer.name)
        switch layer.content {
        case .input:
            throw .malformedConfiguration(at: "layer '\(layerPath)'", expected: "no second input layer")
        case .model(let model):
            guard operands.count == 1 else { throw Self.operandCount(layerPath, operands.count, "1") }
            return try expand(model, path: path + [layer.name], input: operands[0])
        case .layer(let className, let config):
            guard let builder = KerasSettings.builders[className] else {
                throw .unsupportedLayer(layer: layerPath.description, className: className)
            }
            let settings = KerasSettings(
                path: layerPath, className: className, config: config, operands: operands.map { extents[$0] },
                parameters: parameters, dataFormat: dataFormat, isKeras3: isKeras3)
            try settings.requireKeras2()
            return try append(try builder(settings)(), layer: layerPath, operands: operands)
        }
    }

    /// Appends a layer's operations, the first of which takes the operands and each other one its predecessor.
    private mutating func append(
        _ operations: [Operation], layer: KerasPath, operands: [Int]
    ) throws(NetworkError) -> Int {
        var operands = operands
        let isMerge = operations.first?.mergesOperands == true
        guard isMerge ? operands.count >= 2 : operands.count == 1 else {
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
        case .add, .multiply, .merge, .concatenate: true
        default: false
        }
    }

    /// The value's shape, without the image's size.
    fileprivate func extents(of operands: [KerasSettings.Extents]) -> KerasSettings.Extents {
        let rank = operands.map(\.rank).max() ?? 0
        let innermost = operands.compactMap(\.innermost)
        let areKnown = innermost.count == operands.count
        func extents(_ rank: Int, _ innermost: Int?) -> KerasSettings.Extents {
            KerasSettings.Extents(rank: rank, innermost: innermost)
        }
        switch self {
        case .convolution(let convolution): return extents(rank, convolution.outputs)
        case .dense(let dense): return extents(rank, dense.outputs)
        case .globalPool(_, let keepsDimensions): return extents(keepsDimensions ? 3 : 1, innermost.first)
        case .flatten: return extents(1, nil)
        case .reshape(let target): return extents(target.count, target.last.flatMap { $0 > 0 ? $0 : nil })
        case .concatenate: return extents(rank, areKnown ? checkedSum(innermost) : nil)
        case .padChannels(let before, let after):
            return extents(rank, areKnown ? checkedSum(innermost + [before, after]) : nil)
        case .permute(let order):
            return extents(rank, order.last == rank - 1 ? innermost.first : nil)
        case .add, .multiply, .merge: return extents(rank, areKnown ? innermost.max() : nil)
        case .input, .batchNorm, .groupNorm, .layerNorm, .activation, .prelu, .pool, .zeroPad, .crop, .resize,
            .unitNorm, .scaleShift, .standardizeInput:
            return extents(rank, innermost.first)
        }
    }
}
