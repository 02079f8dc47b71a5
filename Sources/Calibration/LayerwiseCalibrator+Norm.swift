import Conversion
import Inference
import Networks
import Tensors

extension LayerwiseCalibrator {
    /// A norm, and the convolution before it where that is its own: both are fitted to the old network's norm.
    func visitNorm(_ index: Int, _ old: BatchNorm, _ norm: GroupNorm) throws {
        let node = source.nodes[index]
        let goal = fitTarget(of: index)
        try teacher.advance(to: [goal.end])
        try student.advance(to: goal.others)
        guard let value = teacher[goal.end] else { return }
        let target = NormTarget(
            value: value, offset: try student.sum(goal.others), hasReLU: goal.hasReLU, leak: settings.leak)
        let place = pairs.convolutionBefore[index]
        let looked = try computeInput(of: index, behind: place, channels: norm.channels)
        let planned = NormParameters(
            gamma: try values(norm.gamma, count: norm.channels, else: 1),
            beta: try values(norm.beta, count: norm.channels, else: 0))
        var best = try candidate(
            node.inputs[0], norm, target, planned, images: looked, choosesSigns: place != nil)
        var unturned = best.activations
        unturned.turn(unturned.signs)
        let before = try error(of: unturned, planned, target, looked.held)

        var filters = CalibrationReport.Filters.none
        if let place, case .convolution(let convolution) = student.network.nodes[place].operation {
            let fit = NormFit(
                place: place, convolution: convolution, norm: norm, target: target, planned: planned,
                images: looked)
            (best, filters) = try fitFilters(fit, old, from: best)
        }
        if let gamma = norm.gamma { try parameters.set(gamma, to: best.parameters.gamma) }
        if let beta = norm.beta { try parameters.set(beta, to: best.parameters.beta) }
        norms.append(
            .init(
                layer: node.layer, before: before,
                after: try error(of: best.activations, best.parameters, target, looked.held), filters: filters
            ))
    }

    /// Computes what enters a norm, on the images that it gives: before filters are fitted, some of them tell enough.
    private func computeInput(of index: Int, behind place: Int?, channels: Int) throws -> FittedImages {
        guard let place else {
            try student.advance(to: [source.nodes[index].inputs[0]])
            return images.fitted
        }
        try student.advance(to: [source.nodes[place].inputs[0]])
        let some = images.fitted.thinned(positions: student.shapes[place].count / channels, to: 32_768)
        try student.recompute(place, images: some.fit + some.held)
        return some
    }

    /// A norm with the convolution before it, and what both are fitted to.
    private struct NormFit {
        let place: Int
        let convolution: Convolution
        let norm: GroupNorm
        let target: NormTarget
        let planned: NormParameters
        /// Images that tell enough of filters that are not fitted yet.
        let images: FittedImages
    }

    /// Fits the filters before a norm, and keeps them where they bring the images set aside nearer.
    private func fitFilters(
        _ norm: NormFit, _ old: BatchNorm, from start: NormCandidate
    ) throws -> (NormCandidate, CalibrationReport.Filters) {
        let (place, convolution) = (norm.place, norm.convolution)
        if let reason = fitObstacle(place, convolution) {
            leftAlone.append(.init(layer: source.nodes[place].layer, reason: reason))
            try student.recompute(place)
            return (
                try candidate(place, norm.norm, norm.target, norm.planned, choosesSigns: false), .closedForm
            )
        }
        let kept = parameters
        let fit = try reconstruction(
            place, convolution, old, value: norm.target.value, offset: norm.target.offset)
        try reconstruct(place, convolution, fit)
        var best = try candidate(place, norm.norm, norm.target, norm.planned)
        var filters = CalibrationReport.Filters.fitted
        if !(try error(of: best.activations, best.parameters, norm.target, norm.images.held) < start.error) {
            parameters = kept
            try student.recompute(place)
            best = try candidate(place, norm.norm, norm.target, norm.planned)
            filters = .closedForm
        }
        try turn(&best, place, convolution)
        guard settings.refinements > 0 else { return (best, filters) }
        let refinement = NormRefinement(
            calibrator: self, place: place, convolution: convolution, norm: norm.norm, target: norm.target,
            fit: fit, images: images.fitted.thinned(positions: best.activations.positions, to: 131_072))
        best = try refinement.run(
            from: best, filters: parameters.filters(of: convolution), steps: settings.refinements)
        return (best, filters)
    }

    /// A norm's scale and offset.
    struct NormParameters {
        var gamma: [Double]
        var beta: [Double]
    }

    /// What enters the norm, and the scale and offset that then fit best.
    struct NormCandidate {
        var activations: NormActivations
        var parameters: NormParameters
        /// Squared error on the images set aside, in units of how much the target varies.
        var error: Double
    }

    private func values(_ name: String?, count: Int, else fallback: Double) throws -> [Double] {
        guard let name else { return [Double](repeating: fallback, count: count) }
        return try parameters.values(name).map(Double.init)
    }

    // MARK: The convolution

