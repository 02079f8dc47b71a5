import Inference
import Networks
import Tensors

extension LayerwiseCalibrator {
    /// A convolution without a norm of its own, or a dense layer: ridge regression near what it is, kept where it brings
    /// the images set aside nearer.
    func visitLinear(_ index: Int, _ convolution: Convolution) throws {
        let node = source.nodes[index]
        if let reason = fitObstacle(index, convolution) {
            return leftAlone.append(.init(layer: node.layer, reason: reason))
        }
        if settings.standardized.contains(convolution.kernel) {
            return leftAlone.append(.init(layer: node.layer, reason: "it is standardized without a norm"))
        }
        let goal = fitTarget(of: index)
        try teacher.advance(to: [goal.end])
        try student.advance(to: [node.inputs[0], index] + goal.others)
        guard let value = teacher[goal.end], let store = student[index] else { return }
        let target = NormTarget(
            value: value, offset: try student.sum(goal.others), hasReLU: goal.hasReLU, leak: 1)
        let before = try store.relativeError(images.held, target: target, workers: settings.workers)
        let kept = parameters
        let fit = try layerFit(convolution, index, MomentTarget(value: value, offset: target.offset))
        let filters = solving.measure { fit.filters(keepsZeroMean: false) }
        try parameters.setFilters(of: convolution, to: filters)
        if let bias = convolution.bias { try parameters.set(bias, to: fit.bias(filters)) }
        try student.recompute(index)
        if try store.relativeError(images.held, target: target, workers: settings.workers) > before {
            parameters = kept
            try student.recompute(index)
        }
    }

    /// A fit of a convolution to what is to leave it, from what enters it in the new network.
    func layerFit(
        _ convolution: Convolution, _ index: Int, _ target: MomentTarget
    ) throws -> LayerFit {
        guard let inputs = student[source.nodes[index].inputs[0]] else {
            throw InferenceError.missingParameter(convolution.kernel)
        }
        return try LayerFit(
            MomentSource(convolution, inputs: inputs, target: target),
            kernel: teacher.parameters[convolution.kernel], ridge: settings.ridge,
            effort: settings.samplingEffort, images: images.fit, workers: settings.workers, solving: solving)
    }
}
