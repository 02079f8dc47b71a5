import Conversion
import Foundation
import Networks

/// What a converted file remembers of its conversion: the root attribute `normconv`, as JSON with sorted keys.
public struct ConversionNote: Codable, Sendable, Equatable {
    /// The form of this note.
    public var schemaVersion = 1
    /// The version that converted the file.
    public var normconv: String
    /// `gn`, `ln` or `in`; `none` where only the layout changed.
    public var to: String
    /// As the command spells it: `auto`, `32`, `size:8`, `gcd`.
    public var groups: String
    /// `statistics` or `copy`.
    public var initialization: String
    /// `on`, `off` or `all`.
    public var weightStandardization: String
    /// `bit`, `timm` or `paper`.
    public var weightStandardizationEpsilon: String
    /// Whether convolutions were given biases.
    public var addBias: Bool
    /// True where norms were taken to stand directly behind the convolutions that they are paired with; nil otherwise.
    public var assumeAdjacent: Bool?
    /// The preprocessing that goes with the network, as the command spells it.
    public var preprocess: String
    /// The family of the network that was converted, in whose way image files are read; nil in files of before.
    public var family: String?
    /// How the conversion was calibrated, if it was.
    public var calibration: Calibration?
    /// The Python of the layer that convolutions have that standardize their weights themselves (Keras, `--ws layer`).
    public var kerasLayer: String?
    /// All group normalizations by layer: PyTorch's names carry neither groups nor ε.
    public var norms: [String: Norm]

    /// A group normalization's settings.
    public struct Norm: Codable, Sendable, Equatable {
        /// Number of groups.
        public var groups: Int
        /// ε, added to the variance.
        public var epsilon: Double
    }

    /// How a conversion was calibrated.
    public struct Calibration: Codable, Sendable, Equatable {
        /// Images that parameters were fitted to.
        public var fitted: Int
        /// Images that judged.
        public var setAside: Int
        /// True where the images were made from stored statistics; nil where they were drawn from a file.
        public var synthesized: Bool?
        /// The seed that drew or made them.
        public var seed: UInt64
        /// The steps that were kept.
        public var steps: [String]
        /// Share of the images set aside that both networks put into the same class.
        public var agreement: Double
    }

    /// The note of a conversion.
    public init(
        _ plan: ConversionPlan, options: ConversionOptions, preprocess: String,
        calibration: CalibrationReport? = nil
    ) {
        normconv = normconvVersion
        to = options.target.commandName
        groups = options.groups.description
        initialization = options.initialization.rawValue
        weightStandardization = options.weightStandardization.rawValue
        weightStandardizationEpsilon = options.standardizationEpsilon.rawValue
        addBias = options.addsBias
        assumeAdjacent = plan.report.pairs.contains { $0.adjacency == .assumed } ? true : nil
        self.preprocess = preprocess
        self.calibration = calibration.map { report in
            let kept = report.steps.filter(\.kept)
            return Calibration(
                fitted: report.fitted, setAside: report.setAside,
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
    public var unchanged: ConversionNote {
        var note = self
        (note.to, note.groups, note.initialization, note.weightStandardization) = ("none", "-", "-", "off")
        return note
    }

    /// Reads a note; nil where the text is none of ours.
    public init?(json: String) {
        guard let note = try? JSONDecoder().decode(Self.self, from: Data(json.utf8)) else { return nil }
        self = note
    }

    /// The note as it stands in the file.
    public func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
}

extension ConversionOptions.Target {
    /// As the command spells it.
    public var commandName: String {
        switch self {
        case .groupNorm: "gn"
        case .layerNorm: "ln"
        case .instanceNorm: "in"
        }
    }
}
