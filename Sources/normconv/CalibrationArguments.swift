import ArgumentParser
import NormConvKit
import Threads

/// Options of calibration: the images and the fit.
struct CalibrationArguments: ParsableArguments {
    @Option(
        help:
            "Fit the new network to the old one on these images, in any format that eval reads. Labels are not used.",
        completion: .file())
    var calibrate: String?

    @Flag(
        help:
            "Calibrate on synthetic images, computed from the stored statistics. Needs no data."
    )
    var synthesize = false

    @Option(
        help:
            "Size of synthetic images, N or HxW. Default: the network's input size, or half of it for large networks."
    )
    var imageSize: Extent?

    @Option(
        help: """
            Number of images. An eighth (at least 16, at most a quarter) is held out to validate each step. Of more than 512, the \
            others are read during training only. Default: 512 with --calibrate; at most 256 with --synthesize, fewer for large networks.
            """)
    var calibrationImages: Int?

    @Option(
        help:
            "Random seed for sampling or synthesizing images. The same seed gives the same file. Default: 0.")
    var seed: UInt64?

    @Option(help: "Refit the head (the last dense layer) during calibration: on or off. Default: on.")
    var refitHead: Switch?

    @Option(
        help: """
            Epochs of distillation, which trains all parameters to match the old network's outputs; 0 skips it. Default: \
            60, or as many as --calibration-time allows; 0 with --synthesize.
            """)
    var epochs: Int?

    @Option(
        help: """
            Time for the calibration, such as 90s, 10m or 1h. More time gives more steps. Default: enough for 512 images of \
            ResNet-50 in about 15 minutes on two cores with AVX-512. Ctrl-C ends a calibration early and writes the best \
            network so far; a second Ctrl-C stops without a file.
            """)
    var calibrationTime: TimeSpan?

    @Option(
        help: """
            Memory for a calibration, such as 4G or 500M. Half of it is for activations. If they do not fit, they are stored in \
            half precision; if that is not enough, the first layers are fitted to fewer images. Synthetic images are computed in \
            smaller batches. Default: 4G.
            """)
    var calibrationMemory: ByteCount?

    @OptionGroup var refresh: RefreshArguments

    @Option(help: ArrayOptions.layoutHelp)
    var imageLayout: ImageLayout?

    @Option(help: ArrayOptions.imagesHelp)
    var imageArray: String?

    @OptionGroup var pixels: PixelOptions

    @OptionGroup var imageOptions: ImageOptions

    func validate() throws {
        if calibrate != nil, synthesize {
            throw ValidationError("--calibrate reads images, --synthesize computes them: choose one.")
        }
        if !synthesize, imageSize != nil {
            throw ValidationError("--image-size goes with --synthesize only.")
        }
        if !areGiven,
            calibrationImages != nil || refitHead != nil || epochs != nil || calibrationTime != nil
        {
            throw ValidationError(
                "--calibration-images, --refit-head, --epochs and --calibration-time go with --calibrate or --synthesize only."
            )
        }
        if !areGiven, !refresh.areGiven, seed != nil || calibrationMemory != nil {
            throw ValidationError(
                "--seed and --calibration-memory go with --calibrate, --synthesize or --refresh-statistics only."
            )
        }
        guard calibrationImages ?? 8 >= 8 else {
            throw ValidationError("--calibration-images must be at least 8.")
        }
        guard 0...10_000 ~= epochs ?? 0 else {
            throw ValidationError("--epochs must be between 0 and 10000.")
        }
    }

    /// Whether there are options that say how images are read.
    var readingIsGiven: Bool {
        imageLayout != nil || imageArray != nil || pixels.areGiven || imageOptions.areGiven
    }

    /// Files of images.
    var files: [String] { [calibrate, refresh.refreshStatistics].compactMap(\.self) }

    /// Whether a calibration is requested.
    var areGiven: Bool { calibrate != nil || synthesize }

    /// What to do with the images.
    var options: CalibrationOptions {
        CalibrationOptions(
            images: calibrationImages ?? 512, seed: seed ?? 0, refitsHead: refitHead != .off,
            epochs: epochs, seconds: calibrationTime?.seconds,
            memory: calibrationMemory?.bytes ?? 4 << 30)
    }

