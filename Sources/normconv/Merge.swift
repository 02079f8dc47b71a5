import ArgumentParser
import Foundation
import NormConvKit

struct Merge: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Combines the partial results of eval --shard into one result.",
        discussion: """
            EXAMPLES
              normconv eval resnet.h5 --data val --shard 1/2 --partial part-1.partial
              normconv eval resnet.h5 --data val --shard 2/2 --partial part-2.partial
              normconv merge part-1.partial part-2.partial
              normconv merge part-*.partial --json | jq '.models[].top1.value'
              normconv merge part-*.partial --html report.html --csv images.csv

            The order of the files does not matter. merge refuses missing, unfinished
            and duplicate shards, and shards that differ in split, network,
            preprocessing or version of normconv. images/s is the mean over the shards.
            The HTML report shows no images, because partial results contain none.
            """)

    @Argument(help: "The partial results of all shards.", completion: .file())
    var parts: [String]

    @OptionGroup var files: ResultFiles

    @Flag(help: "Overwrite the files of --html and --csv if they exist.")
    var force = false

    @OptionGroup var output: OutputOptions

    func validate() throws { try files.validate(beside: []) }

    func run() throws {
        try files.check(overwrite: force, inputs: parts)
        let result = try ScoredSplit(merging: parts)
        try files.write(result, overwrite: force) { _ in nil }
        // Two networks with the second as baseline: one network against another.
        let report = result.report
        let isPair = report.models.count == 2 && report.baseline == report.models[1].model
        try output.show(report, report.lines(isAlone: report.models.count == 1 || isPair))
    }
}

/// Options for the output files.
struct ResultFiles: ParsableArguments {
    @Option(help: "Write a self-contained HTML report to this file.", completion: .file())
    var html: String?

    @Option(
        help:
            "Write the label, prediction, probability and correctness for each image and network to this CSV file.",
        completion: .file())
    var csv: String?

    /// Refuses files of the same name.
    func validate(beside others: [String?]) throws {
        let files = ([html, csv] + others).compactMap { $0 }.map(AtomicFile.resolved)
        if Set(files).count < files.count {
            throw ValidationError("The output files must have different names.")
        }
    }

    /// Throws early what writing would throw after the computation, and if a file is one of the inputs.
    func check(overwrite: Bool, inputs: [String]) throws {
        for file in [html, csv].compactMap({ $0 }) {
            try OutputIsInput.check(file, inputs)
            try AtomicFile.check(file, overwrite: overwrite)
        }
    }

    /// Writes the requested files.
    func write(
        _ result: ScoredSplit, overwrite: Bool, picture: @escaping (Int) throws -> Picture?
    ) throws {
        if let csv {
            let models = result.report.models.map(\.model)
            let table = try OutcomeTable(
                Array(zip(models, result.outcomes)), classNames: result.classNames,
                paths: result.files.map(Array.init))
            try AtomicFile.write(Data(table.csv.utf8), to: csv, overwrite: overwrite)
        }
        if let html {
            let page = try EvalPage(
                result.report, outcomes: result.outcomes, classNames: result.classNames,
                paths: result.files.map(Array.init),
                command: ["normconv"] + CommandLine.arguments.dropFirst(), date: Date(), picture: picture)
            try AtomicFile.write(Data(page.html().utf8), to: html, overwrite: overwrite)
        }
    }
}
