import Datasets
import Networks
import Tensors

/// How a split is read, where that is not what goes with the network.
public struct SplitOptions: Sendable {
    /// Where channels stand in arrays, where 1 or 3 channels do not tell it.
    package var layout: ImageLayout?
    /// What float images mean.
    package var scale = PixelScale.bytes
    /// Whether images without labels are refused.
    public var requiresLabels = true
    /// The size that image files are brought to.
    package var resize: ImageTransform.Resize?
    /// What is cut out of their middle.
    package var crop: Extent?
    /// How pixels between pixels are made.
    package var interpolation: Interpolation?
    /// Whether EXIF's orientation is followed.
    public var followsOrientation = true
    /// Whether JPEG may be decoded at reduced scale.
    public var decodesReduced = false
    /// Which output the name of a class means.
    package var classes: ClassIndices?

    /// What goes with the network.
    public init() {}
}

/// Why a split does not go with a network.
package enum SplitFailure: Error, Equatable, CustomStringConvertible {
    /// Another number of classes than the network's, and nothing that says which is which.
    case classesUnclear(split: String, classes: Int, model: String, outputs: Int)
    /// A size for images that have one already.
    case sizeIsFixed(split: String, size: String)
    /// A crop that does not fit into what is resized to.
    case cropTooLarge(crop: String, resize: String)
    /// A network that takes neither grey nor colour.
    case noImageChannels(model: String, channels: Int)
    /// Networks that are to be given the same images, and take them in different ways.
    case imagesDiffer(split: String, models: [String], transforms: [String])
    /// Networks whose outputs stand for other classes.
    case classesDiffer(split: String, models: [String])

    /// One line for people.
    package var description: String {
        switch self {
        case .classesUnclear(let split, let classes, let model, let outputs):
            "\(split): \(classes) classes, but \(model) has \(outputs): expected as many, or --classes FILE, a line "
                + "'NAME INDEX' for each class of the split"
        case .sizeIsFixed(let split, let size):
            "\(split): images of \(size) in an array: --resize, --crop, --interpolation go with image files only"
        case .cropTooLarge(let crop, let resize):
            "a crop of \(crop) from images resized to \(resize): expected a crop that fits into them (--crop, --resize)"
        case .noImageChannels(let model, let channels):
            "\(model): the network takes \(channels) channels, image files have 1 or 3"
        case .imagesDiffer(let split, let models, let transforms):
            "\(split): images for \(models[0]) are '\(transforms[0])', for \(models[1]) '\(transforms[1])': expected the "
                + "same for all (--resize, --crop, --interpolation)"
        case .classesDiffer(let split, let models):
            "\(split): its classes are other outputs of \(models[0]) than of \(models[1]), by the names in their files: "
                + "expected the same (--classes)"
        }
    }
}

extension [Model] {
    /// Opens a split for networks, of which there is one at least, and which get the same images.
    ///
    /// Throws what `Model.split` throws, and `SplitFailure` where image files are not read in one way by all, or classes are
    /// not the same outputs of all.
    package func split(path: String, options: SplitOptions = SplitOptions()) throws -> Split {
        // Of files without names the outputs are taken to be those of the others.
        let first = first { $0.classNames != nil } ?? self[0]
        let split = try first.split(path: path, options: options)
        if options.requiresLabels, split.unplacedClasses != nil {
            for model in self { _ = try model.classes(of: split) }
        }
        guard let transform = split.transform else { return split }
        for model in self {
            let paths = [first.path, model.path]
            let other = try model.transform(options)
            guard other == transform else {
                throw SplitFailure.imagesDiffer(
                    split: path, models: paths, transforms: [transform, other].map(\.coloured))
            }
            guard options.classes == nil, let names = model.classNames, names != first.classNames else {
                continue
            }
            guard try model.split(path: path, options: options).labels == split.labels else {
                throw SplitFailure.classesDiffer(split: path, models: paths)
            }
        }
        return split
    }
}

extension ImageTransform {
    /// The description, with the colours.
    fileprivate var coloured: String { "\(self), \(channels == 1 ? "grey" : "colour")" }
}

extension Model {
    /// The names of the outputs, where the file has some.
    var classNames: [String]? { checkpoint.classNames.flatMap { $0.isEmpty ? nil : $0 } }

