import Inference
import Networks
import Tensors

/// The dense layer at the end.
extension CalibrationRun {
    /// λ of its regression, in units of the mean variance of a feature. Few images and many features need a large one.
    private static let ridges = [0.01, 0.1, 1, 10]

    /// The dense layer that gives the outputs.
    var head: Int? {
        if case .dense = source.nodes[source.output].operation { source.output } else { nil }
    }

    /// Ridge regression of the old network's outputs on the features that the new one gives, near the head that it has. Of
    /// several λ the one whose outputs for the images set aside are the nearest.
    mutating func refitHead(
        _ old: [Float], features: ActivationStore?
    ) throws -> CalibratedParameters? {
        guard let head, case .dense(let dense) = source.nodes[head].operation else {
            report.skip("head", "the network does not end in a dense layer")
            return nil
        }
        if let reason = source.sharing(head) ?? tooLarge(dense.convolution, memory: calibration.workMemory) {
            report.skip("head", reason)
            return nil
        }
        guard let features = try features ?? self.features(source.nodes[head].inputs[0]) else { return nil }
        let outputs = try ActivationStore(shape: shapes[head], count: images.store.count)
        old.withUnsafeBufferPointer { outputs.store(0..<images.store.count, $0) }
        let source = MomentSource(
            dense.convolution, inputs: features, target: MomentTarget(value: outputs))
        let solving = Stopwatch()
        let first = try LayerFit(
            source, kernel: calibrated.table[dense.kernel], ridge: Self.ridges[0], effort: 1,
            images: images.fit, workers: workers, solving: solving)
        var best: (error: Double, filters: [Double], bias: [Double]?) = (.infinity, [], nil)
        for (place, ridge) in Self.ridges.enumerated() {
            let fit = place == 0 ? first : try first.with(ridge: ridge, workers: workers, solving: solving)
            let filters = fit.filters(keepsZeroMean: false)
            let bias = dense.bias.map { _ in fit.bias(filters) }
            let error = heldOutError(dense, filters, bias, features, outputs)
            if error < best.error { best = (error, filters, bias) }
        }
        report.solveSeconds += solving.seconds
        guard best.error.isFinite else { return nil }
        var result = calibrated
        try result.setFilters(of: dense.convolution, to: best.filters)
        if let name = dense.bias, let bias = best.bias { try result.set(name, to: bias) }
        return result
    }

    /// Σ(Wx + b − y)² over the images set aside.
    private func heldOutError(
        _ dense: Dense, _ filters: [Double], _ bias: [Double]?, _ features: ActivationStore,
        _ outputs: ActivationStore
    ) -> Double {
        let (inputs, count) = (dense.inputs, dense.outputs)
        return images.held.reduce(0.0) { sum, image in
            let x = features.values(image..<image + 1).map(Double.init)
            let y = outputs.values(image..<image + 1)
            return y.indices.reduce(sum) { sum, place in
                let (position, output) = (place / count, place % count)
                var value = bias?[output] ?? 0
                for input in 0..<inputs {
                    value += filters[output * inputs + input] * x[position * inputs + input]
                }
                let difference = value - Double(y[place])
                return sum + difference * difference
            }
        }
    }

    private func features(_ node: Int) throws -> ActivationStore? {
        let cache = cache(network, calibrated.table, images)
        try cache.advance(to: [node])
        return cache[node]
    }
}
