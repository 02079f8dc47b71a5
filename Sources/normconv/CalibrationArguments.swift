import ArgumentParser
import NormConvKit

/// How a conversion is fitted to images, and to which.
struct CalibrationArguments: ParsableArguments {
    @Option(
        help:
            "Images without labels (any split that eval reads): fit the new network to the old one on them.",
        completion: .file())
    var calibrate: String?

    @Flag(
        help:
            "Calibrate on images made from the stored statistics: no data needed. Serves standardized weights."
    )
    var synthesize = false

    @Option(
        help: "Size of images that are made, N or HxW. Default: the network's, half of it for dear ones.")
    var imageSize: Extent?

    @Option(
        help: """
            How many images are drawn or made; a quarter of them judges each step. Default: 512 drawn, at most 256 made, \
            fewer the more a pass costs.
            """)
    var calibrationImages: Int?

    @Option(help: "Decides which images are drawn or made; the same seed gives the same file. Default: 0.")
    var seed: UInt64?

    @Option(help: "Whether calibration fits the classifier's head anew: on or off. Default: on.")
    var refitHead: Switch?

    @Option(
        help: """
            How often calibration goes through the images to train all parameters; 0 for not at all. Default: 60 \
            for small networks, fewer the more a pass costs; 0 on images that are made.
            """)
    var epochs: Int?

    @Option(
        help: """
            Memory for calibration's activations, as 4G or 500M; beyond it they are kept in half precision, and \
            images are made in smaller shares. Default: 4G.
            """)
    var calibrationMemory: ByteCount?

    @Option(help: ArrayOptions.layoutHelp)
    var imageLayout: ImageLayout?

    @Option(help: ArrayOptions.scaleHelp)
    var scale: PixelScale?

    @OptionGroup var imageOptions: ImageOptions

    func validate() throws {
        if calibrate != nil, synthesize {
            throw ValidationError("--calibrate has images, --synthesize makes them: choose one.")
        }
        if calibrate == nil, imageLayout != nil || scale != nil || imageOptions.areGiven {
            throw ValidationError("How images are read goes with --calibrate only.")
        }
        if !synthesize, imageSize != nil {
            throw ValidationError("--image-size goes with --synthesize only.")
        }
        if !areGiven,
            calibrationImages != nil || seed != nil || refitHead != nil || epochs != nil
                || calibrationMemory != nil
        {
            throw ValidationError(
                "--calibration-images, --seed, --refit-head, --epochs and --calibration-memory go with --calibrate or "
                    + "--synthesize only.")
        }
        guard calibrationImages ?? 8 >= 8 else {
            throw ValidationError("--calibration-images must be at least 8.")
        }
        guard 0...10_000 ~= epochs ?? 0 else {
            throw ValidationError("--epochs must be between 0 and 10000.")
        }
    }

    /// Whether the plan is fitted to images.
    var areGiven: Bool { calibrate != nil || synthesize }

    /// The conversion, fitted to images that are read or made; as it is where none are given.
    func fitted(_ conversion: Conversion, quiet: Bool) async throws -> Conversion {
        let options = CalibrationOptions(
            images: calibrationImages ?? 512, seed: seed ?? 0, refitsHead: refitHead != .off,
            epochs: epochs, memory: calibrationMemory?.bytes ?? 4 << 30)
        let split = try calibrate.map { try self.split($0, conversion.model, quiet: quiet) }
        guard areGiven else { return conversion }
        let progress = StageLine(isOn: !quiet)
        defer { progress.finish() }
        guard let split else {
            return try await conversion.synthesized(
                SynthesisOptions(images: calibrationImages, size: imageSize), options: options,
                progress: progress.show)
        }
        return try await conversion.calibrated(on: split, options: options, progress: progress.show)
    }

    private func split(_ images: String, _ model: Model, quiet: Bool) throws -> Split {
        var splitOptions = SplitOptions()
        splitOptions.requiresLabels = false
        splitOptions.layout = imageLayout
        splitOptions.scale = scale ?? .bytes
        return try imageOptions.split(
            images, for: [model], options: splitOptions, quiet: quiet)
    }
}

extension CalibrationReport {
    /// What people are told.
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
        let source = data.map { "images of \($0)" } ?? "images made from stored statistics"
        var lines = [
            "Calibrated on \(Formatting.grouped(fitted)) \(source), judged by \(setAside) others, "
                + "seed \(seed)\(kept)"
        ]
        lines += synthesis.map { [$0.line] } ?? []
        lines += steps.lines.map { "  " + $0 }
        lines += skipped.map { "  no step '\($0.name)': \($0.reason)" }
        lines += [""] + table.lines.map { "  " + $0 }
        if self.steps.contains(where: { $0.name == "layers" && !$0.kept }) {
            lines.append("  (dropped with the step 'layers')")
        }
        if !leftAlone.isEmpty { lines.append("Not fitted layer by layer:") }
        lines += leftAlone.map { "  \($0.layer): \($0.reason)" }
        lines.append(
            "\(Formatting.fixed(totalSeconds, digits: 1)) s, of which \(Formatting.fixed(solveSeconds, digits: 1)) s "
                + "solving; one pass of the old network takes \(Formatting.fixed(forwardSeconds, digits: 1)) s"
        )
        return lines
    }
}

extension SynthesisReport {
    fileprivate var line: String {
        "  \(images) images of \(height)×\(width) in shares of \(share), \(steps) steps and \(Formatting.fixed(seconds, digits: 1)) s: "
            + "distance to the statistics from \(Formatting.fixed(firstLoss, digits: 3)) to \(Formatting.fixed(lastLoss, digits: 3))"
    }
}
