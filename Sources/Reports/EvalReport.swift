import Evaluation
import Foundation

/// The scores of networks on a split: the source of JSON, tables and HTML reports.
public struct EvalReport: Codable, Sendable, Equatable {
    /// The format version of this report.
    public var schemaVersion = 2
    /// The program's version.
    public var version: String
    /// The split's file.
    public var data: String
    /// How image files were resized; absent for arrays.
    public var transform: String?
    /// Image files that were left out because they cannot be read; absent if there are none.
    package var broken: [Broken]?
    /// The source of the labels; absent if it is not known.
    package var labels: Labels?
    /// Images scored: all of the split but the broken ones.
    public var images: Int
    /// The engine that ran the networks.
    public var engine: String
    /// The method for intervals of means.
    package var bootstrap = BootstrapSettings()
    /// The network that the others are compared with; absent if there is one network.
    public var baseline: String?
    /// The networks, in the given order.
    public var models: [Network]

    /// An image file that was left out.
    package struct Broken: Codable, Sendable, Equatable {
        /// The file.
        package var file: String
        /// The reason.
        package var reason: String

        /// A file and a reason.
        package init(file: String, reason: String) {
            self.file = file
            self.reason = reason
        }
    }

    /// The source of the labels.
    package struct Labels: Codable, Sendable, Equatable {
        /// Where they were found: `column 'ClassId'`.
        package var source: String
        /// How they map to classes: `names in sorted order`.
        package var order: String
        /// The names of the classes in the order of the labels; absent if there are none.
        package var classes: [String]?
        /// A doubt about the labels; absent if there is none.
        package var doubt: String?

        /// A description of labels.
        package init(source: String, order: String, classes: [String]? = nil, doubt: String? = nil) {
            (self.source, self.order) = (source, order)
            (self.classes, self.doubt) = (classes, doubt)
        }
    }

    /// Settings of the percentile bootstrap, the method for intervals of means.
    package struct BootstrapSettings: Codable, Sendable, Equatable {
        /// Number of bootstrap samples.
        package var draws = Bootstrap().draws
        /// The random seed.
        package var seed = Bootstrap().seed

        /// The settings that `Evaluation` uses.
        package init() {}
    }

    /// One of the networks. In JSON, the evaluation's properties are on the same level as its own.
    public struct Network: Codable, Sendable, Equatable {
        /// The network's file.
        public var model: String
        /// The preprocessing.
        public var preprocess: String
        /// Conventions and options that fill in what the network's file does not record.
        public var assumptions: [String]
        /// How its outputs become probabilities of the classes.
        package var head: Head
        /// Images per second, without opening files and packing weights; with several networks, an estimate for each one
        /// alone.
        public var imagesPerSecond: Double
        /// How well it classifies.
        public var evaluation: Evaluation
        /// How its file was converted; nil where it was not, or `sha256` is nil too and it is not known.
        package var conversion: ConversionSummary?
        /// The SHA-256 of its file, as 64 hexadecimal digits; nil where it is not known, as in partial results of
        /// earlier versions.
        public var sha256: String?
        /// The comparison with the baseline, which is "before"; nil for the baseline itself.
        public var comparison: Comparison?

        /// A network's scores.
        package init(
            model: String, preprocess: String, head: Head = .softmax, imagesPerSecond: Double,
            evaluation: Evaluation, comparison: Comparison? = nil, assumptions: [String] = []
        ) {
            self.model = model
            self.preprocess = preprocess
            self.head = head
            self.imagesPerSecond = imagesPerSecond
            self.evaluation = evaluation
            self.comparison = comparison
            self.assumptions = assumptions
        }

        private enum CodingKeys: String, CodingKey {
            case model, preprocess, head, imagesPerSecond, comparison, assumptions, conversion, sha256
        }

        /// Reads what `encode` writes.
        public init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            model = try values.decode(String.self, forKey: .model)
            preprocess = try values.decode(String.self, forKey: .preprocess)
            head = try values.decodeIfPresent(Head.self, forKey: .head) ?? .softmax
            imagesPerSecond = try values.decode(Double.self, forKey: .imagesPerSecond)
            assumptions = try values.decodeIfPresent([String].self, forKey: .assumptions) ?? []
            conversion = try values.decodeIfPresent(ConversionSummary.self, forKey: .conversion)
            sha256 = try values.decodeIfPresent(String.self, forKey: .sha256)
            comparison = try values.decodeIfPresent(Comparison.self, forKey: .comparison)
            evaluation = try Evaluation(from: decoder)
        }

        /// The evaluation's properties and the network's own, on one level.
        public func encode(to encoder: any Encoder) throws {
            try evaluation.encode(to: encoder)
            var values = encoder.container(keyedBy: CodingKeys.self)
            try values.encode(model, forKey: .model)
            try values.encode(preprocess, forKey: .preprocess)
            try values.encode(head, forKey: .head)
            try values.encode(imagesPerSecond, forKey: .imagesPerSecond)
            try values.encode(assumptions, forKey: .assumptions)
            try values.encodeIfPresent(conversion, forKey: .conversion)
            try values.encodeIfPresent(sha256, forKey: .sha256)
            try values.encodeIfPresent(comparison, forKey: .comparison)
        }
    }

    /// A report on networks that have been scored.
    package init(
        version: String, data: String, engine: String, baseline: String? = nil, models: [Network]
    ) {
        self.version = version
        self.data = data
        self.engine = engine
        self.baseline = baseline
        self.models = models
        images = models.first?.evaluation.images ?? 0
    }

    /// Classes that have images, sorted by their lowest recall in any network. Among equal recalls, the class with more
    /// images comes first.
    public var weakestClasses: [Int] {
        guard let classes = models.first?.evaluation.classes else { return [] }
        let recalls = classes.indices.map { index in
            models.compactMap { $0.evaluation.classes[index].recall?.value }.min()
        }
        return classes.indices.filter { recalls[$0] != nil }.sorted {
            (recalls[$0] ?? 0, classes[$1].images, $0) < (recalls[$1] ?? 0, classes[$0].images, $1)
        }
    }

    /// The name of each network: the shortest end of its path that is unique.
    public var names: [String] { networkNames.full }

    /// The names, and shorter ones.
    package var networkNames: NetworkNames { NetworkNames(models.map(\.model)) }
}
