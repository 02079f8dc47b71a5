import Calibration
import Conversion
import Datasets
import Foundation
import Inference
import Training
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
        try SymmetricSystem.checkLibrary()
        return try naming(path) {
            try checkGraph()
            var calibration = calibration
            // Training on them gains nothing certain on real ones.
            calibration.epochs = calibration.epochs ?? 0
            let preprocessing = preprocessing ?? self.preprocessing
            let effort = try effort(synthesis, calibration, preprocessing)
            let course = try course(
                "images", passes: Double(2 * synthesis.steps), images: effort.images,
                height: effort.size.height, width: effort.size.width, epochs: calibration.epochs)
            let (images, made) = try madeImages(
                synthesis, effort, calibration, preprocessing,
                progress: { progress(course.progress(.init(stage: "images", done: $0, total: $1))) })
            let run = try CalibrationRun(
                logits, parameters: parameters, plan, options, calibration, images: images, data: nil,
                isSigmoid: tellsTwoBySigmoid)
            var result = try run.run { progress(course.progress($0)) }
            result.report.synthesis = made
            if !made.isNear {
                result.plan.report.warnings.append(
                    .distantImages(distance: made.lastLoss, near: made.nearLoss))
            }
            return result
        }
    }

    /// Makes images, preprocessed.
    func madeImages(
        _ options: SynthesisOptions, _ calibration: CalibrationOptions, _ preprocessing: Preprocessing,
        progress: (Int, Int) -> Void
    ) throws -> (ActivationStore, SynthesisReport) {
        let effort = try effort(options, calibration, preprocessing)
        return try madeImages(options, effort, calibration, preprocessing, progress: progress)
    }

    /// How many images are made, and how large. Throws where none can be.
    private func effort(
        _ options: SynthesisOptions, _ calibration: CalibrationOptions, _ preprocessing: Preprocessing
    ) throws -> SynthesisEffort {
        let channels = network.input.channels
        if let expected = preprocessing.channels, expected != channels {
            throw SynthesisFailure.wrongChannels(
                preprocessing: preprocessing.description, expected: expected, found: channels)
        }
        try options.check()
        do {
            return try SynthesisEffort(self, logits, options, memory: calibration.memory)
        } catch InferenceError.cannotTrain(let layer) {
            throw SynthesisFailure.noWayBack(layer: layer)
        }
    }

    private func madeImages(
        _ options: SynthesisOptions, _ effort: SynthesisEffort, _ calibration: CalibrationOptions,
        _ preprocessing: Preprocessing, progress: (Int, Int) -> Void
    ) throws -> (ActivationStore, SynthesisReport) {
        let synthesis = Synthesis(
            network: logits, parameters: parameters,
            shape: [effort.size.height, effort.size.width, network.input.channels],
            preprocessing: preprocessing,
            count: effort.images, steps: options.steps, rounds: effort.rounds, share: effort.share,
            seed: calibration.seed,
            workers: calibration.workers ?? ProcessInfo.processInfo.activeProcessorCount)
        let watch = Stopwatch()
        let made = try watch.measure { try synthesis.run(progress: progress) }
        let report = SynthesisReport(
            images: effort.images, height: effort.size.height, width: effort.size.width, share: made.share,
            norms: made.norms, steps: made.steps, firstLoss: made.firstLoss, lastLoss: made.lastLoss,
            seconds: watch.seconds)
        guard made.lastLoss <= 0.5 * made.firstLoss || report.isNear else {
            throw SynthesisFailure.distant(first: made.firstLoss, last: made.lastLoss)
        }
        return (made.images, report)
    }
}

/// How many images are made by default, and how large: what takes minutes, for most networks of any cost.
struct SynthesisEffort {
    let size: Extent
    let images: Int
    /// Rounds of steps at most, of which most networks need one.
    let rounds: Int
    /// Images whose statistics are taken together, at most.
    let share: Int

    /// Multiply-adds of an image beyond which images are made at half the size, where the network takes any.
    private static let dear = 1.5e9
    /// Multiply-adds that making images may take.
    private static let affordable = 9e12

    init(_ model: Model, _ network: Network, _ options: SynthesisOptions, memory: Int) throws {
        func shapes(_ size: Extent) throws -> [Shape] {
            try network.shapes(height: size.height, width: size.width)
        }
        var size = options.size ?? model.inputSize
        let isFree = options.size == nil && network.input.height == nil && network.input.width == nil
        if isFree, try network.multiplyAdds(shapes: shapes(size)) > Self.dear {
            size = Extent(height: size.height / 2, width: size.width / 2)
        }
        let own = try shapes(size)
        let cost = max(network.multiplyAdds(shapes: own), 1) * 2 * Double(max(options.steps, 1))
        self.size = size
        images = options.images ?? max(Int(min(Self.affordable / cost, 256)) / 32 * 32, 32)
        rounds = max(1, Int(min(Self.affordable / (cost * Double(max(images, 1))), 5)))
        // All shares may be in work at once, on any number of threads the same.
        let taps = try StatisticsLoss(network, parameters: model.parameters).taps
        let bytes =
            try ImageGradients.bytesPerImage(network, shapes: own, taps: taps) * ImageGradients.shares
        share = min(32, memory / max(bytes, 1))
        guard share >= 2 else {
            throw SynthesisFailure.outOfMemory(
                height: size.height, width: size.width, bytes: 2 * bytes, limit: memory)
        }
    }
}
