import ArgumentParser
import NormConvKit

struct Convert: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Replaces batch normalization and keeps the function as well as stored statistics can.",
        discussion: """
            EXAMPLES
              normconv convert in.h5 out.h5 --to gn
              normconv convert in.h5 out.h5 --to gn --groups size:8 --ws off   # narrow networks lose least
              normconv convert in.h5 out.h5 --to ln --add-bias
              normconv convert in.h5 out.h5 --to gn --init copy                # what everyone else does
              normconv convert in.h5 out.h5 --to gn --dry-run --json
            """)

    @Argument(help: "The network to convert.", completion: .file())
    var input: String

    @Argument(help: "The file to write.", completion: .file())
    var output: String

    @Option(help: "gn (GroupNorm), ln (one group) or in (one channel a group).")
    var to = TargetArgument.gn

    @Option(help: "auto (the paper's 32 where they fit), N groups, size:K channels a group, or gcd (Opacus).")
    var groups: GroupPolicy?

    @Option(
        name: .customLong("init"),
        help: "statistics (keeps the function) or copy (gamma and beta as they are).")
    var initialization = ConversionOptions.Initialization.statistics

    @Option(help: "Weight standardization: on, off or all. Default: on for gn, off for ln and in.")
    var ws: ConversionOptions.WeightStandardization?

    @Option(help: "Epsilon of weight standardization: bit, timm or paper.")
    var wsEps = ConversionOptions.StandardizationEpsilon.bit

    @Option(help: "Epsilon of the new norms.")
    var epsilon = 1e-5

    @Flag(help: "Give convolutions before a norm a bias, so that every channel enters it with mean 0.")
    var addBias = false

    @Option(help: "Preprocessing that the new file remembers: raw, unit, torch, caffe, tf or MEAN,STD.")
    var preprocess: Preprocessing?

    @Flag(help: "Overwrite the output if it exists.")
    var force = false

    @Flag(help: "Work everything out and write nothing.")
    var dryRun = false

    @OptionGroup var architecture: ArchitectureOptions

    @OptionGroup var outputOptions: OutputOptions

    func validate() throws {
        if groups != nil, to != .gn {
            throw ValidationError(
                "--groups goes with --to gn only: ln is one group, in is one channel a group.")
        }
        if addBias, initialization == .copy {
            throw ValidationError("--add-bias goes with --init statistics only: copy leaves biases alone.")
        }
        guard epsilon > 0, epsilon.isFinite else {
            throw ValidationError("--epsilon must be a positive number.")
        }
    }

    private var options: ConversionOptions {
        ConversionOptions(
            target: to.target, groups: groups ?? .auto, initialization: initialization,
            weightStandardization: ws ?? (to == .gn ? .on : .off), standardizationEpsilon: wsEps,
            epsilon: epsilon, addsBias: addBias)
    }

    func run() throws {
        let model = try architecture.model(input)
        let plan = try model.plan(options)
        guard !plan.report.warnings.contains(.nothingToConvert) else {
            throw NothingToConvert(path: input, architecture: model.network)
        }
        if !dryRun {
            try model.write(plan, to: output, options: options, preprocessing: preprocess, overwrite: force)
        }
        let note = ConversionNote(
            plan, options: options, preprocess: (preprocess ?? model.preprocessing).description)
        let report = ConvertReport(model, plan, note: note, output: dryRun ? nil : output)
        if outputOptions.json {
            try Terminal.result(JSONReport.text(report))
        } else if !outputOptions.quiet {
            try Terminal.result(report.lines)
        }
        if !outputOptions.quiet { report.warnings.forEach { Terminal.note("warning: \($0)") } }
    }
}

/// A network without batch normalization.
struct NothingToConvert: Error, CustomStringConvertible {
    let path: String
    let architecture: Network

    var description: String {
        let has =
            architecture.family == .bit
            ? "\(architecture.architecture) has group norms and standardized convolutions already"
            : "the network has no batch normalization"
        return "\(path): \(has): nothing to convert, nothing written"
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
        lines += table.lines.map { "  " + $0 }
        if !leftAlone.isEmpty { lines.append("Convolutions left alone:") }
        lines += leftAlone.map { "  \($0.layer): \($0.reason)" }
        if !biased.isEmpty { lines.append("\(biased.count) convolutions were given a bias") }
        let dropped =
            droppedParts
            + (droppedParameters.isEmpty ? [] : ["\(droppedParameters.count) running statistics"])
        if !dropped.isEmpty { lines.append("Dropped: \(dropped.joined(separator: ", "))") }
        lines.append(output.map { "Wrote \($0)" } ?? "Dry run: nothing written")
        return lines
    }
}

extension ConversionNote {
    fileprivate var epsilonText: String {
        Set(norms.values.map(\.epsilon)).sorted().map { "\($0)" }.joined(separator: ", ")
    }
}
