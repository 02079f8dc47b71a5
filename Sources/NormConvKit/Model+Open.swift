import Conversion
import Datasets
import Networks
import OrderedJSON

extension Model {
    /// Opens a file and recognises its network. Reads no weights.
    ///
    /// - Parameters:
    ///   - path: a Keras, PyTorch, safetensors or Big Transfer file; see Documentation/Formats.md.
    ///   - architecture: a Keras configuration in JSON (`model.to_json()`), for files of weights alone.
    ///   - key: which of several networks in a PyTorch checkpoint: `state_dict_ema`, `model.ema`.
    ///   - pairs: convolutions and the norms that directly follow them, in JSON: `[{"conv": NAME, "norm": NAME}, …]`
    ///     or `{NAME: NAME, …}`, for files without a graph.
    ///   - batchEpsilon: ε of the batch norms, 0 or more, for files that do not record it.
    /// - Throws: `NormConvError` where the file is damaged, nothing in it is known, or pairs or ε do not fit it.
    public init(
        _ path: String, architecture: String? = nil, key: String? = nil, pairs: String? = nil,
        batchEpsilon: Double? = nil
    ) throws {
        self = try reporting {
            let facts = GivenFacts(
                pairs: try pairs.map { try GivenPairs(json: JSON.parse($0)) }, batchEpsilon: batchEpsilon)
            return try Model(path: path, architecture: architecture, key: key, facts: facts)
        }
    }

    /// Works out the network with group norms in place of its batch norms. Reads and checks every parameter.
    ///
    /// - Parameters:
    ///   - options: what to convert to, and how.
    ///   - preprocessing: what is done to pixels; what goes with the network where it is nil.
    ///   - progress: is told how far the initialization `noise` is; the others take no time.
    /// - Throws: `NormConvError` where there is no batch normalization, or the options do not fit the network.
    public func converting(
        _ options: ConversionOptions = ConversionOptions(), preprocessing: Preprocessing? = nil,
        progress: (CalibrationProgress) -> Void = { _ in }
    ) throws -> Conversion {
        try reporting { try Conversion(self, options, preprocessing: preprocessing, progress: progress) }
    }

    /// The network as it is, to be written in another layout or with another preprocessing.
    public func keepingNorms() throws -> Conversion { try reporting { try Conversion(self, nil) } }

    /// What is in the file: layers, norms, pairs of convolution and norm, preprocessing.
    public var inspection: InspectReport { InspectReport(self) }

    /// Opens images as this network takes them: see Documentation/Formats.md for what can be read.
    ///
    /// - Parameters:
    ///   - path: a folder, a list, or a file of arrays.
    ///   - options: how it is read, where that is not the network's own way.
    /// - Throws: `NormConvError`.
    public func split(_ path: String, options: SplitOptions = SplitOptions()) throws -> Split {
        try reporting { try split(path: path, options: options) }
    }
}

extension [Model] {
    /// Scores networks on a split with labels, in one pass over its images.
    ///
    /// - Parameters:
    ///   - split: the images and labels.
    ///   - baseline: the place of the network that the others are compared with.
    ///   - progress: is told how many more images all networks are done with, on any thread.
    /// - Throws: `NormConvError`; `CancellationError` soon after the task is cancelled.
    public func evaluated(
        on split: Split, baseline: Int? = nil, progress: @escaping @Sendable (Int) -> Void = { _ in }
    ) async throws -> EvalReport {
        try await reporting(computing: {
            let job = try ScoringJob(self, on: split, baseline: baseline)
            return try job.result(job.run(progress: progress)).report
        })
    }

    /// Top-1 error against the batch size: batch norms take their statistics from the batch, as in training.
    ///
    /// - Parameters:
    ///   - split: the images and labels.
    ///   - batchSizes: their order and duplicates do not matter.
    ///   - shuffles: how many, at least 1.
    ///   - seed: of the shuffles, which are the same for every network and batch size.
    ///   - preprocessing: for all networks; nil for each network's own.
    ///   - progress: is told how many more images are done, on any thread.
    /// - Throws: `NormConvError`; `CancellationError` soon after the task is cancelled.
    public func swept(
        on split: Split, batchSizes: [Int] = [1, 2, 4, 8, 16, 32, 64], shuffles: Int = 3, seed: UInt64 = 0,
        preprocessing: Preprocessing? = nil, progress: @escaping @Sendable (Int) -> Void = { _ in }
    ) async throws -> SweepReport {
        var options = SweepOptions()
        (options.batchSizes, options.shuffles, options.seed) = (batchSizes, shuffles, seed)
        options.preprocessing = preprocessing
        return try await reporting(computing: { [options] in
            try split.sweep(self, options: options, progress: progress)
        })
    }
}

extension Model {
    /// Scores this network on a split with labels.
    ///
    /// - Throws: `NormConvError`; `CancellationError` soon after the task is cancelled.
    public func evaluated(
        on split: Split, progress: @escaping @Sendable (Int) -> Void = { _ in }
    ) async throws -> Evaluation {
        let report = try await [self].evaluated(on: split, progress: progress)
        return report.models[0].evaluation
    }

    /// How far another network's values are from this one's, layer by layer, on the first images of a split.
    ///
    /// - Throws: `NormConvError`; `CancellationError` soon after the task is cancelled.
    public func difference(
        to other: Model, on split: Split, images: Int = 256,
        progress: @escaping @Sendable (Int) -> Void = { _ in }
    ) async throws -> DiffReport {
        try await reporting(computing: { try diff(other, on: split, images: images, progress: progress) })
    }
}

extension Preprocessing {
    /// Reads `raw`, `unit`, `torch`, `caffe`, `tf` or `MEAN,STD`, as the command takes them. Throws `NormConvError`.
    public init(_ text: String) throws {
        self = try reporting { try Preprocessing(parsing: text) }
    }
}
