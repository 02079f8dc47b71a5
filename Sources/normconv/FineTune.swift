import ArgumentParser
import Foundation
import NormConvKit
import Threads

struct FineTune: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "finetune",
        abstract: "Fine-tunes a network on labelled images.",
        discussion: """
            EXAMPLES
              normconv finetune resnet-gn.h5 tuned.h5 --data train --validate val
              normconv finetune in.pth tuned.pth --data train --validate val --batch 4
              normconv finetune in.h5 tuned.h5 --data train --validate val --bn frozen
              normconv finetune gn.h5 tuned.h5 --data train --validate val --log train.csv
              normconv finetune gn.h5 t.h5 --data train --validate val --html tuned.html
              normconv finetune gn.h5 tuned.h5 --data train --validate val --resume state

            Networks of images that eval scores through a softmax can be fine-tuned. The head is replaced by one of zeros with an output for each class of the
            training images. Filters that convert standardized stay standardized. The training images of a data set with several parts are
            read from --data, the validation or test images from --validate; the file may be the same. The output remembers how it was
            trained.

            After each pass over the images (but five to twenty times in all) the network is evaluated on the validation images; the
            parameters with the highest top-1 are written, even where the network was better before. Ctrl-C ends the training early and writes them; a second Ctrl-C stops without
            a file. With --resume a training that was stopped goes on, and gives the same file.
            """)

    @Argument(help: "The network.", completion: .file())
    var input: String

    @Argument(help: "The file to write.", completion: .file())
    var output: String

    @Option(
        help: "The training images with labels: a folder, a list, or a file of arrays.", completion: .file())
    var data: String

    @Option(name: .customLong("validate"), help: "The validation images with labels.", completion: .file())
    var validation: String

    @OptionGroup var training: FineTuneArguments

    @Option(help: "Write the parameters of the best round (highest validation top-1), or the last.")
    var keep = FineTuneOptions.Keeps.best

    @Option(help: "End the training after this number of evaluations without a better one.")
    var patience: Int?

    @Option(
        help: """
            Keep the state of the training in this file after each evaluation, and go on from it if it exists. The file is removed \
            at the end.
            """, completion: .file())
    var resume: String?

    @Option(help: "Write every step to this CSV file, after each evaluation.", completion: .file())
    var log: String?

    @Option(
        help: """
            Write a self-contained HTML report with the curves of the training to this file, after each evaluation.
            """, completion: .file())
    var html: String?

    @Option(
        help:
            "raw, unit, torch, caffe, tf, or MEAN,STD, as in eval. Default: the one stored in the file, otherwise the network family's.",
        transform: Preprocessing.init(parsing:))
    var preprocess: Preprocessing?

    @Option(help: "Number of threads. Does not change the result. Default: all cores.")
    var workers: Int?

    @Option(
        help:
            "The layout of the output, as --layout of convert. Default: by the output's extension, otherwise the input's."
    )
    var outputLayout: LayoutArgument?

    @Flag(help: "Overwrite the output and the files of --log and --html if they exist.")
    var force = false

    @OptionGroup var images: ImageOptions

    @OptionGroup var labels: LabelledSplitOptions

    @OptionGroup var architecture: ArchitectureOptions

    @OptionGroup var outputOptions: OutputOptions

    func validate() throws {
        if let workers, !(1...1024).contains(workers) {
            throw ValidationError("--workers must be between 1 and 1024.")
        }
        if let patience, patience < 1 { throw ValidationError("--patience must be at least 1.") }
        let files = [output, resume, log, html].compactMap(\.self).map(AtomicFile.resolved)
        if Set(files).count < files.count {
            throw ValidationError("The output files must have different names.")
        }
    }

    func run() async throws {
        let file = ConversionOutput(
            output, layout: outputLayout?.choice ?? .byName, replaces: force ? .another : .nothing)
        let inputs = [input, data, validation] + architecture.files + labels.inputs
        for path in [output, resume].compactMap(\.self) { try OutputIsInput.check(path, inputs) }
        try file.check(beside: architecture.files + labels.inputs)
        let files = FineTuneFiles(log: log, html: html, overwrites: force || isContinued)
        try files.check(inputs)
        let job = try job()
        try job.check(file)
        if job.losesFittingHead, !outputOptions.quiet {
            Terminal.note(
                "note: the network's head has as many outputs as there are classes. It is replaced by a new one; --keep-head trains it."
            )
        }
        let (model, report) = try await train(job, files)
        var written = report
        written.output = output
        var conversion = try model.keepingNorms()
        if let preprocess { conversion.preprocessing = preprocess }
        _ = try conversion.write(to: file)
        try files.write(written, isFirst: false)
        if let resume, report.endedEarly != .interrupted {
            try? FileManager.default.removeItem(atPath: resume)
        }
        try outputOptions.show(written, written.lines)
        if let resume, report.endedEarly == .interrupted, !outputOptions.quiet {
            Terminal.note("The state is in \(resume): the same command with --force goes on.")
        }
    }

    /// Whether there is a state of an earlier run.
    private var isContinued: Bool { resume.map { FileManager.default.fileExists(atPath: $0) } ?? false }

    /// The network, the images and the options.
    private func job() throws -> FineTuneJob {
        let model = try architecture.models([input], quiet: outputOptions.quiet)[0]
        try FineTuneJob.check(model)
        let (training, validation) = try images.trainingSplits(
            data, self.validation, for: model, labels, keepsHead: self.training.keepHead,
            preprocessing: preprocess, quiet: outputOptions.quiet)
        var options = self.training.options
        options.workers = workers ?? options.workers
        options.preprocessing = preprocess
        (options.keeps, options.patience) = (keep, patience)
        return try FineTuneJob(
            model, on: training, validating: validation, options: options.settled(for: training))
    }

    /// Trains, until the end or a first Ctrl-C.
    private func train(_ job: FineTuneJob, _ files: FineTuneFiles) async throws -> (Model, FineTuneReport) {
        let line = FineTuneLine(isOn: !outputOptions.quiet)
        defer { line.finish() }
        return try await endingEarly("the training with the best network so far", quiet: outputOptions.quiet)
        {
            let stateFile = resume
            return try await computing {
                var run = try FineTuneRun(job, stateFile: stateFile) { event, report in
                    line.show(event, report)
                    if case .evaluated = event { try files.update(report) { line.warn($0) } }
                }
                return try run.run()
            }
        }
    }
}
