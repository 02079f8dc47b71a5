import Conversion
import Inference
import Training
import Networks
import Tensors

/// Steps down the gradient of a norm's error with respect to the filters before it. Least squares makes the
/// convolution's output right; what counts is the norm's, whose statistics differ from image to image.
///
/// The gradient passes through the group norm; (Cov[x, x] + λ)⁻¹ and each channel's curvature γ²·E[1/s²] turn it into a
/// step. Groups are independent of each other: each takes or refuses a step by itself, and ends with the filters that are
/// best on the images set aside.
struct NormRefinement {
    let calibrator: LayerwiseCalibrator
    let place: Int
    let convolution: Convolution
    let norm: GroupNorm
    let target: NormTarget
    let fit: LayerFit
    /// Where maps are large, some of the images are enough.
    let images: FittedImages

    /// Filters, the scale and offset that fit them, and each group's errors.
    private struct State {
        var filters: [Double]
        var candidate: LayerwiseCalibrator.NormCandidate
        /// What the fit makes small, and the error on the images set aside, of each group.
        var losses: [Double]
        var errors: [Double]
        /// Mean weight of each channel's values.
        var weights: [Double]
    }

    /// At most `steps` steps from a candidate whose filters are the student's; gives the best filters' candidate.
    func run(
        from start: LayerwiseCalibrator.NormCandidate, filters: [Double], steps: Int
    ) throws -> LayerwiseCalibrator.NormCandidate {
        let trainer = try trainer()
        let kept = calibrator.parameters
        var state = try measured(filters, start)
        var step = try step(trainer, state)
        var best = (filters: state.filters, errors: state.errors)
        var rates = [Double](repeating: 1, count: norm.groups)
        for _ in 0..<steps {
            let moved = normalized(
                filters.indices.map { state.filters[$0] - rates[group(of: $0)] * step[$0] })
            var next = try evaluated(moved, state.candidate.parameters)
            let accepted = (0..<norm.groups).map { next.losses[$0] < state.losses[$0] }
            if !accepted.contains(true) {
                for group in rates.indices { rates[group] /= 3 }
                continue
            }
            if accepted.contains(false) {
                let mixed = filters.indices.map {
                    accepted[group(of: $0)] ? next.filters[$0] : state.filters[$0]
                }
                next = try evaluated(mixed, next.candidate.parameters)
            }
            state = next
            for group in rates.indices {
                rates[group] *= accepted[group] ? 1.4 : 1 / 3
                if state.errors[group] < best.errors[group] {
                    best.errors[group] = state.errors[group]
                    for index in filters.indices where self.group(of: index) == group {
                        best.filters[index] = state.filters[index]
                    }
                }
            }
            step = try self.step(trainer, state)
        }
        try calibrator.setFilters(best.filters, convolution, fit)
        try calibrator.student.recompute(place)
        let refined = try calibrator.candidate(
            place, norm, target, state.candidate.parameters, choosesSigns: false)
        if refined.error <= start.error { return refined }
        calibrator.parameters = kept
        try calibrator.student.recompute(place)
        return start
    }

    private func group(of weight: Int) -> Int {
        weight / convolution.filterSize / (norm.channels / norm.groups)
    }

    private var standardizes: Bool { calibrator.settings.standardized.contains(convolution.kernel) }

    private func normalized(_ filters: [Double]) -> [Double] {
        standardizes
            ? calibrator.settings.epsilon.standardized(filters, size: convolution.filterSize) : filters
    }

    /// Makes filters the student's, and fits scale and offset to them.
    private func evaluated(
        _ filters: [Double], _ parameters: LayerwiseCalibrator.NormParameters
    ) throws -> State {
        try calibrator.setFilters(filters, convolution, fit)
        try calibrator.student.recompute(place, images: images.fit + images.held)
        return try measured(
            filters,
            calibrator.candidate(place, norm, target, parameters, images: images, choosesSigns: false))
    }

    private func measured(_ filters: [Double], _ candidate: LayerwiseCalibrator.NormCandidate) throws -> State
    {
        let parameters = candidate.parameters
        func sums(_ images: [Int]) throws -> NormFitSums {
            try candidate.activations.sums(
                images, gamma: parameters.gamma, beta: parameters.beta, target: target)
        }
        let (fitted, held) = (try sums(images.fit), try sums(images.held))
        let size = norm.channels / norm.groups
        func total(_ value: (Int) -> Double) -> [Double] {
            (0..<norm.groups).map { group in
                (group * size..<(group + 1) * size).reduce(0) { $0 + value($1) }
            }
        }
        let count = Double(images.fit.count * candidate.activations.positions)
        return State(
            filters: filters, candidate: candidate, losses: total(fitted.loss), errors: total(held.error),
            weights: (0..<norm.channels).map { fitted.regression($0).weight / count })
    }

