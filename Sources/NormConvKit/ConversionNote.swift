import Calibration
import Conversion
import Foundation
import Networks
import Reports
import Tensors

/// What a converted file stores about its conversion: the root attribute `normconv`, as JSON with sorted keys.
package struct ConversionNote: Codable, Sendable, Equatable {
    /// The format version of this note.
    package var schemaVersion = 1
    /// The version that converted the file.
    package var normconv: String
    /// `gn`, `ln` or `in`; `none` where only the layout changed.
    package var to: String
    /// As the command spells it: `auto`, `32`, `size:8`, `gcd`.
    package var groups: String
    /// `statistics`, `noise` or `copy`.
    package var initialization: String
    /// `on`, `off` or `all`.
    package var weightStandardization: String
    /// `bit`, `timm` or `paper`.
    package var weightStandardizationEpsilon: String
    /// Whether convolutions were given biases.
    package var addBias: Bool
    /// The height of the constant before each norm, in standard deviations; nil for none, and in older files.
    package var steady: Double?
    /// True if norms were assumed to directly follow the convolutions that they are paired with; nil otherwise.
    package var assumeAdjacent: Bool?
    /// The preprocessing that goes with the network, as the command spells it.
    package var preprocess: String
    /// The family of the original network, whose preprocessing defaults apply; nil in older files.
    package var family: String?
    /// How the conversion was calibrated, if it was.
    package var calibration: Calibration?
    /// How the batch norms' statistics were estimated anew before, if they were; nil in older files.
    package var refresh: Refresh?
    /// How the network was fine-tuned, if it was; nil in older files.
    package var fineTuning: FineTuning?
    /// The Python source of the Keras layer that standardizes its weights (`--ws layer`).
    package var kerasLayer: String?
    /// All group norms by layer: PyTorch's names record neither groups nor ε.
    package var norms: [String: Norm]
    /// ε of the batch norms that remain by layer, where the old file recorded it or it was given; nil where there are none.
    package var batchEpsilons: [String: Double]?
    /// Classes and settings of the old file's modules by path, where they are others than the network's family has; nil
    /// where they are the same, or none were recorded.
    package var modules: [String: RecordedModule]?
    /// What the configuration of the old file, or one given for its weights, does not have; nil where there is nothing, and
    /// in older files.
    package var newParts: NewParts?

    /// A group normalization's settings.
    package struct Norm: Codable, Sendable, Equatable {
        /// Number of groups.
        package var groups: Int
        /// ε, added to the variance.
        package var epsilon: Double
    }

    /// What the network has beside its norms that a configuration of the old one lacks.
    package struct NewParts: Codable, Sendable, Equatable {
        /// Convolutions with a new bias, in alphabetical order.
        package var biases: [String] = []
        /// Dense layers and convolutions with another number of outputs.
        package var outputs: [String: Int] = [:]
    }

    /// How a conversion was calibrated.
    package struct Calibration: Codable, Sendable, Equatable {
        /// Images that parameters were fitted to.
        package var fitted: Int
        /// Held-out images.
        package var setAside: Int
        /// True for synthetic images; nil for images from a file.
        package var synthesized: Bool?
        /// The random seed.
        package var seed: UInt64
        /// The steps that were kept.
        package var steps: [String]
        /// Agreement on the held-out images.
        package var agreement: Double
    }

    /// How the statistics of batch norms were estimated anew.
    package struct Refresh: Codable, Sendable, Equatable {
        /// Images that passed through the network.
        package var images: Int
        /// Images in a batch.
        package var batch: Int
        /// The random seed.
        package var seed: UInt64
        /// How batch variances were averaged.
        package var variance: RefreshReport.Variance
    }

    /// How a network was fine-tuned.
    package struct FineTuning: Codable, Sendable, Equatable {
        /// Training images.
        package var images: Int
        /// Outputs of the head.
        package var classes: Int
        /// Whether the head was a new one.
        package var newHead: Bool
        /// Steps up to the parameters that were written.
        package var steps: Int
        /// How it was trained.
        package var settings: FineTuneReport.Settings
        /// How images were drawn.
        package var augmentation: String
        /// Top-1 on the validation images.
        package var top1: Double
    }

    /// The note of a conversion.
    package init(
        _ plan: ConversionPlan, options: ConversionOptions, preprocess: String,
        calibration: CalibrationReport? = nil
    ) {
        normconv = normconvVersion
        to = options.target.commandName
        groups = options.groups.description
        initialization = options.initialization.rawValue
        weightStandardization = options.standardization.rawValue
        weightStandardizationEpsilon = options.standardizationEpsilon.rawValue
        addBias = options.addsBias
        steady = options.steadiness > 0 ? options.steadiness : nil
        assumeAdjacent = plan.report.pairs.contains { $0.adjacency == .assumed } ? true : nil
        self.preprocess = preprocess
        self.calibration = calibration.map { report in
            let kept = report.steps.filter(\.kept)
            let isTrained = kept.contains { ["training", "halfway"].contains($0.name) }
            return Calibration(
                fitted: report.fitted + (isTrained ? report.streamed ?? 0 : 0), setAside: report.setAside,
                synthesized: report.synthesis == nil ? nil : true, seed: report.seed,
                steps: kept.map(\.name), agreement: kept.last?.agreement ?? 0)
        }
        norms = [:]
        for node in plan.network.nodes {
            if case .groupNorm(let norm) = node.operation {
                norms[node.layer] = Norm(groups: norm.groups, epsilon: norm.epsilon)
            }
        }
    }

    /// The note of a file that was only written in another layout.
    package var unchanged: ConversionNote {
        var note = self
        (note.to, note.groups, note.initialization, note.weightStandardization) = ("none", "-", "-", "off")
        return note
    }

    /// Reads a note; nil if the text is not a note.
    package init?(json: String) {
        guard let note = try? JSONDecoder().decode(Self.self, from: Data(json.utf8)) else { return nil }
        self = note
    }

    /// The note as it is stored in the file.
    package func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
}

extension ConversionNote.FineTuning {
    /// What reports tell of it.
    var summary: ConversionSummary.FineTuning {
        .init(
            images: images, steps: steps, batch: settings.batch, optimizer: settings.optimizer,
            learningRate: settings.learningRate, classes: classes, newHead: newHead, top1: top1)
    }

    /// What a report tells of it.
    init(_ report: FineTuneReport) {
        let round = report.kept.map { report.rounds[$0] }
        self.init(
            images: report.images, classes: report.classes, newHead: report.newHead,
            steps: round?.step ?? report.steps.count, settings: report.settings,
            augmentation: report.augmentation, top1: round?.top1 ?? 0)
    }
}

extension ConversionNote {
    /// What reports tell of it.
    var summary: ConversionSummary {
        var summary = ConversionSummary(
            to: to, groups: groups, initialization: initialization,
            weightStandardization: weightStandardization,
            calibration: calibration.map {
                .init(images: $0.fitted, heldOut: $0.setAside, synthetic: $0.synthesized ?? false)
            }, version: normconv)
        summary.refreshImages = refresh?.images
        summary.fineTuning = fineTuning.map(\.summary)
        return summary
    }
}

extension ConversionOptions.Target {
    /// As the command spells it.
    package var commandName: String {
        switch self {
        case .groupNorm: "gn"
        case .layerNorm: "ln"
        case .instanceNorm: "in"
        }
    }
}
