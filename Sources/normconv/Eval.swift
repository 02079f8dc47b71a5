import ArgumentParser
import Foundation
import NormConvKit

struct Eval: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "eval",
        abstract: "Scores networks on a test split and compares them.",
        discussion: """
            EXAMPLES
              normconv eval resnet.h5 --data test.h5
              normconv eval resnet-gn.h5 --data test.h5 --against resnet.h5
              normconv eval resnet.h5 gn.h5 ln.h5 --data test.h5 --html report.html
              normconv eval resnet.h5 --data test.h5 --csv images.csv
              normconv eval resnet.h5 gn.h5 --data test.h5 --json | jq '.models[].top1'
              normconv eval resnet.h5 --data test.npz --preprocess 0.5,0.25 --json
              normconv eval r50.safetensors --data imagenette/val --classes names.txt
              normconv eval resnet.h5 --data images.h5 --labels labels.h5
              normconv eval pets.h5 --data annotations/test.txt --skip-broken
              normconv eval resnet50.h5 --data val --precision bf16
              normconv eval resnet50.h5 --data val --resume resnet50.partial
              normconv eval resnet50.h5 --data val --shard 3/8 --partial part-3.partial

            The test split is one of these:
              a folder with one subfolder of image files per class; classes are
              numbered in the sorted order of their names, unless --classes is given;
              or with a metadata.csv that lists them
              a text or CSV file that lists paths and labels, such as Oxford-IIIT
              Pet's annotations/test.txt
              binary files of CIFAR-10 or CIFAR-100 or IDX files of MNIST (also .gz):
              one file or the folder
              an HDF5, npz or npy file with arrays such as 'images' and 'labels',
              'x_test' and 'y_test', 'test_set_x' and 'test_set_y'; --images and
              --labels name others

            Several networks are scored in one pass over the images. Each is compared
            with the first, or with the one that --against names. Intervals are 95 %
            confidence intervals: Wilson's for proportions, the percentile bootstrap
            (2,000 draws, seed 0) for means, Tango's for the difference between two networks on the same images.
            """)

    @Argument(help: "The networks.", completion: .file())
    var models: [String]

    @Option(help: "The test split: a folder, a list, or a file of arrays.", completion: .file())
    var data: String

    @Option(
        help: "The network to compare with. Default: the first of several.",
        completion: .file())
    var against: String?

    @Option(
        help: """
            raw, unit, torch, caffe, tf, or MEAN,STD for pixels in 0…1, such as 0.5,0.25 or, per channel, \
            0.49:0.48:0.45,0.25:0.24:0.26. Default: the one stored in the file, otherwise the network family's.
            """,
        completion: .preprocessing, transform: Preprocessing.init(parsing:))
    var preprocess: Preprocessing?

    @Option(help: "fast (oneDNN) or reference (slow; simple loops that accumulate in double precision).")
    var engine = EngineKind.fast

    @Option(
        help: """
            f32, or bf16 to run the network also with bfloat16 convolutions and compare it with its f32 outputs. bf16 needs \
            a processor with bfloat16 instructions.
            """)
    var precision = Precision.float32

    @Option(help: "Number of threads. Does not change the results. Default: all cores.")
    var workers: Int?

    @OptionGroup var files: ResultFiles

    @Option(
        help:
            "Write the logits (outputs before softmax or sigmoid) as [images, outputs] to this numpy file; one network only.",
        completion: .file())
    var outputs: String?

    @Flag(help: "Overwrite the files of --html, --csv, --outputs and --partial if they exist.")
    var force = false

    @OptionGroup var part: PartialArguments

    @OptionGroup var images: ImageOptions

    @OptionGroup var labels: LabelledSplitOptions

    @OptionGroup var head: HeadOptions

    @OptionGroup var architecture: ArchitectureOptions

    @OptionGroup var output: OutputOptions

    func validate() throws {
        if let workers, !(1...1024).contains(workers) {
            throw ValidationError("--workers must be between 1 and 1024.")
        }
        if workers != nil, engine == .reference {
            throw ValidationError("--workers goes with the fast engine only.")
        }
        if precision != .float32, engine == .reference || outputs != nil || part.file != nil {
            throw ValidationError(
                "--precision goes with the fast engine, and without --outputs, --partial and --resume.")
        }
        if precision != .float32, against != nil || models.count > 1 {
            throw ValidationError(
                "--precision compares a network with itself: give one, and leave --against out.")
        }
        if models.count == 1, let against, OutputIsInput.areOne(against, models[0]) {
            throw ValidationError("--against names the network itself: give another one.")
        }
        if outputs != nil, models.count > 1 {
            throw ValidationError("--outputs goes with one network only; --csv takes several.")
        }
        try files.validate(beside: [outputs, part.file])
        if part.shard != nil, files.html != nil || files.csv != nil {
            throw ValidationError("--html and --csv are of the whole split: give them to normconv merge.")
        }
        if part.file != nil, outputs != nil {
            throw ValidationError("--outputs goes without --partial and --resume, which do not keep them.")
        }
    }

    func run() throws {
        try checkFiles()
        try precision.check()
        let networks = try head.applied(to: architecture.models(paths, quiet: output.quiet))
        let split = try images.split(
            data, for: networks, options: labels.splitOptions, preprocessing: preprocess,
            quiet: output.quiet)
        let job = try job(networks, on: split)
        let partial = part.options(architecture: try architecture.text, force: force)
        let scores = try run(job, on: split, partial)
        if let partial, part.shard != nil {
            let report = ShardReport(partial, split: split)
            return try output.show(report, report.lines)
        }
        let result = try job.result(scores)
        try files.write(result, overwrite: force) { try split.picture($0) }
        try output.show(result.report, result.report.lines(isAlone: models.count == 1))
    }

    /// All networks, the one of `--against` among them.
    private var paths: [String] { against.map { models.contains($0) ? models : models + [$0] } ?? models }

    /// Throws where results cannot be written, before anything is read.
    private func checkFiles() throws {
        let inputs = paths + [data] + architecture.files + labels.inputs
        try files.check(overwrite: force, inputs: inputs)
        for file in [outputs, part.file].compactMap({ $0 }) { try OutputIsInput.check(file, inputs) }
        if let outputs { try AtomicFile.check(outputs, overwrite: force) }
    }

    /// The networks, or the one in another precision and in floats.
    private func job(_ networks: [Model], on split: Split) throws -> ScoringJob {
        let networks =
            precision == .float32 ? networks : [networks[0].running(in: precision), networks[0]]
        return try ScoringJob(
            networks, on: split, baseline: baseline(paths), preprocessing: preprocess, engine: engine)
    }

    /// The place of the network that the others are compared with: one in another precision comes before the same in floats.
    private func baseline(_ paths: [String]) -> Int? {
        if precision != .float32 { return 1 }
        return paths.count > 1 ? against.flatMap(paths.firstIndex) ?? 0 : nil
    }

    /// Runs all networks in one pass. Keeps all outputs only for `--outputs`.
    private func run(
        _ job: ScoringJob, on split: Split, _ partial: PartialOptions?
    ) throws -> [Scores] {
        let networks = job.models
        let first = URL(fileURLWithPath: networks[0].path).lastPathComponent
        let title = networks.count == 1 ? first : "\(networks.count) networks"
        let images = (partial?.shard ?? .whole).images(of: split.count).count
        let progress = ProgressLine(title, total: images, isOn: !output.quiet)
        defer { progress.finish() }
        guard let outputs else {
            return try run(job, partial, images: images, progress)
        }
        let all = try split.run(
            networks, preprocessing: preprocess, engine: engine, workers: workers, progress: progress.advance)
        try AtomicFile.write(Data(all[0].logits.npy), to: outputs, overwrite: force)
        return try job.scores(of: all)
    }

    /// Scores the split, and sets the message for an interrupted run.
    private func run(
        _ job: ScoringJob, _ partial: PartialOptions?, images: Int, _ progress: ProgressLine
    ) throws -> [Scores] {
        let kept = KeptImages(part, of: images)
        return try job.run(
            keepingIn: partial, workers: workers,
            kept: { count in
                guard kept.add(count) else { return }
                progress.exclude(count)
                if !output.quiet { Interruption.farewell.withLock { $0 = { kept.farewell } } }
            }, progress: progress.advance)
    }
}
