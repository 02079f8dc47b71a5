import Evaluation
import Foundation

/// Networks' errors by batch size: the source of JSON, tables and HTML reports.
public struct SweepReport: Codable, Sendable, Equatable {
    /// The format version of this report.
    public var schemaVersion = 1
    /// The program's version.
    public var version: String
    /// The split's file.
    public var data: String
    /// How image files were resized; absent for arrays.
    public var transform: String?
    /// Image files that were left out because they cannot be read; absent if there are none.
    package var broken: [EvalReport.Broken]?
    /// Images scored at every batch size: all of the split but the broken ones.
    public var images: Int
    /// Number of shuffles.
    public var shuffles: Int
    /// The random seed.
    public var seed: UInt64
    /// The networks, in the given order.
    public var models: [Network]

    /// One of the networks.
    public struct Network: Codable, Sendable, Equatable {
        /// The network's file.
        public var model: String
        /// The preprocessing.
        public var preprocess: String
        /// How its file was converted; nil if it was not.
        package var conversion: ConversionSummary?
        /// The SHA-256 of its file, as 64 hexadecimal digits; nil if it is not known.
        public var sha256: String?
        /// The number of batch norms; without any, the batch does not matter.
        public var batchNorms: Int
        /// The top-1 error with stored statistics, as in `eval`.
        public var stored: Proportion
        /// Its errors by batch size, smallest first.
        public var points: [Point]

        /// A network's errors.
        public init(
            model: String, preprocess: String, batchNorms: Int, stored: Proportion, points: [Point]
        ) {
            self.model = model
            self.preprocess = preprocess
            self.batchNorms = batchNorms
            self.stored = stored
            self.points = points
        }
    }

    /// A network's errors at one batch size.
    public struct Point: Codable, Sendable, Equatable {
        /// Images in a batch.
        public var batchSize: Int
        /// The top-1 error of each shuffle; a single value if the order does not matter.
        public var errors: [Double]
        /// The mean of the errors.
        public var mean: Double
        /// Their sample standard deviation (n − 1); 0 for one error.
        public var deviation: Double

        /// Errors of at least one shuffle.
        public init(batchSize: Int, errors: [Double]) {
            precondition(!errors.isEmpty, "no errors at batch size \(batchSize)")
            self.batchSize = batchSize
            self.errors = errors
            let mean = errors.reduce(0, +) / Double(errors.count)
            let squares = errors.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
            self.mean = mean
            deviation = errors.count < 2 ? 0 : (squares / Double(errors.count - 1)).squareRoot()
        }
    }

    /// A report on networks that have been run.
    package init(
        version: String, data: String, images: Int, shuffles: Int, seed: UInt64, models: [Network]
    ) {
        self.version = version
        self.data = data
        self.images = images
        self.shuffles = shuffles
        self.seed = seed
        self.models = models
    }

    /// The name of each network: the shortest end of its path that is unique.
    public var names: [String] { networkNames.full }

    /// The names, and shorter ones.
    package var networkNames: NetworkNames { NetworkNames(models.map(\.model)) }
}