    // MARK: The step

    private func step(_ trainer: Trainer, _ state: State) throws -> [Double] {
        let gradient = try gradient(trainer, state)
        let rates = state.candidate.activations.meanSquareRates(images.fit)
        let gamma = state.candidate.parameters.gamma
        let own = (0..<norm.channels).map {
            rates[$0] * gamma[$0] * gamma[$0] * max(state.weights[$0], 0.05)
        }
        let size = norm.channels / norm.groups
        let curvature = own.indices.map { channel in
            let start = channel / size * size
            return own[channel] + 0.01 * own[start..<start + size].reduce(0, +) / Double(size)
        }
        let step = fit.naturalStep(gradient, keepsZeroMean: standardizes)
        return step.indices.map { index in
            let curvature = curvature[index / convolution.filterSize]
            return curvature > 0 ? step[index] / curvature : 0
        }
    }

    /// Mean over positions of the gradient of half the loss.
    private func gradient(_ trainer: Trainer, _ state: State) throws -> [Double] {
        guard let inputs = calibrator.student[calibrator.source.nodes[place].inputs[0]],
            let entry = trainer.layout[convolution.kernel]
        else { return [] }
        let values = try trainer.layout.values(
            in: calibrator.student.parameters.replacing(normTensors(state.candidate.parameters)))
        let (images, target) = (images.fit, target)
        var sum = [Double](repeating: 0, count: entry.range.count)
        for first in stride(from: 0, to: images.count, by: trainer.batch) {
            let part = images[first..<min(first + trainer.batch, images.count)]
            let gradient = try trainer.gradient(
                at: values,
                load: { range, buffer in
                    let size = inputs.shape.count
                    for (offset, place) in range.enumerated() {
                        // Places beyond the last image count for nothing.
                        let image = images[min(first + place, images.count - 1)]
                        let own = offset * size..<(offset + 1) * size
                        inputs.load(
                            image..<image + 1, UnsafeMutableBufferPointer(rebasing: buffer[own]))
                    }
                },
                loss: { _, range, values, gradient in
                    let size = values.count / range.count
                    for (offset, place) in range.enumerated() where place < part.count {
                        let own = offset * size..<(offset + 1) * size
                        target.addGradient(
                            images[first + place], UnsafeBufferPointer(rebasing: values[own]),
                            UnsafeMutableBufferPointer(rebasing: gradient[own]))
                    }
                })
            for index in sum.indices { sum[index] += Double(gradient[entry.range.lowerBound + index]) }
        }
        let count = Double(images.count * state.candidate.activations.positions)
        return sum.map { $0 / count }
    }

    /// The convolution and the norm as a network of their own.
    private func trainer() throws -> Trainer {
        let shapes = calibrator.student.shapes
        let operand = calibrator.source.nodes[place].inputs[0]
        let network = Network(
            name: "layer", architecture: "layer", family: calibrator.source.family,
            input: .init(height: nil, width: nil, channels: convolution.inputs),
            nodes: [
                Node(layer: "input", operation: .input, inputs: []),
                Node(layer: "convolution", operation: .convolution(convolution), inputs: [0]),
                Node(layer: "norm", operation: .groupNorm(norm), inputs: [1]),
            ], output: 2)
        return try Trainer(
            network, parameters: calibrator.student.parameters,
            shapes: [shapes[operand], shapes[place], shapes[place]], taps: [2],
            layout: ParameterLayout(network, standardized: [], epsilon: 0),
            batch: (max(4, min(64, 13_000_000 / max(shapes[operand].count, shapes[place].count))) + 3) / 4
                * 4,
            workers: calibrator.settings.workers)
    }

    private func normTensors(_ parameters: LayerwiseCalibrator.NormParameters) -> [String: Tensor] {
        var tensors: [String: Tensor] = [:]
        if let gamma = norm.gamma { tensors[gamma] = Tensor(parameters.gamma.map(Float.init)) }
        if let beta = norm.beta { tensors[beta] = Tensor(parameters.beta.map(Float.init)) }
        return tensors
    }
}
