import ArgumentParser
import CKernels
import NormConvKit

struct Convert: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Replaces batch normalization and keeps the function as well as stored statistics can.",
        discussion: """
            EXAMPLES
              normconv convert in.h5 out.h5 --to gn
              normconv convert in.h5 out.h5 --to gn --dry-run --json
            Narrow networks lose least with small groups and plain weights:
              normconv convert in.h5 out.h5 --to gn --groups size:8 --ws off
              normconv convert in.h5 out.h5 --to ln --add-bias
            A few hundred images keep most:
              normconv convert in.h5 out.h5 --to gn --calibrate images.h5
            Without any, images made from the stored statistics keep much:
              normconv convert in.h5 out.h5 --to gn --synthesize
            What everyone else does:
              normconv convert in.h5 out.h5 --to gn --init copy
            Networks that are known by the names of norms alone keep their convolutions, unless:
              normconv convert in.weights.h5 out.weights.h5 --architecture model.json
              normconv convert in.pth out.safetensors --assume-adjacent
            In the place of the input, which goes on as resnet.h5.bak:
              normconv convert resnet.h5 --in-place --to gn
            PyTorch's names and layouts, a Keras model, another layout alone:
              normconv convert in.pth out.safetensors
              normconv convert in.safetensors out.keras
              normconv convert in.h5 out.safetensors --to none
            """)

    @Argument(help: "The network to convert.", completion: .file())
    var input: String

    @Argument(help: "The file to write; none with --in-place.", completion: .file())
    var output: String?

    @Option(
        help:
            "gn (GroupNorm), ln (one group), in (one channel a group), or none: another layout or preprocessing only."
    )
    var to = TargetArgument.gn

    @Option(help: "auto (the paper's 32 where they fit), N groups, size:K channels a group, or gcd (Opacus).")
    var groups: GroupPolicy?

    @Option(
        name: .customLong("init"),
        help: "statistics (keeps the function) or copy (gamma and beta as they are).")
    var initialization = ConversionOptions.Initialization.statistics

    @Option(
        help: """
            Weight standardization: on, off, all, or layer (Keras: layers that go on standardizing in training, see the \
            README). Default: on for gn, off for ln and in.
            """)
    var ws: ConversionOptions.WeightStandardization?

    @Option(help: "Epsilon of weight standardization: bit, timm or paper. Default: bit.")
    var wsEps: ConversionOptions.StandardizationEpsilon?

    @Option(help: "Epsilon of the new norms. Default: 1e-05.")
    var epsilon: Double?

    @Flag(help: "Give convolutions before a norm a bias, so that every channel enters it with mean 0.")
    var addBias = false

    @Flag(
        help: """
            In networks whose graph is not known: take for granted that every norm stands directly behind the plain \
            convolution that it is paired with by name, order or count. Without it such convolutions stay as they are.
            """)
    var assumeAdjacent = false

    @OptionGroup var calibration: CalibrationArguments

    @Option(
        help: "Preprocessing that the new file remembers: raw, unit, torch, caffe, tf or MEAN,STD.",
        transform: Preprocessing.init(parsing:))
    var preprocess: Preprocessing?

    @Option(
        help: """
            keep, keras (.h5, full model), keras3 (.keras), weights (Keras' .weights.h5, or .h5 as before Keras 3), \
            torch (.h5, PyTorch's names) or safetensors. Default: what the output's name ends in, else keep.
            """)
    var layout: LayoutArgument?

    @Flag(help: "Overwrite the output if it exists. The input is never overwritten.")
    var force = false

    @Flag(
        help:
            "Replace the input, and keep the old file as NAME.bak; a NAME.bak that exists is never overwritten."
    )
    var inPlace = false

    @Flag(help: "Work everything out and write nothing.")
    var dryRun = false

    @OptionGroup var architecture: ArchitectureOptions

    @OptionGroup var outputOptions: OutputOptions

    func validate() throws {
        if output == nil, !inPlace {
            throw ValidationError("Name the file to write, or replace the input with --in-place.")
        }
        if inPlace, let output, !OutputIsInput.areOne(output, input) {
            throw ValidationError("--in-place replaces the input: leave the output out.")
        }
        if groups != nil, to != .gn {
            throw ValidationError(
                "--groups goes with --to gn only: ln is one group, in is one channel a group.")
        }
        if addBias, initialization == .copy {
            throw ValidationError("--add-bias goes with --init statistics only: copy leaves biases alone.")
        }
        if ws == .layers, wsEps == .paper {
            throw ValidationError(
                "--ws layer has its epsilon inside the root, --ws-eps paper outside: choose bit or timm.")
        }
        if to == .none,
            groups != nil || ws != nil || wsEps != nil || epsilon != nil || addBias || initialization == .copy
                || assumeAdjacent || calibration.areGiven
        {
            throw ValidationError(
                "--to none changes the layout and --preprocess only: --groups, --ws, --ws-eps, --epsilon, --init, --add-bias, "
                    + "--assume-adjacent, --calibrate and --synthesize do not go with it.")
        }
        if let epsilon, !(epsilon > 0 && epsilon.isFinite) {
            throw ValidationError("--epsilon must be a positive number.")
        }
    }

    private var file: ConversionOutput {
        ConversionOutput(
            output ?? input, layout: layout?.choice ?? .byName,
            replaces: inPlace ? .input : force ? .another : .nothing)
    }

    private func conversion(of model: Model) throws -> Conversion {
        let options = to.target.map { target in
            ConversionOptions(
                target: target, groups: groups ?? .auto, initialization: initialization,
                weightStandardization: ws, standardizationEpsilon: wsEps ?? .bit,
                epsilon: epsilon ?? 1e-5, addsBias: addBias, assumesAdjacent: assumeAdjacent)
        }
        var conversion = try options.map(model.converting) ?? model.keepingNorms()
        if let preprocess { conversion.preprocessing = preprocess }
        return conversion
    }

    func run() async throws {
        if !calibration.areGiven { nc_return_freed_memory() }
        try file.check(beside: [calibration.calibrate, architecture.architecture].compactMap { $0 })
        var conversion = try conversion(of: architecture.model(input))
        if dryRun || calibration.areGiven { try conversion.check(file, isWritten: !dryRun) }
        if !dryRun { conversion = try await calibration.fitted(conversion, quiet: outputOptions.quiet) }
        let report = dryRun ? try conversion.report(for: file) : try conversion.write(to: file)
        if outputOptions.json || !outputOptions.quiet { try outputOptions.show(report, report.lines) }
        if !outputOptions.quiet { conversion.warnings.forEach { Terminal.note("warning: \($0)") } }
    }
}

