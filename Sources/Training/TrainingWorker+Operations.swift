import CKernels
import Networks
import Tensors
import Inference

extension TrainingWorker {
    /// One image through an operation that is neither a convolution nor a norm.
    func forward(_ index: Int, image: Int) {
        let node = plan.network.nodes[index]
        let operands = node.inputs.compactMap { map($0, image: image).baseAddress.map { UnsafePointer($0) } }
        let y = map(index, image: image)
        let source = plan.shapes[node.inputs[0]]
        switch node.operation {
        case .activation(let activation):
            if let clamp = Clamp(activation) {
                MapOperations.add(operands, y, clamp)
            } else {
                MapOperations.activate(activation, plan.shapes[index][-1], operands[0], y)
            }
        case .transposedConvolution: program.transposed[index]?.run(operands[0], y)
        case .prelu: program.slopes[index].map { MapOperations.prelu($0, operands[0], y) }
        case .pool(let pool): MapOperations.pool(step(pool, index), operands[0], y)
        case .globalPool(let kind, _):
            MapOperations.globalPool(kind, source.count / source[-1], source[-1], operands[0], y)
        case .zeroPad(let margins): MapOperations.pad(margins, source, operands[0], y)
        case .padChannels(let before, _):
            MapOperations.padChannels(
                before: before, from: source[-1], to: plan.shapes[index][-1], operands[0], y)
        case .add, .multiply, .merge:
            Combination(node.operation).map { MapOperations.broadcast(operands, strides(index), y, $0) }
        case .crop, .resize, .selectChannels, .permute:
            program.steps[index].map { MapOperations.run($0, operands[0], y) }
        case .stack: MapOperations.concatenate(operands, operands.map { _ in 1 }, y)
        case .concatenate:
            MapOperations.concatenate(operands, node.inputs.map { plan.shapes[$0][-1] }, y)
        case .input, .convolution, .dense, .batchNorm, .groupNorm, .scaleShift, .standardizeInput, .layerNorm,
            .unitNorm, .flatten, .reshape, .opaque:
            // Convolutions, norms and affines have passes of their own, the others share their operand's values or cannot be
            // trained.
            break
        }
    }

    /// One image's gradient back through an operation that is neither a convolution nor a norm.
    func backward(_ index: Int, image: Int) {
        guard let dy = gradientMap(index, image: image).baseAddress else { return }
        for (place, flow) in plan.flows[index].enumerated() {
            switch flow {
            case .none: break
            case .shared: maskInPlace(index, image, dy)
            case .starts:
                gradientMap(plan.network.nodes[index].inputs[place], image: image).update(repeating: 0)
                backward(index, image, dy, toOperand: place)
            case .adds: backward(index, image, dy, toOperand: place)
            }
        }
    }

    /// A ReLU that works in place lets through what it let through; other shapes of the same values change
    /// nothing.
    private func maskInPlace(_ index: Int, _ image: Int, _ dy: UnsafeMutablePointer<Float>) {
        guard case .activation(let activation) = plan.network.nodes[index].operation,
            let clamp = Clamp(activation)
        else { return }
        let y = map(index, image: image)
        nc_mask(y.baseAddress, dy, y.count, clamp.floor, clamp.ceiling)
    }

    private func backward(
        _ index: Int, _ image: Int, _ dy: UnsafePointer<Float>, toOperand place: Int
    ) {
        let node = plan.network.nodes[index]
        let operand = node.inputs[place]
        let dx = gradientMap(operand, image: image)
        guard let x = map(operand, image: image).baseAddress, let y = map(index, image: image).baseAddress
        else { return }
        let source = plan.shapes[operand]
        switch node.operation {
        case .activation(let activation): MapGradients.activate(activation, x, y, dy, dx)
        case .transposedConvolution: program.transposed[index]?.runBack(dy, dx)
        case .prelu: program.slopes[index].map { MapGradients.prelu($0, x, dy, dx) }
        case .pool(let pool): MapGradients.pool(step(pool, index), x, y, dy, dx)
        case .globalPool(let kind, _): MapGradients.globalPool(kind, source[-1], x, y, dy, dx)
        case .zeroPad(let margins): MapGradients.pad(margins, source, dy, dx)
        case .padChannels(let before, _):
            MapGradients.channels(
                before: before, from: source[-1], to: plan.shapes[index][-1], dy, dx)
        case .flatten, .reshape: MapGradients.add(dy, dx)
        case .add where isElementwise(index): MapGradients.add(dy, dx)
        case .crop, .resize, .selectChannels, .permute:
            program.steps[index].map { MapGradients.back($0, dy, dx) }
        case .add, .multiply, .merge:
            let operands = node.inputs.compactMap {
                map($0, image: image).baseAddress.map { UnsafePointer($0) }
            }
            guard let combination = Combination(node.operation) else { return }
            MapGradients.broadcast(
                operands, strides(index), combination, operand: place, count: plan.shapes[index].count, dy, dx
            )
        case .stack: MapGradients.channels(before: place, from: 1, to: node.inputs.count, dy, dx)
        case .concatenate:
            let before = node.inputs[..<place].reduce(0) { $0 + plan.shapes[$1][-1] }
            MapGradients.channels(
                before: before, from: source[-1], to: plan.shapes[index][-1], dy, dx)
        case .input, .convolution, .dense, .batchNorm, .groupNorm, .scaleShift, .standardizeInput,
            .layerNorm, .unitNorm, .opaque:
            break
        }
    }

    private func isElementwise(_ index: Int) -> Bool {
        plan.network.nodes[index].inputs.allSatisfy { plan.shapes[$0] == plan.shapes[index] }
    }

    private func strides(_ index: Int) -> [BroadcastStrides] {
        plan.network.nodes[index].inputs.map { BroadcastStrides(plan.shapes[$0], to: plan.shapes[index]) }
    }

    private func step(_ pool: Pool, _ index: Int) -> PoolStep {
        let input = plan.shapes[plan.network.nodes[index].inputs[0]]
        return PoolStep(
            pool: pool, input: input, output: plan.shapes[index],
            margins: pool.resolvedMargins(of: input.mapExtent), countsMargins: false)
    }
}
