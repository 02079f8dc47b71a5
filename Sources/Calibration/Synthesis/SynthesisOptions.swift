import Foundation
import Tensors

/// How images are made from a network's stored statistics.
public struct SynthesisOptions: Sendable, Equatable {
    /// How many images; an eighth of them, but at least 16, and at most a quarter, judges each step. As many as suit the network's cost where it is nil.
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

    /// Throws `SynthesisFailure.invalid`.
    func check() throws(SynthesisFailure) {
        if let images, !(8...1_000_000 ~= images) {
            throw .invalid(what: "number", found: images, expected: "8 to 1000000")
        }
        guard 1...100_000 ~= steps else {
            throw .invalid(what: "steps", found: steps, expected: "1 to 100000")
        }
        if let size, min(size.height, size.width) < 1 {
            throw .invalid(what: "extent", found: min(size.height, size.width), expected: "at least 1")
        }
    }
}

/// Why no images can be made.
package enum SynthesisFailure: Error, Equatable, CustomStringConvertible {
    /// There are no stored statistics to make them from.
    case noBatchNorm
    /// A preprocessing for another number of channels than the network takes.
    case wrongChannels(preprocessing: String, expected: Int, found: Int)
    /// The statistics cannot be approached.
    case diverged
    /// The statistics were hardly approached: how far they were, and are.
    case distant(first: Double, last: Double)
    /// An operation that gradients cannot go back through.
    case noWayBack(layer: String)
    /// A number that makes no sense.
    case invalid(what: String, found: Int, expected: String)
    /// The smallest micro-batches would not fit into the memory allowed.
    case outOfMemory(height: Int, width: Int, bytes: Int, limit: Int)

    /// One line for people.
    package var description: String {
        switch self {
        case .noBatchNorm:
            "the output depends on no batch norm: there are no stored statistics to synthesize images from; use --calibrate IMAGES"
        case .wrongChannels(let preprocessing, let expected, let found):
            "the network takes \(found) channels, preprocessing '\(preprocessing)' is for \(expected): choose another with "
                + "--preprocess"
        case .diverged:
            "the synthetic images contain NaN or infinity: the stored statistics are not those of this network; use --calibrate IMAGES"
        case .distant(let first, let last):
            "the synthetic images do not reach the stored statistics: the distance only fell from "
                + "\(String(format: "%.3f", first)) to \(String(format: "%.3f", last)); give the preprocessing of the "
                + "network's training (--preprocess) or another size (--image-size)"
        case .noWayBack(let layer):
            "layer '\(layer)': --synthesize cannot compute gradients through this layer; use --calibrate IMAGES"
        case .invalid(let what, let found, let expected):
            "\(what) of synthetic images: found \(found), expected \(expected)"
        case .outOfMemory(let height, let width, let bytes, let limit):
            "synthetic images of \(height)×\(width) need at least \(bytes) bytes, expected at most \(limit): choose a "
                + "smaller --image-size or a larger --calibration-memory"
        }
    }
}
