import CKernels
import Conversion
import Inference
import Networks
import Tensors
import Threads

extension CalibrationRun {
    // MARK: Layers

    /// The parameters with fitted layers, and what then enters the head.
    mutating func fitLayers(
        _ clock: CalibrationClock, _ progress: StageProgress
    ) throws -> (parameters: CalibratedParameters, features: ActivationStore?) {
        let first = try images.some(room.images(from: 0))
        let calibrator = LayerwiseCalibrator(
            source, teacher: cache(source, sourceParameters, first),
            student: cache(network, calibrated.table, first), parameters: calibrated, images: first,
            settings: .init(
                standardized: Set(standardized.keys), epsilon: options.standardizationEpsilon,
                samplingEffort: budget.sampling, refinements: budget.refinements,
                memory: calibration.workMemory, workers: workers))
        if first.store.count < images.store.count { report.fewestFitted = first.originals.count }
        try calibrator.run(
            head: head, until: { clock.isOver ? clock.reason : nil },
            before: { try calibrator.grow(to: room.images(from: $0), of: images) },
            progress: { progress(.init(stage: "layers", done: $0 + 1, total: source.nodes.count)) })
        report.norms = calibrator.norms
        report.leftAlone = calibrator.leftAlone
        report.endedEarly = EarlyEnd.isRequested
        report.solveSeconds += calibrator.solving.seconds
        guard let head, !clock.isOver, calibrator.student.count == images.store.count else {
            return (calibrator.parameters, nil)
        }
        let feature = source.nodes[head].inputs[0]
        try calibrator.student.advance(to: [feature])
        return (calibrator.parameters, calibrator.student[feature])
    }

    /// A network at its input.
    func cache(
        _ network: Network, _ parameters: ParameterTable, _ images: CalibrationImages
    ) -> ActivationCache {
        ActivationCache(
            network, parameters: parameters, shapes: shapes, images: images.store, precision: room.precision,
            workers: workers)
    }

    /// Convolutions whose kernels the plan standardizes, by these.
    private var standardized: [String: Convolution] {
        let layers = Set(plan.report.standardized)
        return source.nodes.reduce(into: [:]) { table, node in
            if case .convolution(let convolution) = node.operation, layers.contains(node.layer) {
                table[convolution.kernel] = convolution
            }
        }
    }

    // MARK: Training

    /// The parameters after training; nil where there is none, which the report explains.
    mutating func train(
        _ epochs: Int, _ clock: CalibrationClock, _ progress: StageProgress
    ) throws -> CalibratedParameters? {
        guard !clock.isOver else {
            skip("training", clock)
            return nil
        }
        // What the layers' activations took.
        withoutSignals { nc_release_freed_memory() }
        let training = TrainingImages(images, others: others)
        let distillation = Distillation(
            source: source, sourceParameters: sourceParameters, network: network,
            parameters: calibrated.table, shapes: shapes, images: training,
            drawing: ViewDrawing(shape: training.shape, mayMirror: mayMirror, deviations: images.deviations),
            settings: Distillation.Settings(
                standardized: Set(standardized.keys), epsilon: options.standardizationEpsilon, epochs: epochs,
                epochImages: calibration.epochs == nil ? images.originals.count : training.count,
                seed: calibration.seed, workers: workers, memory: calibration.workMemory))
        do {
            let trained = try distillation.run(clock) {
                progress(.init(stage: "training", done: $0, total: $1))
            }
            report.endedEarly = EarlyEnd.isRequested
            report.streamed = others?.count
            // Training that diverges is a step that is not kept.
            guard trained.values.allSatisfy({ $0.firstNonFinite == nil }) else {
                report.skip("training", "it diverged")
                return nil
            }
            var result = calibrated
            result.merge(trained)
            return result
        } catch let error as InferenceError {
            guard case .cannotTrain = error else { throw error }
            report.skip("training", error.description)
            return nil
        }
    }

    /// The means of the parameters before training and after it: where training has gone too far, they are better.
    func midway(to trained: CalibratedParameters) throws -> CalibratedParameters {
        var result = calibrated
        let standardized = standardized
        for name in trained.fitted.keys.sorted() {
            let mean = try zip(calibrated.values(name), trained.values(name)).map {
                (Double($0) + Double($1)) / 2
            }
            guard let convolution = standardized[name] else {
                try result.set(name, to: mean)
                continue
            }
            let filters = convolution.filters(mean.map(Float.init)).map(Double.init)
            try result.setFilters(
                of: convolution,
                to: options.standardizationEpsilon.standardized(filters, size: convolution.filterSize))
        }
        return result
    }
}
