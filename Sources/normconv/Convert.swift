import ArgumentParser
import CKernels
import NormConvKit

struct Convert: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Replaces BatchNorm with GroupNorm and keeps the outputs close to the original's.",
        discussion: """
            EXAMPLES
              normconv convert in.h5 out.h5 --to gn
              normconv convert in.h5 out.h5 --to gn --dry-run --json
            Narrow networks keep more accuracy with small groups or one group:
              normconv convert in.h5 out.h5 --to gn --groups size:8 --ws off
              normconv convert in.h5 out.h5 --to ln --add-bias --steady 8
            For the highest accuracy, calibrate on a few hundred images without labels:
              normconv convert in.h5 out.h5 --to gn --calibrate images.h5
            Without images, use noise images (seconds) or synthetic ones (minutes):
              normconv convert in.h5 out.h5 --to gn --init noise --ws auto
              normconv convert in.h5 out.h5 --to gn --synthesize
            Copy gamma and beta unchanged, as a baseline:
              normconv convert in.h5 out.h5 --to gn --init copy
            Re-estimate the batch norms' statistics on images of another domain, before a conversion or without one:
              normconv convert in.pth out.pth --to gn --refresh-statistics images
              normconv convert in.pth out.pth --to none --refresh-statistics images
            If the file has no graph, --architecture, --pairs or --assume-adjacent allows weight standardization:
              normconv convert in.weights.h5 out.weights.h5 --architecture model.json
              normconv convert in.pth out.safetensors --pairs pairs.json
              normconv convert in.pth out.safetensors --assume-adjacent
            Replace the input and keep the old file as resnet.h5.bak:
              normconv convert resnet.h5 --in-place --to gn
            Convert several networks into a folder:
              normconv convert in.h5 in.pth in.safetensors --output-dir gn
            Convert a PyTorch checkpoint, write a Keras model, or change only the layout:
              normconv convert in.pth out.pth
              normconv convert in.pth out.safetensors
              normconv convert in.safetensors out.keras
              normconv convert in.h5 out.safetensors --to none
            """)

    @Argument(help: "The network to convert.", completion: .file())
    var input: String

    @Argument(
        help: "The file to write. Leave it out with --in-place. With --output-dir: more networks to convert.",
        completion: .file())
    var output: [String] = []

    @Option(
        help: "Convert all networks that are given into this folder, each under its own name.",
        completion: .directory)
    var outputDir: String?

    @Option(
        help: """
            gn (GroupNorm), ln (LayerNorm: one group), in (InstanceNorm: one channel per group), or none (change only the layout or the preprocessing).
            """
    )
    var to = TargetArgument.gn

    @Option(
        help: """
            auto (32 groups if the number of channels allows it, otherwise fewer), N (number of groups), size:K (K channels \
            per group), or gcd (of 32 and the number of channels, as in Opacus). Default: auto.
            """)
    var groups: GroupPolicy?

    @Option(
        name: .customLong("init"),
        help: """
            statistics (compute gamma and beta from the stored statistics), noise (the same, and choose signs and directions of \
            filters on noise images: takes seconds to a minute; usually more accurate on photographs, not always on small networks) or \
            copy (keep gamma and beta unchanged).
            """)
    var initialization = ConversionOptions.Initialization.statistics

    @Option(
        help: """
            Weight standardization: on (convolutions before a norm), auto (same as on, but keeps those that read the image; often slightly \
            more accurate if not calibrated), all (every convolution, which changes the outputs), off, or \
            layer (same as on, but writes Keras layers that also standardize during training). Default: on for gn, off for ln and in.
            """)
    var ws: ConversionOptions.WeightStandardization?

    @Option(
        help:
            "Epsilon of weight standardization: bit (BiT, 1e-10), timm (1e-6) or paper (1e-5, added to the standard deviation). Default: bit."
    )
    var wsEps: ConversionOptions.StandardizationEpsilon?

    @Option(help: "Epsilon of the new norms. Default: 1e-05.")
    var epsilon: Double?

    @Flag(
        help:
            "Add a bias to the convolutions before norms, so that every channel has mean 0 before the norm.")
    var addBias = false

    @Option(
        help: """
            With --add-bias and --ws off: add a constant of alternating sign, this many standard deviations high, before each norm. Groups then \
            hardly depend on the image, which keeps more of the old network, but the norms normalize less. Try 8. Default: 0.
            """)
    var steady: Double?

    @Flag(
        help: """
            For files without a graph: assume that each norm directly follows its convolution, which is found by name, order \
            or number of channels. Without this option such convolutions stay unchanged.
            """)
    var assumeAdjacent = false

    @OptionGroup var calibration: CalibrationArguments

    @Option(
        help:
            "Preprocessing to store in the new file: raw, unit, torch, caffe, tf or MEAN,STD. Default: the input's.",
        transform: Preprocessing.init(parsing:))
    var preprocess: Preprocessing?

    @Option(
        help: """
            keep (the input's), keras (full model, .h5), keras3 (.keras), weights (.weights.h5 of Keras 3, or .h5 of older \
            Keras), torch (.h5 with PyTorch names), safetensors or pth (PyTorch's state dict). Default: by the output's extension, otherwise keep.
            """)
    var layout: LayoutArgument?

    @Flag(help: "Overwrite the output if it exists. The input is never overwritten.")
    var force = false

    @Flag(
        help:
            "Replace the input and keep the old file as NAME.bak. An existing NAME.bak is never overwritten."
    )
    var inPlace = false

    @Flag(help: "Do everything except write the file.")
    var dryRun = false

    @OptionGroup var architecture: ArchitectureOptions

    @OptionGroup var outputOptions: OutputOptions

    func validate() throws {
        try validateOutput()
        if groups != nil, to != .gn {
            throw ValidationError(
                "--groups goes with --to gn only: ln is one group, in is one channel a group.")
        }
        if addBias, initialization == .copy {
            throw ValidationError("--add-bias does not go with --init copy, which leaves biases alone.")
        }
        if let steady {
            guard addBias else { throw ValidationError("--steady goes with --add-bias only.") }
            guard ws == .off || ws == nil && to != .gn else {
                throw ValidationError(
                    "--steady goes with --ws off: with standardized weights it makes the loss larger.")
            }
            guard to != .instance else {
                throw ValidationError("--steady needs groups of several channels, not --to in.")
            }
            guard !calibration.areGiven else {
                throw ValidationError(
                    "--steady does not go with --calibrate and --synthesize, which set biases anew.")
            }
            guard steady >= 0, steady.isFinite else {
                throw ValidationError("--steady must be 0 or a positive number.")
            }
        }
        if ws == .layers, wsEps == .paper {
            throw ValidationError(
                "--ws layer has its epsilon inside the root, --ws-eps paper outside: choose bit or timm.")
        }
        if to == .none,
            groups != nil || ws != nil || wsEps != nil || epsilon != nil || addBias
                || initialization != .statistics
                || assumeAdjacent || calibration.areGiven
        {
            throw ValidationError(
                "--to none changes the layout, --preprocess and --refresh-statistics only: --groups, --ws, --ws-eps, --epsilon, --init, --add-bias, "
                    + "--assume-adjacent, --calibrate and --synthesize do not go with it.")
        }
        if let epsilon, !(epsilon > 0 && epsilon.isFinite) {
            throw ValidationError("--epsilon must be a positive number.")
        }
    }

    private func validateOutput() throws {
        if outputDir != nil {
            guard inPlace else { return }
            throw ValidationError("--output-dir writes new files, --in-place replaces the input: choose one.")
        }
        if output.isEmpty, !inPlace {
            throw ValidationError(
                "Name the file to write or a folder (--output-dir), or replace the input with --in-place.")
        }
        if output.count > 1 {
            throw ValidationError(
                "Found \(output.count) outputs (\(output.listed())), expected one. To convert several networks, name a "
                    + "folder with --output-dir.")
        }
        if inPlace, let output = output.first, !OutputIsInput.areOne(output, input) {
            throw ValidationError("--in-place replaces the input: leave the output out.")
        }
    }

    /// The network with new norms, and what its new file remembers.
    private func conversion(of model: Model) throws -> Conversion {
        let options = to.target.map { target in
            ConversionOptions(
                target: target, groups: groups ?? .auto, initialization: initialization,
                weightStandardization: ws, standardizationEpsilon: wsEps ?? .bit,
                epsilon: epsilon ?? 1e-5, addsBias: addBias, steadiness: steady ?? 0,
                assumesAdjacent: assumeAdjacent)
        }
        guard let options else {
            var conversion = try model.keepingNorms()
            if let preprocess { conversion.preprocessing = preprocess }
            return conversion
        }
        let line = StageLine("measuring", isOn: initialization == .noise && !outputOptions.quiet)
        defer { line.finish() }
        return try model.converting(options, preprocessing: preprocess, progress: line.show)
    }

    func run() async throws {
        if !calibration.areGiven { nc_return_freed_memory() }
        let layout = layout?.choice ?? .byName
        if let outputDir {
            return try await runAll(into: OutputFolder(outputDir, layout: layout, overwriting: force))
        }
        let file = ConversionOutput(
            output.first ?? input, layout: layout, replaces: inPlace ? .input : force ? .another : .nothing)
        let (report, warnings) = try await convert(input, to: file)
        if outputOptions.json || !outputOptions.quiet { try outputOptions.show(report, report.lines) }
        if !outputOptions.quiet { warnings.forEach { Terminal.note("warning: \($0)") } }
    }

    /// Converts a network, and returns what was done and what the user should know. A dry run writes nothing.
    func convert(
        _ input: String, to file: ConversionOutput
    ) async throws -> (report: ConvertReport, warnings: [String]) {
        try file.check(beside: architecture.files + calibration.files)
        let model = try await calibration.refreshed(
            architecture.model(input), preprocessing: preprocess, quiet: outputOptions.quiet)
        var conversion = try conversion(of: model)
        if dryRun || calibration.areGiven { try conversion.check(file, isWritten: !dryRun) }
        conversion = try await calibration.fitted(conversion, quiet: outputOptions.quiet)
        let report = dryRun ? try conversion.report(for: file) : try conversion.write(to: file)
        return (report, conversion.warnings)
    }
}