extension ConvertReport {
    var lines: [String] {
        var table = TextTable([
            ("channels", .right), ("norms", .right), ("groups", .right), ("a group", .right),
            ("standardized convs", .right),
        ])
        for stage in stages {
            table.add(
                "\(stage.channels)", "\(stage.norms)", "\(stage.groups)", "\(stage.channels / stage.groups)",
                "\(stage.standardized)")
        }
        let norms = stages.reduce(0) { $0 + $1.norms }
        var lines = [
            Terminal.bold("\(input): \(architecture)"),
            "\(norms) batch norms to group norms, epsilon \(conversion.epsilonText); "
                + "\(standardized.count) convolutions standardized",
        ]
        if stages.isEmpty, standardized.isEmpty { lines[1] = "Norms and weights stay as they are" }
        lines += stages.isEmpty ? [] : table.lines.map { "  " + $0 }
        lines += pairs.summary
        let listed = leftAlone.filter { !pairs.openConvolutions.contains($0.layer) }
        if !listed.isEmpty { lines.append("Convolutions left alone:") }
        lines += listed.prefix(3).map { "  \($0.layer): \($0.reason)" }
        if listed.count > 3 { lines.append("  … and \(listed.count - 3) more (--json lists them)") }
        if !biased.isEmpty { lines.append("\(biased.count) convolutions were given a bias") }
        let dropped =
            droppedParts
            + (droppedParameters.isEmpty ? [] : ["\(droppedParameters.count) running statistics"])
        if !dropped.isEmpty {
            lines.append("Dropped: \(dropped.map { Formatting.head($0, width: 120) }.listed())")
        }
        if !unused.isEmpty { lines.append("Not used by the network: \(unused.listed())") }
        if let calibration { lines += calibration.lines }
        lines.append(output.map { "Wrote \($0)" } ?? "Dry run: nothing written")
        if let backup { lines.append("The old file is \(backup)") }
        return lines
    }
}

extension ConversionNote {
    fileprivate var epsilonText: String {
        Set(norms.values.map(\.epsilon)).sorted().listed()
    }
}
