import Conversion
import Foundation
import Inference
import Networks
import Tensors
import Threads

/// Is told how far a stage is.
package typealias StageProgress = (CalibrationSchedule.Step) -> Void

/// A calibration: the layers one after another, then the head, then all parameters together. A step is kept if, on images that
/// are set aside, the agreement with the old network rises by more than one standard error, or if the output error does not
/// rise while the agreement hardly changes.
package struct CalibrationRun {
    let source: Network
    let sourceParameters: ParameterTable
    let plan: ConversionPlan
    let options: ConversionOptions
    let calibration: CalibrationOptions
    let shapes: [Shape]
    let images: CalibrationImages
    /// More images to train on.
    let others: ImageSource?
    private(set) var budget: CalibrationBudget
    let room: LayerRoom
    let workers: Int
    let isSigmoid: Bool
    /// Whether a mirror image is an image of the same kind: time, which the columns of steps are, does not run backwards.
    let mayMirror: Bool
    /// The converted network.
    let network: Network
    /// Its parameters after the steps that were kept.
    var calibrated: CalibratedParameters
    /// What is known of them.
    private var best: HoldoutAgreement.Judgement?
    var report: CalibrationReport

    /// Prepares the calibration of a plan for a network, whose output is what it gives before a final softmax or sigmoid.
    /// `images` and `others`, which are only trained on, are preprocessed; `data` is the file that they come from, nil where they were made; `isSigmoid`: one
    /// output tells two classes.
    package init(
        _ source: Network, parameters: ParameterTable, _ plan: ConversionPlan, _ options: ConversionOptions,
        _ calibration: CalibrationOptions, images drawn: ActivationStore, others: ImageSource? = nil,
        data: String?, isSigmoid: Bool = false
    ) throws {
        guard drawn.count >= 8 else {
            throw CalibrationFailure.tooFewImages(file: data ?? "made", found: drawn.count)
        }
        self.source = source
        sourceParameters = parameters
        self.plan = plan
        self.options = options
        self.calibration = calibration
        self.isSigmoid = isSigmoid
        self.others = others
        workers = calibration.workers ?? ProcessInfo.processInfo.activeProcessorCount
        try calibration.check()
        shapes = try source.shapes(forImage: drawn.shape)
        mayMirror = source.input.dimensions == 2
        let fitted = drawn.count - CalibrationImages.heldOut(of: drawn.count)
        budget = CalibrationBudget(
            cost: source.multiplyAdds(shapes: shapes) * Double(fitted), images: fitted,
            seconds: calibration.seconds ?? CalibrationBudget.defaultSeconds, mayMirror: mayMirror)
        images = try CalibrationImages(drawn, addsMirrored: budget.addsMirrored, mayMirror: mayMirror)
        room = LayerRoom(source, shapes, images: images.store.count, memory: calibration.activationMemory)
        calibrated = try CalibratedParameters(plan, parameters: parameters)
        var network = plan.network
        network.output = source.output
        self.network = network
        report = CalibrationReport(
            data: data, fitted: fitted, setAside: drawn.count - fitted, seed: calibration.seed,
            precision: room.precision == .half ? "half" : "single")
    }

    // MARK: Steps

    private mutating func runSteps(_ clock: CalibrationClock, _ progress: StageProgress) throws {
        progress(.init(stage: "outputs", done: 0, total: 1))
        let forward = Stopwatch()
        let old = try forward.measure {
            try outputs(of: source, sourceParameters, (0..<images.store.count).map { ImageView(image: $0) })
        }
        report.forwardSeconds = forward.seconds
        if calibration.seconds != nil {
            budget.adapt(
                toPass: forward.seconds * Double(images.originals.count) / Double(images.store.count))
        }
        let agreement = HoldoutAgreement(
            try outputs(of: source, sourceParameters, images.judged), classes: shapes[source.output].count,
            isSigmoid: isSigmoid)
        try consider(calibrated, "statistics", agreement)

        let layers = try fitLayers(clock, progress)
        let keepsLayers = try consider(layers.parameters, "layers", agreement)
        var hasHead = false
        if calibration.refitsHead, clock.isOver {
            skip("head", clock)
        } else if calibration.refitsHead,
            let refitted = try refitHead(old, features: keepsLayers ? layers.features : nil)
        {
            hasHead = true
            try consider(refitted, "head", agreement)
        }
        let epochs = calibration.epochs ?? budget.epochs
        guard epochs > 0 else {
            if calibration.epochs == nil {
                report.skip("training", "the time allows fewer than three epochs")
            }
            return
        }
        guard let trained = try train(epochs, clock.rest, progress) else { return }
        let midway = try midway(to: trained)
        try consider(trained, "training", agreement)
        try consider(midway, "halfway", agreement)
        if hasHead, !clock.isOver, let refitted = try refitHead(old, features: nil) {
            try consider(refitted, "head after training", agreement)
        }
    }

    /// Records a step that the clock does not allow.
    mutating func skip(_ name: String, _ clock: CalibrationClock) {
        report.skip(name, clock.reason)
        report.endedEarly = EarlyEnd.isRequested
    }

    /// Does all steps, until the clock is over. `progress` is told of each how far it is.
    package func run(
        until clock: CalibrationClock? = nil, _ progress: StageProgress
    ) throws -> (plan: ConversionPlan, report: CalibrationReport) {
        var run = self
        let total = Stopwatch()
        let clock = clock ?? CalibrationClock(seconds: calibration.seconds)
        try total.measure { try run.runSteps(clock, progress) }
        run.report.totalSeconds = total.seconds
        var fitted = run.calibrated.applied(to: plan)
        if let error = run.report.steps.last(where: \.kept)?.outputError, error > Self.poorError {
            fitted.report.warnings.append(.poorCalibration(error: error, images: run.report.setAside))
        }
        return (fitted, run.report)
    }

    /// The error from which a calibration is called poor: networks that keep their accuracy have less than 0.2.
    private static let poorError = 0.5

    /// Keeps a step's result where its outputs are nearer to the old network's than what was kept so far.
    @discardableResult
    private mutating func consider(
        _ candidate: CalibratedParameters, _ name: String, _ agreement: HoldoutAgreement
    ) throws -> Bool {
        var judged = agreement.judge(name, try judgedOutputs(candidate))
        judged.step.kept = best.map { judged.isBetter(than: $0) } ?? true
        report.steps.append(judged.step)
        if judged.step.kept { (calibrated, best) = (candidate, judged) }
        return judged.step.kept
    }

    private func judgedOutputs(_ parameters: CalibratedParameters) throws -> [Float] {
        try outputs(of: network, parameters.table, images.judged)
    }

    /// A network's outputs for views of the images.
    private func outputs(
        of network: Network, _ parameters: ParameterTable, _ views: [ImageView]
    ) throws -> [Float] {
        let store = images.store
        return try network.outputs(parameters, shapes, count: views.count, workers: workers) {
            range, buffer in
            guard let start = buffer.baseAddress else { return }
            for (place, view) in views[range].enumerated() {
                view.write(from: store, to: start + place * store.shape.count)
            }
        }
    }
}
