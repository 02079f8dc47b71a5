import Datasets

/// How images are made from a network's stored statistics.
public struct SynthesisOptions: Sendable, Equatable {
    /// How many images; a quarter of them judges each step. As many as suit the network's cost where it is nil.
    public var images: Int?
    /// Steps down the gradient, each about two passes of the network; as many again, up to five times, where statistics
    /// are not near yet and the network costs little.
    public var steps: Int
    /// Their rows and columns; what suits the network where it is nil.
    public var size: Extent?

    /// The defaults are the command's.
    public init(images: Int? = nil, steps: Int = 60, size: Extent? = nil) {
        self.images = images
        self.steps = steps
        self.size = size
    }
}

/// How images were made from stored statistics.
public struct SynthesisReport: Codable, Sendable, Equatable {
    /// How many images.
    public var images: Int
    /// Rows of each.
    public var height: Int
    /// Columns of each.
    public var width: Int
    /// Images whose statistics were taken together.
    public var share: Int
    /// Steps down the gradient, of the images that took most.
    public var steps: Int
    /// How far the statistics of noise are from the stored ones: mean over shares of `StatisticsLoss`.
    public var firstLoss: Double
    /// The same of the images.
    public var lastLoss: Double
    /// Seconds that it took.
    public var seconds: Double
}

/// Why no images can be made.
public enum SynthesisFailure: Error, Equatable, CustomStringConvertible {
    /// There are no stored statistics to make them from.
    case noBatchNorm
    /// A preprocessing for another number of channels than the network takes.
    case wrongChannels(preprocessing: String, expected: Int, found: Int)
    /// The statistics cannot be approached.
    case diverged

    /// One line for people.
    public var description: String {
        switch self {
        case .noBatchNorm:
            "the output depends on no batch normalization: there are no statistics to make images from"
        case .wrongChannels(let preprocessing, let expected, let found):
            "the network takes \(found) channels, preprocessing '\(preprocessing)' is for \(expected): expected one for as many "
                + "(--preprocess)"
        case .diverged:
            "images made from the stored statistics are not finite: the statistics are not those of this network"
        }
    }
}
