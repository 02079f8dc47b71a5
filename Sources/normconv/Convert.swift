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
              normconv convert in.h5 out.h5 --recipe best --calibrate images.h5
            Without images, use noise images (seconds) or synthetic ones (minutes):
              normconv convert in.h5 out.h5 --recipe data-free
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
            Print what other groups and options keep of this network, on your images:
              normconv convert in.h5 --compare-recipes --data images
            Convert several networks into a folder:
              normconv convert in.h5 in.pth in.safetensors --output-dir gn
            Convert a PyTorch checkpoint, write a Keras model, or change only the layout:
              normconv convert in.pth out.pth
              normconv convert in.pth out.safetensors
              normconv convert in.safetensors out.keras
              normconv convert in.h5 out.safetensors --to none
            Read standard input and write standard output:
              cat in.pth | normconv convert - - >out.safetensors
            """)

    @Argument(help: "The network to convert; - is standard input.", completion: .file())
    var input: String

    @Argument(
        help: """
            The file to write; - is standard output, for safetensors or what --layout says. Leave it out with --in-place. With \
            --output-dir: more networks to convert.
            """,
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
            Defaults for --groups, --ws and --init: fast (from the stored statistics, in a moment), data-free (with noise images, in \
            seconds to a minute) or best (with --calibrate IMAGES, in minutes). All choose 16 channels per group (near:16).
            """)
    var recipe: ConversionRecipe?

    @Option(
        help: ArgumentHelp(
            """
            Refuse to write a network that is estimated to agree with the old one on fewer images than this, in percent. The \
            estimate takes seconds to a minute on synthetic images; 0 skips it. --calibrate and --synthesize measure the \
            agreement instead. Default: 50 with standardized weights and no images, but not with --init copy; otherwise 0.
            """, valueName: "percent"))
    var minAgreement: Double?

    @Option(
        help: """
            auto (32 groups if the number of channels allows it, otherwise fewer), N (number of groups), size:K (K channels \
            per group), near:K (as near to K as the channels allow), or gcd (of 32 and the number of channels, as in Opacus). Default: auto.
            """)
    var groups: GroupPolicy?

    @Option(
        name: .customLong("init"),
        help: """
            statistics (compute gamma and beta from the stored statistics), noise (the same, and choose signs and directions of \
            filters on noise images: takes seconds to a minute; usually more accurate on photographs, not always on small networks) or \
            copy (keep gamma and beta unchanged). Default: statistics.
            """)
    var initialization: ConversionOptions.Initialization?

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

    @Flag(
        help: """
            Write nothing; print which share of images other groups and options keep: of --data, otherwise estimated on synthetic \
            images. With --calibrate, calibrated networks are compared too, which takes minutes for each.
            """)
    var compareRecipes = false

    @Option(
        help:
            "With --compare-recipes: images to compare on, in any format that eval reads. Labels are not used.",
        completion: .file())
    var data: String?

    @OptionGroup var calibration: CalibrationArguments

    @Option(
        help:
            "Preprocessing to store in the new file: raw, unit, torch, caffe, tf or MEAN,STD. Default: the input's.",
        completion: .preprocessing, transform: Preprocessing.init(parsing:))
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

    /// The network with new norms, and what its new file remembers.
    private func conversion(of model: Model) throws -> Conversion {
        let options = to.target.map { target in
            ConversionOptions(
                target: target, groups: groups ?? recipe?.groups ?? .auto,
                initialization: initialization ?? recipe?.initialization ?? .statistics,
                weightStandardization: ws ?? recipe?.weightStandardization,
                standardizationEpsilon: wsEps ?? .bit,
                epsilon: epsilon ?? 1e-5, addsBias: addBias, steadiness: steady ?? 0,
                assumesAdjacent: assumeAdjacent)
        }
        guard let options else {
            var conversion = try model.keepingNorms()
            if let preprocess { conversion.preprocessing = preprocess }
            return conversion
        }
        let line = StageLine("measuring", isOn: options.initialization == .noise && !outputOptions.quiet)
        defer { line.finish() }
        return try model.converting(options, preprocessing: preprocess, progress: line.show)
    }

    func run() async throws {
        if !calibration.areGiven { nc_return_freed_memory() }
        if compareRecipes { return try await compare() }
        let layout = layout?.choice ?? .byName
        if let outputDir {
            return try await runAll(into: OutputFolder(outputDir, layout: layout, overwriting: force))
        }
        if output.first == StandardStreams.name { return try await streamOutput() }
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
        let isEstimated = minAgreement.map { $0 > 0 } ?? conversion.needsEstimate
        if dryRun || calibration.areGiven || isEstimated { try conversion.check(file, isWritten: !dryRun) }
        conversion = try await calibration.fitted(conversion, quiet: outputOptions.quiet)
        if isEstimated { conversion = try await estimated(conversion) }
        let report = dryRun ? try conversion.report(for: file) : try conversion.write(to: file)
        return (report, conversion.warnings)
    }

    /// The conversion with an estimate of its agreement. Throws where it is too little.
    private func estimated(_ conversion: Conversion) async throws -> Conversion {
        guard minAgreement != nil || !calibration.areGiven else { return conversion }
        let line = StageLine("estimating", isOn: !outputOptions.quiet && !calibration.areGiven)
        defer { line.finish() }
        let conversion = try await conversion.estimated(isPatient: minAgreement != nil, progress: line.show)
        line.finish()
        let least = minAgreement.map { $0 / 100 } ?? Conversion.leastAgreement
        if dryRun {
            do { try conversion.checkAgreement(atLeast: least, isDemanded: minAgreement != nil) } catch {
                if !outputOptions.quiet { Terminal.note("warning: would be refused: \(error)") }
            }
        } else {
            try conversion.checkAgreement(atLeast: least, isDemanded: minAgreement != nil)
        }
        return conversion
    }
}
