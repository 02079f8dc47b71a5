import ArgumentParser
import Foundation
import NormConvKit
import Threads

struct Experiment: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "experiment",
        abstract:
            "Fine-tunes a network with BatchNorm and with GroupNorm at several batch sizes and compares the errors.",
        discussion: """
            EXAMPLES
              normconv experiment resnet.h5 --data train --validate test --output results
              normconv experiment in.h5 --data train --validate val --output o --arms bn,gn

            An arm is the network as it is, or converted:
              bn                 batch norms that normalize with the batch
              bn-eval            batch norms that normalize with the running statistics
              bn-frozen          batch norms of which nothing changes
              gn, gn+ws          group norms; gn+ws: and standardized filters
              ARM:calibrated     gn or gn+ws, fitted to the training images without labels
              ARM:source         gn or gn+ws, fitted to the images of --source
              ARM:refreshed      bn, bn-eval or bn-frozen, their statistics re-estimated
                                 on the training images; gn or gn+ws, fitted to that
              gn:steady=K        with a constant before each norm, as convert --steady K
                                 --add-bias; gn:steady: K = 8. One group keeps the most.
              copy               gamma and beta copied, filters standardized
              reset              gamma 1, beta 0, as Opacus does

            All arms have the same budget of images, the same learning rates to choose from and the same seeds. Each arm and batch size \
            gets the rate whose trainings, two with the same budget, have the lowest loss on training images that they do not see. \
            Rates of 0.003, 0.01 and 0.03 are tried (a tenth of these with adamw); where the lowest loss is at an end, the next rate there \
            follows. The test images are looked at once for each training, at its end.

            Calibrated arms and those of --source take minutes for their conversion, also where --images-seen is small: --calibration-time \
            limits it. It is done once: the network is kept. An interrupted conversion starts again.

            The folder of --output keeps networks, results (experiment.json) and a page with the figure (report.html). The same command \
            goes on where it was stopped; other arms and batch sizes may be added. Results of other images or another network are \
            refused: of arrays all pixels are compared, of image files their names, sizes and times of change.
            """)

    @Argument(help: "The network with batch norms.", completion: .file())
    var input: String

    @Option(help: "The training images with labels.", completion: .file())
    var data: String

    @Option(name: .customLong("validate"), help: "The test images with labels.", completion: .file())
    var validation: String

    @Option(
        help: """
            Images without labels like those that the network was trained on, a few hundred, for the arms gn:source and \
            gn+ws:source.
            """, completion: .file())
    var source: String?

    @Option(help: "The folder for networks and results.", completion: .directory)
    var output: String

    @Option(help: "Batch sizes, separated by commas.")
    var batchSizes = BatchSizes([1, 2, 4, 16, 64])

    @Option(
        help: "Arms, separated by commas. Default: \(ArmList.usual).", transform: ArmList.init(parsing:))
    var arms = ArmList.usual

    @Option(help: "Groups of the converted networks, as in convert.")
    var groups = GroupPolicy.auto

    @Option(help: "Trainings for each arm and batch size, with different seeds.")
    var seeds = 3

    @Option(help: "Images that each training sees. Default: twice the training images.")
    var imagesSeen: Int?

    @Option(
        help:
            "Time for each calibration, such as 90s or 10m. Default: enough for 512 images of ResNet-50 in about 15 minutes."
    )
    var calibrationTime: TimeSpan?

    @Option(help: "sgd (momentum 0.9) or adamw.")
    var optimizer = FineTuneOptimizer.sgd

    @Option(help: "Weight decay, as in PyTorch.")
    var weightDecay = 0.0

    @Option(help: "Limit for the norm of the gradient; 0 for none.")
    var clip = 1.0

    @Flag(help: "Train the network's own head. Default: a new one of zeros with one output for each class.")
    var keepHead = false

    @Option(help: "How training images change, as in finetune: auto, bit, imagenet, cifar, mirror or none.")
    var augment = AugmentationRule.auto

    @Flag(help: "Do not flip images left to right.")
    var noFlip = false

    @Option(help: "The first random seed.")
    var seed: UInt64 = 0

    @Option(
        help:
            "raw, unit, torch, caffe, tf, or MEAN,STD, as in eval. Default: the one stored in the file, otherwise the network family's.",
        transform: Preprocessing.init(parsing:))
    var preprocess: Preprocessing?

    @Option(
        help:
            "Number of trainings at once, each on one thread. Does not change the results. Default: all cores."
    )
    var workers: Int?

    @OptionGroup var images: ImageOptions

    @OptionGroup var labels: LabelledSplitOptions

    @OptionGroup var architecture: ArchitectureOptions

    @OptionGroup var outputOptions: OutputOptions

    func validate() throws {
        if let size = batchSizes.sizes.first(where: { !(1...4096).contains($0) }) {
            throw ValidationError("--batch-sizes must be between 1 and 4096, not \(size).")
        }
        guard !batchSizes.sizes.isEmpty else { throw ValidationError("--batch-sizes is empty.") }
        guard (1...100).contains(seeds) else { throw ValidationError("--seeds must be between 1 and 100.") }
        guard (imagesSeen ?? 1) >= 1 else { throw ValidationError("--images-seen must be at least 1.") }
        guard clip >= 0, clip.isFinite, weightDecay >= 0, weightDecay.isFinite else {
            throw ValidationError("--clip and --weight-decay must be 0 or more.")
        }
        if let workers, !(1...1024).contains(workers) {
            throw ValidationError("--workers must be between 1 and 1024.")
        }
    }

    func run() async throws {
        let model = try architecture.models([input], quiet: outputOptions.quiet)[0]
        let (training, test) = try images.trainingSplits(
            data, validation, for: model, labels, keepsHead: keepHead, preprocessing: preprocess,
            quiet: outputOptions.quiet)
        var options = try options(training)
        if let source {
            options.source = try images.unlabelledSplit(
                source, for: model, labels, preprocessing: preprocess,
                quiet: outputOptions.quiet)
        }
        let line = ExperimentLine(isOn: !outputOptions.quiet)
        defer { line.finish() }
        if !outputOptions.quiet {
            Interruption.farewell.withLock { $0 = { "Interrupted: run the same command to continue" } }
        }
        let run = try ExperimentRun(
            model, on: training, testing: test, options: options, folder: output
        ) { line.show($0) }
        let report = try await run.run()
        line.finish()
        try outputOptions.show(report, report.lines)
    }

    private func options(_ training: Split) throws -> ExperimentOptions {
        var options = ExperimentOptions(
            arms: arms.arms, batchSizes: batchSizes.sizes,
            workers: workers ?? ProcessInfo.processInfo.activeProcessorCount)
        (options.groups, options.seeds, options.keepsHead) = (groups, seeds, keepHead)
        (options.training.optimizer, options.training.weightDecay) = (optimizer, weightDecay)
        (options.training.clipping, options.training.seed) = (clip > 0 ? clip : nil, seed)
        options.imagesSeen = imagesSeen
        options.augmentation = try augment.augmentation(for: training, .plain)
        if noFlip { options.augmentation.flips = false }
        options.preprocessing = preprocess
        options.calibration.seconds = calibrationTime?.seconds
        options.architecture = try architecture.text
        options.command = ["normconv"] + CommandLine.arguments.dropFirst()
        return options
    }
}
