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
    /// What was converted and what was not.
    package var report: ConversionReport
}

/// A norm before and after conversion.
package struct ConvertedNorm: Sendable, Equatable {
    /// The layer's name, which it keeps.
    package var layer: String
    /// What the names of its parameters begin with: `layer1.0.bn1` of `layer1.0.bn1.running_mean`.
    package var module: String
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
    package var stages: [ConvertedStage] = []
    /// Layers whose weights are standardized, in topological order.
    package var standardized: [String] = []
    /// Convolutions whose weights stay as they are, in topological order; empty where standardization is off.
    package var leftAlone: [LeftAlone] = []
    /// Norms after a convolution, and what says so, in topological order.
    package var pairs: [NormPair] = []
    /// Layers that are not computed, after which moments start anew; empty where the conversion uses no moments.
    package var momentsRestart: [UncomputedLayer] = []
    /// Parameters that are not written, in topological order.
    package var dropped: [String] = []
    /// What the user should know.
    package var warnings: [ConversionWarning] = []

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
        /// The norm after it has been a group norm before, so nothing tells its statistics.
        case beforeGroupNorm(layer: String)
        /// It is behind a layer that is not computed, and its statistics do not tell the mean of its input.
        case unknownInput
        /// A file of names alone does not tell what kind of kernel it has.
        case doubtfulKernel(Convolution.Doubt)
        /// Filters of one weight cannot have unit variance.
        case singleWeightFilters
        /// It reads the image, whose brightness a filter of mean 0 does not see.
        case readsImage
        /// Weights of a transposed convolution are standardized nowhere: its outputs see different parts of the kernel.
        case transposed
    }
}

/// What the user of a conversion should know.
package enum ConversionWarning: Sendable, Equatable {
    /// There is no batch normalization in the network.
    case nothingToConvert
    /// Gamma and beta are copied unchanged.
    case copied
    /// Convolutions without a norm after them are standardized, which changes the outputs.
    case standardizedWithoutNorm(layers: [String])
    /// Weights were standardized without calibration.
    case standardizedWithoutData(convolutions: Int, canCalibrate: Bool)
    /// Norms whose groups are of few channels: their statistics differ from sample to sample.
    case narrowGroups(layers: [String], channelsPerGroup: Int, canCalibrate: Bool)
    /// Groups of one channel on maps of unknown size: a 1×1 map would become zero.
    case singleChannelGroups(layers: [String])
    /// Convolutions stay unchanged because nothing proves that they directly precede a norm. `canBeAssumed`: the options
    /// could assume it for some of them.
    case unprovenPairs(norms: [String], isKeras: Bool, canBeAssumed: Bool)
    /// Norms that were assumed to follow their convolutions directly, but have the statistics of values after a ReLU.
    case contradictedAdjacency(norms: [String])
    /// One tensor under several names, whose uses want different values: it is written once for each name.
    case untied(parameters: [String])
    /// The file records other modules than those of the family that its names tell: a line for each.
    case otherModules(differences: [String], architecture: String)
    /// `assumesAdjacent` has no effect.
    case graphIsKnown
    /// Synthetic images whose statistics are far from the stored ones: the distance, and the largest acceptable one.
    case distantImages(distance: Double, near: Double)
    /// A calibration whose outputs on the held-out images are far from the old network's: the squared error, in units of the
    /// variance of the old outputs, and the number of those images.
    case poorCalibration(error: Double, images: Int)
}

extension ConversionReport.Reason: CustomStringConvertible {
    /// The reason as text.
    package var description: String {
        switch self {
        case .exempt(let exemption): exemption.description
        case .beforeGroupNorm(let layer): "it is followed by '\(layer)', which is already a GroupNorm"
        case .unknownInput:
            "it is behind a layer that normconv does not compute, and nothing else tells the mean of its input"
        case .doubtfulKernel(.mayBeGrouped):
            "it may be grouped; a file of names alone does not record the groups"
        case .doubtfulKernel(.mayBeTransposed):
            "it may be transposed; a file of names alone does not record the order of inputs and outputs"
        case .singleWeightFilters: "its filters have a single weight"
        case .readsImage: "it reads the image, whose brightness a filter of mean 0 does not see"
        case .transposed: "it is a transposed convolution"
        }
    }
}

