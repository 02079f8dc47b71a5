import Tensors

extension SettingsView {
    /// The files, the network and the settings of a training.
    init(_ report: FineTuneReport, _ command: [String]) {
        let entries =
            Self.files(report) + Self.network(report) + Self.images(report) + Self.training(report)
            + [("normconv", report.version)]
        self.init(entries: entries.map { Entry(term: $0.0, definition: $0.1) }, command: command)
    }

    private typealias Pair = (String, String)

    private static func files(_ report: FineTuneReport) -> [Pair] {
        [
            ("Network", report.model),
            ("Training images", "\(report.data), \(Formatting.counted(report.images, "image"))"),
            (
                "Validation images",
                "\(report.validation), \(Formatting.counted(report.validationImages, "image"))"
            ),
            ("Written file", report.output ?? "none yet"),
        ]
    }

    private static func network(_ report: FineTuneReport) -> [Pair] {
        let frozen = report.frozen
        let kind = report.newHead ? "new, of zeros" : "the network’s own"
        return [
            ("Head", "\(kind); \(Formatting.grouped(report.classes)) classes"),
            ("Trained", "\(Formatting.grouped(report.parameters)) numbers"),
            (
                "Frozen",
                frozen.isEmpty
                    ? "nothing" : "\(Formatting.counted(frozen.count, "parameter")): \(frozen.listed(12))"
            ),
            (
                "Standardized",
                report.standardized == 0
                    ? "no kernels" : "\(Formatting.counted(report.standardized, "kernel")), which stay so"
            ),
            (
                "Batch norms",
                report.batchNorms == 0
                    ? "none" : "\(Formatting.grouped(report.batchNorms)), \(report.batchNormText)"
            ),
        ]
    }

    private static func images(_ report: FineTuneReport) -> [Pair] {
        [
            ("Image size", report.imageShape.map(String.init).joined(separator: "×")),
            ("Augmentation", report.augmentation), ("Preprocessing", report.preprocess),
        ]
    }

    private static func training(_ report: FineTuneReport) -> [Pair] {
        let settings = report.settings
        let origin = report.search == nil ? "given" : "found by the search"
        let done = report.steps.count
        let steps = Formatting.grouped(settings.steps)
        var pairs = [
            ("Batch", Formatting.counted(settings.batch, "image")),
            ("Steps", done == settings.steps ? steps : "\(Formatting.grouped(done)) of \(steps)"),
            ("Learning rate", "\(settings.learningRate.short), \(origin)"),
            ("Schedule", settings.schedule),
            (
                "Optimizer",
                settings.optimizer + (settings.momentum.map { ", momentum \(plain($0))" } ?? "")
            ),
            ("Weight decay", plain(settings.weightDecay)),
            ("Label smoothing", plain(settings.labelSmoothing)),
            ("Mixup", plain(settings.mixup)),
            ("Limit of the gradient", settings.clip.map(plain) ?? "none"),
            ("Class weights", settings.classWeights),
            ("Standardization", settings.standardization), ("Seed", "\(settings.seed)"),
            ("Time", Formatting.duration(seconds: report.seconds)),
        ]
        if let speed = report.imagesPerSecond {
            pairs.append(("Speed", "\(Formatting.rate(speed)) training images a second"))
        }
        return pairs
    }

    /// `0`, `0.9`, `1e-05`
    private static func plain(_ value: Double) -> String { value == 0 ? "0" : "\(value)" }
}
