import Evaluation
import Foundation

/// How well networks classify a split, for machines and as what pages and tables are made of.
public struct EvalReport: Codable, Sendable, Equatable {
    /// The form of this report.
    public var schemaVersion = 2
    /// The program's version.
    public var version: String
    /// The split's file.
    public var data: String
    /// How image files came to one size; absent for arrays.
    public var transform: String?
    /// Image files that were left out because they cannot be read; absent where there are none.
    package var broken: [Broken]?
    /// What was taken for the images' classes; absent where that is not known.
    package var labels: Labels?
    /// Images scored: all of the split but the broken ones.
    public var images: Int
    /// The engine that ran the networks.
    public var engine: String
    /// How intervals of means were made.
    package var bootstrap = BootstrapSettings()
    /// The network that the others are compared with; absent where there is one network.
    public var baseline: String?
    /// The networks, in the order that they were named.
    public var models: [Network]

    /// An image file that was left out.
    package struct Broken: Codable, Sendable, Equatable {
        /// The file.
        package var file: String
        /// Why, for people.
        package var reason: String

        /// A file and a reason.
        package init(file: String, reason: String) {
            self.file = file
            self.reason = reason
        }
    }

    /// What was taken for the images' classes.
    package struct Labels: Codable, Sendable, Equatable {
        /// Where they were found: `column 'ClassId'`.
        package var source: String
        /// Which class each of them is: `names in sorted order`.
        package var order: String
        /// The names of the classes in the order of the labels; absent where there are none.
        package var classes: [String]?
        /// Why they may mean something else; absent where nothing speaks for it.
        package var doubt: String?

        /// What was understood.
        package init(source: String, order: String, classes: [String]? = nil, doubt: String? = nil) {
            (self.source, self.order) = (source, order)
            (self.classes, self.doubt) = (classes, doubt)
        }
    }

    /// How intervals of means were made: with the percentile bootstrap.
    package struct BootstrapSettings: Codable, Sendable, Equatable {
        /// How often the images were drawn.
        package var draws = Bootstrap().draws
        /// Where the random numbers start.
        package var seed = Bootstrap().seed

        /// The settings that `Evaluation` uses.
        package init() {}
    }

    /// One of the networks. In JSON, the evaluation's properties stand beside its own.
    public struct Network: Codable, Sendable, Equatable {
        /// The network's file.
        public var model: String
        /// What was done to the pixels.
        public var preprocess: String
        /// What the network's file does not say and a convention, or the caller, had to.
        public var assumptions: [String]
        /// How its outputs become probabilities of the classes.
        package var head: Head
        /// Images per second, without opening files and packing weights; with several networks, about what each would
        /// do alone.
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

        /// A network's figures.
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

        /// The evaluation's properties, and the network's own beside them.
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

    /// Classes that have images, those first whose recall is lowest in any network: a class that only one network loses is
    /// worth seeing. Of equal recalls, the one of more images says more.
    public var weakestClasses: [Int] {
        guard let classes = models.first?.evaluation.classes else { return [] }
        let recalls = classes.indices.map { index in
            models.compactMap { $0.evaluation.classes[index].recall?.value }.min()
        }
        return classes.indices.filter { recalls[$0] != nil }.sorted {
            (recalls[$0] ?? 0, classes[$1].images, $0) < (recalls[$1] ?? 0, classes[$0].images, $1)
        }
    }

    /// What to call each network: the shortest end of its path that tells it from the others.
    public var names: [String] { networkNames.full }

    /// The names, and shorter ones.
    package var networkNames: NetworkNames { NetworkNames(models.map(\.model)) }
}