extension ConversionWarning {
    /// Whether it predicts a loss, which a calibration or an estimate of the agreement measures.
    package var predictsLoss: Bool {
        switch self {
        case .copied, .standardizedWithoutData, .narrowGroups: true
        case .nothingToConvert, .standardizedWithoutNorm, .singleChannelGroups, .distantImages,
            .unprovenPairs, .contradictedAdjacency, .graphIsKnown, .poorCalibration, .untied,
            .otherModules:
            false
        }
    }
}

extension ConversionWarning: CustomStringConvertible {
    /// The message in one line, with the first three of the layers that it is about.
    package var description: String { text(listing: 3) }

    /// The line, with at most `limit` layers.
    package func text(listing limit: Int) -> String {
        switch self {
        case .nothingToConvert:
            "the network has no batch normalization: nothing to convert"
        case .copied:
            "gamma and beta are copied unchanged: expect accuracy near chance until the network is fine-tuned"
        case .standardizedWithoutNorm(let layers):
            "standardized with no norm after them, which changes the outputs: "
                + layers.listed(limit)
        case .standardizedWithoutData(let convolutions, let canCalibrate):
            "\(convolutions == 1 ? "1 convolution is" : "\(convolutions) convolutions are") standardized without images: "
                + "expect a loss of accuracy, a large one in narrow networks and on grey images; "
                + (canCalibrate
                    ? "--calibrate IMAGES loses least, then --ws off, then --synthesize"
                    : "--ws off loses less")
        case .narrowGroups(let layers, let size, let canCalibrate):
            "\(layers.count == 1 ? "1 norm has" : "\(layers.count) norms have") groups of few channels, down to \(size), "
                + "whose statistics vary from image to image: expect a loss of accuracy; "
                + (canCalibrate ? "--calibrate IMAGES, --synthesize, " : "")
                + "--groups size:8 or --to ln lose less"
        case .singleChannelGroups(let layers):
            "groups of one channel become zero on 1×1 feature maps: \(layers.listed(limit))"
        case .unprovenPairs(let norms, let isKeras, let canBeAssumed):
            "nothing proves which convolution directly precedes \(norms.map { "'\($0)'" }.listed(limit)): such "
                + "convolutions stay unchanged, without standardization or a new bias"
                + (isKeras
                    ? "; give the graph with --architecture FILE (model.to_json())"
                    : "; give the pairs with --pairs FILE")
                + (canBeAssumed
                    ? "; --assume-adjacent assumes it for pairs by name, order or number of channels" : "")
        case .contradictedAdjacency(let norms):
            "--assume-adjacent contradicts the statistics of \(norms.map { "'\($0)'" }.listed(limit)): their running means "
                + "are all 0 or more, as after a ReLU; the convolutions before them stay unchanged"
        case .untied(let parameters):
            "\(parameters.map { "'\($0)'" }.listed(limit)) are one tensor in the file (tied weights), but their layers need "
                + "different values now: each is written by itself"
        case .otherModules(let differences, let architecture):
            "the file's modules are not those of a \(architecture), whose names it has: "
                + differences.prefix(limit).joined(separator: "; ")
                + (differences.count > limit ? " (and \(differences.count - limit) more)" : "")
                + "; a convolution and its norm between which another module may stand are not taken for adjacent"
        case .graphIsKnown:
            "--assume-adjacent has no effect: the graph is known"
        case .distantImages(let distance, let near):
            "the synthetic images do not match the stored statistics: found a distance of \(Float(distance)), expected at most "
                + "\(Float(near)); check that --preprocess and --image-size match those of the training"
        case .poorCalibration(let error, let images):
            "on the \(images.counted("held-out image")) the outputs have an error of \(Float((error * 100).rounded() / 100)), "
                + "where 1 is as bad as a constant: calibrate on more images, like those of the training"
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

/// The converted norms of one width.
package struct ConvertedStage: Codable, Sendable, Equatable {
    /// Channels of the norms.
    package var channels: Int
    /// Groups of each.
    package var groups: Int
    /// The number of norms.
    package var norms: Int
    /// The number of standardized convolutions before them.
    package var standardized: Int
}
