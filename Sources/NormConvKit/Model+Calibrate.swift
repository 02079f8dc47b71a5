import Calibration
import Conversion
import Datasets
import Foundation
import Inference
import Networks
import Tensors
import Threads

extension Model {
    /// Fits a conversion that is worked out to images without labels: layer by layer, then the head, then all
    /// parameters together. A step is kept only where it brings the outputs nearer to this network's on images that are set
    /// aside: nothing is fitted to them, they choose between what was fitted.
    ///
    /// - Parameters:
    ///   - plan: the conversion.
    ///   - options: what it was planned with.
    ///   - split: the images; its labels are not read.
    ///   - calibration: how many images, which, and what to do with them.
    ///   - preprocessing: what goes with the network where it is nil.
    ///   - progress: is told how far things are.
    /// - Returns: the plan with fitted parameters, and what was done.
    package func calibrate(
        _ plan: ConversionPlan, options: ConversionOptions, on split: Split,
        with calibration: CalibrationOptions = CalibrationOptions(), preprocessing: Preprocessing? = nil,
        progress: (CalibrationProgress) -> Void = { _ in }
    ) throws -> (plan: ConversionPlan, report: CalibrationReport) {
        return try naming(path) {
            try checkGraph()
            try calibration.check()
            let clock = CalibrationClock(seconds: calibration.seconds)
            guard network.input.dimensions < 3 else { throw EvaluationRefusal.noFitOfVolumes }
            let schedule = try calibrationSchedule(
                "reading", passes: 0.3,
                images: max(min(calibration.images, split.count, CalibrationOptions.mostStored), 0),
                size: split.shape.mapExtent, calibration)
            let drawn = DrawnImages(calibration, from: split, preprocessing ?? self.preprocessing)
            let images = try drawn.stored(until: clock) {
                progress(schedule.progress(.init(stage: "reading", done: $0, total: $1)))
            }
            return try fit(
                plan, options, calibration, to: images, and: drawn.others, of: split.file, until: clock
            ) {
                progress(schedule.progress($0))
            }
        }
    }

    /// Fits a conversion to preprocessed images, of a file or synthetic ones; `others` are only trained on.
    func fit(
        _ plan: ConversionPlan, _ options: ConversionOptions, _ calibration: CalibrationOptions,
        to images: ActivationStore, and others: ImageSource? = nil, of file: String?,
        until clock: CalibrationClock,
        progress: StageProgress
    ) throws -> (plan: ConversionPlan, report: CalibrationReport) {
        try CalibrationRun(
            logits, parameters: parameters, plan, options, calibration, images: images,
            others: others, data: file, isSigmoid: tellsTwoBySigmoid
        ).run(until: clock, progress)
    }

    /// The schedule of a calibration on so many images of this size.
    func calibrationSchedule(
        _ first: String, passes: Double, images: Int, size: Extent, _ calibration: CalibrationOptions
    ) throws -> CalibrationSchedule {
        let network = logits
        let fitted = images - CalibrationImages.heldOut(of: images)
        let cost = try network.multiplyAdds(shapes: network.shapes(of: size))
        let budget = CalibrationBudget(
            cost: cost * Double(fitted), images: fitted,
            seconds: calibration.seconds ?? CalibrationBudget.defaultSeconds,
            mayMirror: network.input.dimensions == 2)
        return CalibrationSchedule(
            first, passes: passes, budget: budget, epochs: calibration.epochs ?? budget.epochs)
    }
}

/// The images of a split that a seed draws.
struct DrawnImages {
    private let split: Split
    private let preprocessing: Preprocessing
    private let order: [Int]

    init(_ calibration: CalibrationOptions, from split: Split, _ preprocessing: Preprocessing) {
        (self.split, self.preprocessing) = (split, preprocessing)
        var random = SplitMix64(seed: calibration.seed)
        order = Array(Array(0..<split.count).shuffled(using: &random).prefix(max(calibration.images, 0)))
    }

    /// The first ones, preprocessed. The others are read once as well: one that is broken is told before anything is fitted.
    /// That ends with the clock. `progress` is told how many of how many are read.
    func stored(
        until clock: CalibrationClock = CalibrationClock(seconds: nil), progress: (Int, Int) -> Void
    ) throws -> ActivationStore {
        try split.check(preprocessing)
        let store = try ActivationStore(
            shape: split.shape, count: min(order.count, CalibrationOptions.mostStored))
        for (place, image) in order.enumerated() where place < store.count || !clock.isOver {
            try Cancellation.check()
            let values = try split.read(image..<image + 1, preprocessing: preprocessing)
            if place < store.count { values.withUnsafeBufferPointer { store.store(place..<place + 1, $0) } }
            progress(place + 1, order.count)
        }
        return store
    }

    /// The images behind them, read each time they are needed.
    var others: ImageSource? {
        let others = Array(order.dropFirst(CalibrationOptions.mostStored))
        guard !others.isEmpty else { return nil }
        return split.source(of: others, preprocessing)
    }
}

extension Split {
    /// The images at these places, preprocessed, read each time they are needed.
    func source(of places: [Int], _ preprocessing: Preprocessing) -> ImageSource {
        let size = shape.count
        return ImageSource(count: places.count, shape: shape) { range, buffer in
            for (place, image) in places[range].enumerated() {
                try Cancellation.check()
                let target = UnsafeMutableBufferPointer(rebasing: buffer[place * size..<(place + 1) * size])
                try read(image..<image + 1, into: target, preprocessing: preprocessing)
            }
        }
    }
}