    /// A fit of the filters to what the old network's norm would have to see, (target − c)/a with batch normalization
    /// y = a·u + c.
    private func reconstruction(
        _ place: Int, _ convolution: Convolution, _ old: BatchNorm, value: ActivationStore,
        offset: ActivationStore?
    ) throws -> LayerFit {
        let (scale, shift) = try teacher.parameters.affine(of: old)
        // A channel that the norm nearly switches off tells little of its input.
        let smallest = 1e-3 * scale.reduce(0) { $0 + abs($1) } / Double(scale.count)
        let rate = scale.map { abs($0) < max(smallest, 1e-30) ? 0 : Float(1 / $0) }
        return try layerFit(
            convolution, place,
            MomentTarget(value: value, offset: offset, shift: shift.map(Float.init), rate: rate))
    }

    /// Gives the student the filters that fit best, and computes what then enters the norm.
    private func reconstruct(_ place: Int, _ convolution: Convolution, _ fit: LayerFit) throws {
        let standardizes = settings.standardized.contains(convolution.kernel)
        var filters = solving.measure { fit.filters(keepsZeroMean: standardizes) }
        if standardizes {
            filters = settings.epsilon.standardized(filters, size: convolution.filterSize)
        }
        try setFilters(filters, convolution, fit)
        try student.recompute(place)
    }

    /// Gives the student filters before a norm. Where there is a bias, every channel then enters the norm with mean 0:
    /// its groups' statistics vary less from image to image.
    func setFilters(_ filters: [Double], _ convolution: Convolution, _ fit: LayerFit) throws {
        try parameters.setFilters(of: convolution, to: filters)
        if let bias = convolution.bias { try parameters.set(bias, to: fit.outputMean(filters).map { -$0 }) }
    }

    /// Makes the signs that a candidate has chosen those of the filters.
    private func turn(_ candidate: inout NormCandidate, _ place: Int, _ convolution: Convolution) throws {
        let signs = candidate.activations.signs.map(Double.init)
        guard signs.contains(-1) else { return }
        let filters = try parameters.filters(of: convolution)
        try parameters.setFilters(
            of: convolution, to: filters.indices.map { filters[$0] * signs[$0 / convolution.filterSize] })
        if let bias = convolution.bias {
            let old = try values(bias, count: signs.count, else: 0)
            try parameters.set(bias, to: zip(old, signs).map { $0 * $1 })
        }
        try candidate.activations.turnInput()
    }

    // MARK: The norm

    /// Fits scale and offset to what enters the norm now, the value of node `input`; channels are turned over first
    /// where a convolution can undo that.
    func candidate(
        _ input: Int, _ norm: GroupNorm, _ target: NormTarget, _ start: NormParameters,
        images: FittedImages? = nil, choosesSigns: Bool = true
    ) throws -> NormCandidate {
        let images = images ?? self.images.fitted
        guard let store = student[input] else {
            throw InferenceError.missingParameter(source.nodes[input].layer)
        }
        var activations = try NormActivations(
            store, images: images.fit + images.held, channels: norm.channels, groups: norm.groups,
            epsilon: norm.epsilon, workers: settings.workers)
        if choosesSigns {
            activations.turn(activations.quietSigns(images.fit))
        }
        let parameters = try activations.fitted(target, start, images.fit)
        return NormCandidate(
            activations: activations, parameters: parameters,
            error: try error(of: activations, parameters, target, images.held))
    }

    private func error(
        of activations: NormActivations, _ parameters: NormParameters, _ target: NormTarget, _ images: [Int]
    ) throws -> Double {
        try activations.sums(
            images, gamma: parameters.gamma, beta: parameters.beta, target: target
        ).relativeError(positions: images.count * activations.positions)
    }
}

extension NormActivations {
    /// Least squares for the target, then, behind a ReLU, twice with the weights and targets that it leaves.
    func fitted(
        _ target: NormTarget, _ start: LayerwiseCalibrator.NormParameters, _ images: [Int]
    ) throws -> LayerwiseCalibrator.NormParameters {
        var plain = target
        plain.hasReLU = false
        var parameters = start
        for target in [plain] + (target.hasReLU ? [target, target] : []) {
            let sums = try sums(images, gamma: parameters.gamma, beta: parameters.beta, target: target)
            for channel in parameters.gamma.indices {
                let sum = sums.regression(channel)
                (parameters.gamma[channel], parameters.beta[channel]) = affineFit(
                    weight: sum.weight, z: sum.z, target: sum.target, zz: sum.zz, zt: sum.zt,
                    old: (parameters.gamma[channel], parameters.beta[channel]))
            }
        }
        return parameters
    }

    /// The signs that keep each group's mean quietest over some images.
    fileprivate func quietSigns(_ images: [Int]) -> [Float] {
        let means = channelMeans(images)
        let size = channels / groups
        return (0..<groups).flatMap { group in
            let columns = (group * size..<(group + 1) * size).map { channel in
                images.indices.map { means[$0 * channels + channel] }
            }
            return groupSigns(covariance: covariance(columns), size: size).map(Float.init)
        }
    }
}

/// Covariances of variables that are given as columns, row-major.
private func covariance(_ columns: [[Double]]) -> [Double] {
    let centred = columns.map { column in
        let mean = column.reduce(0, +) / Double(max(column.count, 1))
        return column.map { $0 - mean }
    }
    return centred.flatMap { left in
        centred.map { right in zip(left, right).reduce(0) { $0 + $1.0 * $1.1 } / Double(max(left.count, 1)) }
    }
}