    /// The conversion, calibrated on images from a split or on synthetic ones; unchanged without either.
    func fitted(_ conversion: Conversion, quiet: Bool) async throws -> Conversion {
        let options = options
        let split = try calibrate.map { try self.split($0, conversion.model, quiet: quiet) }
        guard areGiven else { return conversion }
        let progress = StageLine(isOn: !quiet)
        defer { progress.finish() }
        return try await endingEarly("the calibration with the best network so far", quiet: quiet) {
            guard let split else {
                return try await conversion.synthesized(
                    SynthesisOptions(images: calibrationImages, size: imageSize), options: options,
                    progress: progress.show)
            }
            return try await conversion.calibrated(on: split, options: options, progress: progress.show)
        }
    }

    /// The network with the statistics of its batch norms estimated anew; unchanged without `--refresh-statistics`.
    func refreshed(_ model: Model, preprocessing: Preprocessing?, quiet: Bool) async throws -> Model {
        guard let images = refresh.refreshStatistics else { return model }
        let split = try self.split(images, model, quiet: quiet)
        let count = min(refresh.refreshImages ?? 512, split.count)
        let line = ProgressLine("refreshing statistics", total: count, isOn: !quiet)
        defer { line.finish() }
        return try await model.refreshingStatistics(
            on: split, images: count, batch: refresh.refreshBatch, seed: seed ?? 0,
            preprocessing: preprocessing, memory: (calibrationMemory?.bytes ?? 4 << 30) / 4,
            progress: { line.reach($0, of: $1) })
    }

    /// Images without labels, of a file or a folder.
    func split(
        _ images: String, _ model: Model, takesTrainingPart: Bool = true, quiet: Bool
    ) throws -> Split {
        var splitOptions = SplitOptions()
        splitOptions.requiresLabels = false
        splitOptions.takesTrainingPart = takesTrainingPart
        splitOptions.layout = imageLayout
        splitOptions.imagesName = imageArray
        pixels.apply(to: &splitOptions)
        return try imageOptions.split(
            images, for: [model], options: splitOptions, quiet: quiet)
    }
}

extension CalibrationReport {
    /// The lines of the report.
    var lines: [String] {
        var steps = TextTable([("step", .left), ("agreement", .right), ("error", .right), ("", .left)])
        for step in self.steps {
            steps.add(
                step.name, Formatting.percent(step.agreement),
                Formatting.fixed(step.outputError, digits: 3), step.kept ? "" : "dropped")
        }
        var table = TextTable([
            ("norm", .left), ("error before", .right), ("after", .right), ("filters", .left),
        ])
        for norm in norms {
            table.add(
                norm.layer, Formatting.fixed(norm.before, digits: 3),
                Formatting.fixed(norm.after, digits: 3), norm.filters.rawValue)
        }
        let kept = precision == "half" ? ", activations in half precision" : ""
        let source = data.map { "images of \($0)" } ?? "synthetic images"
        var lines = [
            "Calibrated on \(Formatting.grouped(fitted)) \(source), \(setAside) held out, seed \(seed)\(kept)"
        ]
        if let streamed { lines.append("  training also read \(Formatting.grouped(streamed)) other images") }
        if let fewestFitted {
            lines.append(
                "  the first layers were fitted to \(fewestFitted) of these images only (--calibration-memory)"
            )
        }
        if endedEarly { lines.append("  ended early by Ctrl-C") }
        lines += synthesis.map { [$0.line] } ?? []
        lines += steps.lines.map { "  " + $0 }
        lines += skipped.map { "  skipped step '\($0.name)': \($0.reason)" }
        if !norms.isEmpty { lines += [""] + table.lines.map { "  " + $0 } }
        if self.steps.contains(where: { $0.name == "layers" && !$0.kept }) {
            lines.append("  (dropped with the step 'layers')")
        }
        if !leftAlone.isEmpty { lines.append("Layers without a layer-wise fit:") }
        lines += leftAlone.map { "  \($0.layer): \($0.reason)" }
        lines.append(
            "Took \(Formatting.fixed(totalSeconds, digits: 1)) s, \(Formatting.fixed(solveSeconds, digits: 1)) s of it in the "
                + "solver; a forward pass of the old network takes \(Formatting.fixed(forwardSeconds, digits: 1)) s"
        )
        return lines
    }
}

extension SynthesisReport {
    fileprivate var line: String {
        "  \(images) images of \(height)×\(width) in batches of \(microBatch), \(steps) steps in \(Formatting.fixed(seconds, digits: 1)) s: "
            + "distance to the stored statistics \(Formatting.fixed(firstLoss, digits: 3)) → \(Formatting.fixed(lastLoss, digits: 3))"
    }
}