    /// Opens a split as this network wants it: image files are brought to its size, and the names of their classes are
    /// looked up among its own where the file has them and labels are needed.
    ///
    /// Throws `DatasetError`, and `SplitFailure` where the split does not go with the network.
    package func split(path: String, options: SplitOptions = SplitOptions()) throws -> Split {
        let named = try (options.requiresLabels ? classNames : nil).map { names in
            try ClassIndices(names: names, source: self.path)
        }
        let split = try Split(
            path: path, layout: options.layout, scale: options.scale, requiresLabels: options.requiresLabels,
            transform: try transform(options), classes: options.classes ?? named)
        if split.transform == nil {
            guard options.resize == nil, options.crop == nil, options.interpolation == nil else {
                let size = Extent(height: split.height, width: split.width)
                throw SplitFailure.sizeIsFixed(split: path, size: "\(size)")
            }
        } else if ![1, 3].contains(network.input.channels) {
            throw SplitFailure.noImageChannels(model: self.path, channels: network.input.channels)
        }
        if options.requiresLabels, split.unplacedClasses != nil { _ = try classes(of: split) }
        return split
    }

    /// How image files come to the network's size.
    ///
    /// | network | resized | crop | pixels between pixels |
    /// |---|---|---|---|
    /// | PyTorch's names | shorter side to 8/7 of the crop: 256 for 224 (torchvision) | 224×224 | bilinear |
    /// | of these, CIFAR ResNets | to 32×32 | – | bilinear |
    /// | Keras | to its input, else 224×224 | – | nearest: `keras.utils.load_img(target_size:)` |
    /// | Big Transfer | to 480×480 (its paper's for photographs) | – | bilinear |
    ///
    /// A file that was converted keeps the way of what it was made of. A crop without a size is taken from images whose
    /// shorter side is 8/7 of it. A size of the shorter side alone has the network's own crop; one of both sides has none.
    func transform(_ options: SplitOptions) throws(SplitFailure) -> ImageTransform {
        let interpolation = options.interpolation ?? (imageFamily.isKeras ? .nearest : .bilinear)
        var transform: ImageTransform
        switch (options.resize, options.crop) {
        case (nil, nil) where imageFamily == .torch && inputSize == Extent(224):
            transform = Self.cropped(inputSize, interpolation)
        case (nil, nil): transform = ImageTransform(size: inputSize, interpolation: interpolation)
        case (nil, let crop?): transform = Self.cropped(crop, interpolation)
        case (.exact(let size)?, let crop):
            guard crop.map({ $0.height <= size.height && $0.width <= size.width }) ?? true else {
                throw .cropTooLarge(crop: crop?.description ?? "", resize: "\(size)")
            }
            transform = ImageTransform(size: size, crop: crop, interpolation: interpolation)
        case (.shorterSide(let side)?, let crop):
            let crop = crop ?? inputSize
            guard max(crop.height, crop.width) <= side else {
                throw .cropTooLarge(crop: "\(crop)", resize: "\(side) on the shorter side")
            }
            transform = ImageTransform(shorterSide: side, crop: crop, interpolation: interpolation)
        }
        transform.channels = network.input.channels == 1 ? 1 : 3
        transform.followsOrientation = options.followsOrientation
        transform.decodesReduced = options.decodesReduced
        return transform
    }

    /// ImageNet's custom: the crop is 7/8 of the shorter side.
    private static func cropped(_ crop: Extent, _ interpolation: Interpolation) -> ImageTransform {
        ImageTransform(
            shorterSide: max(crop.height, crop.width) * 8 / 7, crop: crop, interpolation: interpolation)
    }

    /// The extents that the network says, or its family's.
    var inputSize: Extent {
        if let height = network.input.height, let width = network.input.width {
            return Extent(height: height, width: width)
        }
        switch imageFamily {
        case .bit: return Extent(480)
        case .torch: return Extent(beginsWithStride ? 224 : 32)
        case .keras, .kerasResNet, .kerasResNetV2: return Extent(224)
        }
    }

    /// The family in whose way images are read: that of the network which this one was made of.
    var imageFamily: Network.Family {
        note?.family.flatMap(Network.Family.init(rawValue:)) ?? network.family
    }

    /// Whether the first convolution takes every second pixel, as all networks but those for CIFAR do.
    private var beginsWithStride: Bool {
        for node in network.nodes {
            if case .convolution(let convolution) = node.operation {
                return convolution.strides != Extent2D(1)
            }
        }
        return true
    }
}
