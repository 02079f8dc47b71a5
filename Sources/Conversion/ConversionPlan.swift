import Networks
import Tensors

/// A conversion worked out: the new network and what to write. It holds vectors only; kernels are read again and
/// changed one at a time when the edits are applied.
package struct ConversionPlan: Sendable {
    /// The converted network. No batch normalization is left in it.
    package var network: Network
    /// What the writer changes; every other parameter is copied. New parameters that share a neighbour are
    /// recorded in the order in which they are to stand.
    package var edits: ParameterEdits
    /// The converted norms, in topological order; a layer that is called twice stands once.
    package var norms: [ConvertedNorm]
    /// Layers of convolutions that had no bias and get one, in topological order.
    package var biasedConvolutions: [String]
    /// What was done and what was not, for people.
    package var report: ConversionReport
}

/// A norm before and after conversion.
package struct ConvertedNorm: Sendable, Equatable {
    /// The layer's name, which it keeps.
    package var layer: String
    /// Channels of the norm.
    package var channels: Int
    /// Groups of consecutive channels.
    package var groups: Int
    /// The new ε, added to the variance.
    package var epsilon: Double
    /// True where the layer had no γ and gets one.
    package var addsGamma: Bool
    /// True where the layer had no β and gets one.
    package var addsBeta: Bool
}

/// What a conversion did, what it left alone and why.
package struct ConversionReport: Sendable, Equatable {
    /// The converted norms by number of channels, in order of first appearance.
    package var stages: [Stage] = []
    /// Layers whose weights are standardized, in topological order.
    package var standardized: [String] = []
    /// Convolutions whose weights stay as they are, in topological order; empty where standardization is off.
    package var leftAlone: [LeftAlone] = []
    /// Norms behind a convolution, and what says so, in topological order.
    package var pairs: [NormPair] = []
    /// Parameters that are not written, in topological order.
    package var dropped: [String] = []
    /// What the user should know.
    package var warnings: [ConversionWarning] = []

    /// The norms of one width.
    package struct Stage: Sendable, Equatable {
        /// Channels of the norms.
        package var channels: Int
        /// Groups of each.
        package var groups: Int
        /// How many norms.
        package var norms: Int
        /// How many of the convolutions before them are standardized.
        package var standardized: Int
    }

    /// A convolution whose weights stay as they are.
    package struct LeftAlone: Sendable, Equatable {
        /// The layer's name.
        package var layer: String
        /// Why.
        package var reason: Reason
    }

    /// Why a convolution's weights stay as they are.
    package enum Reason: Sendable, Equatable {
        /// What follows the convolution would notice.
        case exempt(ConvolutionExemption)
        /// The norm behind it has been a group norm before, so nothing tells its statistics.
        case beforeGroupNorm(layer: String)
        /// Filters of one weight cannot have unit variance.
        case singleWeightFilters
    }
}

/// What the user of a conversion should know.
package enum ConversionWarning: Sendable, Equatable {
    /// There is no batch normalization in the network.
    case nothingToConvert
    /// The old scales and offsets are used where they do not fit.
    case copied
    /// Convolutions without a norm behind them are standardized, which changes what the network computes.
    case standardizedWithoutNorm(layers: [String])
    /// Weights were standardized without images to tell what that costs.
    case standardizedWithoutData(convolutions: Int)
    /// Norms whose groups are of few channels: their statistics differ from sample to sample.
    case narrowGroups(layers: [String], channelsPerGroup: Int)
    /// Groups of one channel on maps of unknown extents: a map of one position would become zero.
    case singleChannelGroups(layers: [String])
    /// Convolutions stay as they are because nothing proves that they stand directly before a norm. `canBeAssumed`: the
    /// options could take it for granted for some of them.
    case unprovenPairs(norms: [String], isKeras: Bool, canBeAssumed: Bool)
    /// Norms that were to be taken to follow their convolutions directly, and have the statistics of values behind a ReLU.
    case contradictedAdjacency(norms: [String])
    /// `assumesAdjacent` where nothing is left to assume.
    case graphIsKnown
    /// Images were made to calibrate on, and their statistics are far from the stored ones: how far, and what is near.
    case distantImages(distance: Double, near: Double)
}

extension ConversionReport.Reason: CustomStringConvertible {
    /// The reason, for people.
    package var description: String {
        switch self {
        case .exempt(let exemption): exemption.description
        case .beforeGroupNorm(let layer): "'\(layer)' behind it is a group norm already"
        case .singleWeightFilters: "its filters have a single weight"
        }
    }
}

extension ConversionWarning {
    /// Whether it tells what to expect without images, which a calibration measures instead.
    package var isAnsweredByCalibration: Bool {
        switch self {
        case .copied, .standardizedWithoutData, .narrowGroups: true
        case .nothingToConvert, .standardizedWithoutNorm, .singleChannelGroups, .distantImages,
            .unprovenPairs, .contradictedAdjacency, .graphIsKnown:
            false
        }
    }
}

extension ConversionWarning: CustomStringConvertible {
    /// One line for people, with the first three of the layers that it is about.
    package var description: String { text(listing: 3) }

    /// The line, with so many layers.
    package func text(listing limit: Int) -> String {
        switch self {
        case .nothingToConvert:
            "the network has no batch normalization: nothing to convert"
        case .copied:
            "scales and offsets are copied as they are: expect the network to fail until it is fine-tuned"
        case .standardizedWithoutNorm(let layers):
            "standardized without a norm behind, which changes the function: "
                + layers.listed(limit)
        case .standardizedWithoutData(let convolutions):
            "\(convolutions) convolutions are standardized without images: expect a loss, a large one in narrow "
                + "networks and on grey images; --calibrate IMAGES keeps most, --synthesize much without any, --ws off more"
        case .narrowGroups(let layers, let size):
            "\(layers.count) norms have groups of few channels, down to \(size), whose statistics vary from image "
                + "to image: expect a loss; --calibrate IMAGES, --synthesize, --groups size:8 or --to ln lose less"
        case .singleChannelGroups(let layers):
            "groups of one channel vanish on maps of one position: \(layers.listed(limit))"
        case .unprovenPairs(let norms, let isKeras, let canBeAssumed):
            "nothing proves which convolution stands directly before \(norms.map { "'\($0)'" }.listed(limit)): convolutions there stay as "
                + "they are, neither standardized nor given a bias"
                + (isKeras ? "; --architecture FILE tells (model.to_json())" : "")
                + (canBeAssumed
                    ? "; --assume-adjacent takes it for granted where names, or the order or number of layers, pair them"
                    : "")
        case .contradictedAdjacency(let norms):
            "--assume-adjacent is contradicted by the statistics of \(norms.map { "'\($0)'" }.listed(limit)): their running means are all 0 "
                + "or more, as behind a ReLU; the convolutions before them stay as they are"
        case .graphIsKnown:
            "the graph is known: --assume-adjacent changes nothing"
        case .distantImages(let distance, let near):
            "the images that were made have other statistics than the stored ones, a distance of \(Float(distance)), expected at most "
                + "\(Float(near)): expect little of them; --preprocess and --image-size may be others than the network was trained with"
        }
    }
}

extension ConversionPlan {
    /// A plan that changes nothing: for writing a network in another layout.
    package init(unchanged network: Network) {
        self.init(
            network: network, edits: ParameterEdits(), norms: [], biasedConvolutions: [],
            report: ConversionReport())
    }
}
