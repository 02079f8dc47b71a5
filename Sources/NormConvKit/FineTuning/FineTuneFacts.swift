import Datasets
import FineTuning
import Tensors

/// What tells a training from others, in plain words, for the file of its state.
struct FineTuneFacts: Sendable, Codable, Equatable {
    /// Something that must be the same.
    struct Fact: Sendable, Codable, Equatable {
        var what: String
        var value: String
    }

    var facts: [Fact]

    /// Reads the network's files, and 64 images of each split.
    init(_ job: FineTuneJob) throws {
        let file = try naming(job.model.path) { try Digest.files(job.model.checkpoint.files) }
        facts =
            try [
                ("version of normconv", normconvVersion),
                ("network", "\(file.bytes) bytes, checksum \(file.text)"),
                ("head", "\(job.options.keepsHead ? "its own" : "new"), \(job.classes) classes"),
                ("training images", Self.text(job.training.split)),
                ("validation images", Self.text(job.validation)),
                ("preprocessing", job.training.preprocessing.description),
                ("augmentation", job.options.augmentation.description),
                ("frozen parameters", job.frozen.isEmpty ? "none" : job.frozen.sorted().listed()),
                ("--keep", job.options.keeps.rawValue),
                ("--patience", job.options.patience.map(String.init) ?? "none"),
                ("--class-weights", job.options.classWeights.rawValue),
                ("--micro-batch", job.options.imagesAtOnce.map(String.init) ?? "none"),
                ("--lr", job.options.searchesRate ? "auto" : job.options.training.learningRate.short),
            ].map(Fact.init) + Self.facts(job.options.training)
    }

    private static func facts(_ options: FineTuningOptions) -> [Fact] {
        [
            ("--batch", "\(options.batch)"), ("number of steps", "\(options.steps)"),
            ("schedule", options.schedule.rawValue), ("--optimizer", options.optimizer.rawValue),
            ("--momentum", "\(options.momentum)"), ("--weight-decay", "\(options.weightDecay)"),
            ("--clip", options.clipping.map { "\($0)" } ?? "none"),
            ("--label-smoothing", "\(options.labelSmoothing)"), ("--mixup", "\(options.mixup)"),
            ("batch norms' mode", options.batchNorms.rawValue),
            ("--bn-momentum", "\(options.batchNormMomentum)"), ("--ws", options.standardization.rawValue),
            ("--seed", "\(options.seed)"),
        ].map(Fact.init)
    }

    private static func text(_ split: Split) throws -> String {
        "\(split.count.counted("image")), checksum \(try PartialHeader.digest(split))"
    }

    /// The first difference; nil if there is none.
    func difference(from other: FineTuneFacts) -> (what: String, found: String, expected: String)? {
        zip(facts, other.facts).first { $0 != $1 }.map { ($0.what, $0.value, $1.value) }
    }
}
