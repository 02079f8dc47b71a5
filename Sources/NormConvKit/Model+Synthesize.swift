import Calibration
import Conversion
import Datasets
import Foundation
import Inference
import Networks
import Tensors

extension Model {
    /// Fits a conversion that is worked out to images that are made from this network's stored statistics, where there
    /// are none at hand: pixels move until what enters each batch norm has the mean and variance that it remembers.
    /// Everything after that is done as on other images.
    ///
    /// - Parameters:
    ///   - plan: the conversion.
    ///   - options: what it was planned with.
    ///   - synthesis: how many images are made, of what size, and how.
    ///   - calibration: what to do with them, and the seed that they are made from; nothing is trained unless it says so.
    ///   - preprocessing: what goes with the network where it is nil; pixels are kept to what it allows.
    ///   - progress: is told how far things are.
    /// - Returns: the plan with fitted parameters, and what was done.
    package func calibrate(
        _ plan: ConversionPlan, options: ConversionOptions, synthesizing synthesis: SynthesisOptions,
        with calibration: CalibrationOptions = CalibrationOptions(), preprocessing: Preprocessing? = nil,
        progress: (CalibrationProgress) -> Void = { _ in }
    ) throws -> (plan: ConversionPlan, report: CalibrationReport) {
        return try naming(path) {
            try checkGraph()
            guard network.input.dimensions < 3 else { throw EvaluationRefusal.noFitOfVolumes }
            var calibration = calibration
            // Training on them gains nothing certain on real ones.
            calibration.epochs = calibration.epochs ?? 0
            let preprocessing = preprocessing ?? self.preprocessing
            try calibration.check()
            let clock = CalibrationClock(seconds: calibration.seconds)
            let budget = try synthesisBudget(synthesis, calibration, preprocessing)
            let schedule = try calibrationSchedule(
                "images", passes: Double(2 * budget.steps), images: budget.images, size: budget.size,
                calibration)
            let (images, made) = try self.synthesis(budget, calibration, preprocessing).run(until: clock) {
                progress(schedule.progress(.init(stage: "images", done: $0, total: $1)))
            }
            var result = try fit(plan, options, calibration, to: images, of: nil, until: clock) {
                progress(schedule.progress($0))
            }
            result.report.synthesis = made
            if !made.isNear {
                result.plan.report.warnings.append(
                    .distantImages(distance: made.lastLoss, near: made.nearLoss))
            }
            return result
        }
    }

    /// The shape of the images that the network takes.
    var imageShape: Shape {
        Shape(Array(inputSize.all.suffix(network.input.rank - 1)) + [network.input.channels])
    }

    /// Throws where a preprocessing is for another number of channels than the network takes.
    func checkChannels(_ preprocessing: Preprocessing) throws(SynthesisFailure) {
        guard let expected = preprocessing.channels, expected != network.input.channels else { return }
        throw .wrongChannels(
            preprocessing: preprocessing.description, expected: expected, found: network.input.channels)
    }

    /// How many images are made, and how large. Throws where none can be.
    func synthesisBudget(
        _ options: SynthesisOptions, for purpose: SynthesisBudget.Purpose = .calibration,
        _ calibration: CalibrationOptions, _ preprocessing: Preprocessing
    ) throws -> SynthesisBudget {
        try checkChannels(preprocessing)
        return try SynthesisBudget(
            logits, parameters: parameters, defaultSize: inputSize, options, for: purpose,
            memory: calibration.memory)
    }

    /// Whether outputs are classes, of which synthetic images are mixtures.
    private var showsClasses: Bool {
        (try? checkClasses(imageShape: imageShape)) != nil
    }

    /// Images in the making.
    func synthesis(
        _ budget: SynthesisBudget, _ calibration: CalibrationOptions, _ preprocessing: Preprocessing
    ) -> Synthesis {
        Synthesis(
            logits, parameters: parameters,
            limits: (0..<network.input.channels).map(preprocessing.limits), budget: budget,
            showsClasses: showsClasses, seed: calibration.seed,
            workers: calibration.workers ?? ProcessInfo.processInfo.activeProcessorCount)
    }
}
