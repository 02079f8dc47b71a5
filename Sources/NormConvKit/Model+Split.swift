import Datasets
import Networks
import Tensors

/// How a split is read, where that differs from the network's defaults.
public struct SplitOptions: Sendable {
    /// The order of the dimensions of arrays; nil to recognize it by the 1 or 3 channels.
    public var layout: ImageLayout?
    /// The range of array images that are not uint8.
    public var scale = PixelScale.bytes
    /// 1 to read array images as grey (ITU-R 601), 3 as colour (grey repeated); nil for what they are.
    public var channels: Int?
    /// The array of images, where its name does not say it.
    public var imagesName: String?
    /// The array of labels, where its name does not say it.
    public var labelsName: String?
    /// The file of labels, if they are not in the file of images.
    public var labelsFile: String?
    /// The folder that the paths of a list start from; nil for the folders near the list.
    public var imageRoot: String?
    /// Whether of several parts of a data set the training part is taken, as for calibration; otherwise the test part.
    public var takesTrainingPart = false
    /// Whether images without labels are refused.
    public var requiresLabels = true
    /// The size that image files are resized to.
    package var resize: ImageTransform.Resize?
    /// The size of the center crop.
    public var crop: Extent?
    /// How image files are interpolated.
    package var interpolation: Interpolation?
    /// Whether the EXIF orientation is applied.
    public var followsOrientation = true
    /// Whether JPEG may be decoded at reduced scale.
    public var decodesReduced = false
    /// The output of each class name.
    package var classes: ClassIndices?
    /// Whether the network's outputs and their names do not matter, as its head is to be replaced.
    package var ignoresOutputs = false

    /// The network's defaults.
    public init() {}

    /// Which arrays or folders hold the split.
    fileprivate var sources: SplitSources {
        var sources = SplitSources()
        (sources.images, sources.labels) = (imagesName, labelsName)
        (sources.labelsFile, sources.imageRoot) = (labelsFile, imageRoot)
        sources.takesTrainingPart = takesTrainingPart
        return sources
    }
}

/// Why a split does not fit a network.
package enum SplitFailure: Error, Equatable, CustomStringConvertible {
    /// The split and the network have different numbers of classes, and nothing maps one to the other.
    case classesUnclear(split: String, classes: Int, model: String, outputs: Int)
    /// A size is given for images in an array.
    case sizeIsFixed(split: String, size: String)
    /// A crop that is larger than the resized images.
    case cropTooLarge(crop: String, resize: String)
    /// A network that takes neither 1 nor 3 channels.
    case noImageChannels(model: String, channels: Int)
    /// Image files for a network of steps or volumes.
    case notOfImages(split: String, model: String, input: String)
    /// Grey array images for a network that takes colours, or colours for one that takes grey.
    case channelsDiffer(split: String, found: Int, model: String, expected: Int)
    /// Networks that resize or crop image files differently.
    case imagesDiffer(split: String, models: [String], transforms: [String])
    /// Networks whose outputs are different classes.
    case classesDiffer(split: String, models: [String])

    /// The message in one line.
    package var description: String {
        switch self {
        case .classesUnclear(let split, let classes, let model, let outputs):
            "\(split): \(classes) classes, but \(model) has \(outputs) outputs; give the index of the output for each class with --classes FILE, one line 'NAME INDEX' for each class of the split"
        case .sizeIsFixed(let split, let size):
            "\(split): found an array of \(size) images; --resize, --crop and --interpolation go with image files only"
        case .cropTooLarge(let crop, let resize):
            "a crop of \(crop) does not fit into images resized to \(resize); choose a smaller --crop or a larger --resize"
        case .noImageChannels(let model, let channels):
            "\(model): the network takes \(channels) channels, but image files have 1 or 3"
        case .notOfImages(let split, let model, let input):
            "\(split): found image files, but \(model) takes \(input), expected an array (HDF5, .npz or .npy)"
        case .channelsDiffer(let split, let found, let model, let expected):
            "\(split): images have \(found.counted("channel")), but \(model) takes \(expected); "
                + (expected == 3
                    ? "--channels rgb repeats the grey value"
                    : "--channels gray takes the brightness (ITU-R 601)")
        case .imagesDiffer(let split, let models, let transforms):
            "\(split): images for \(models[0]) are '\(transforms[0])', for \(models[1]) '\(transforms[1])', expected the "
                + "same for all; set --resize, --crop and --interpolation"
        case .classesDiffer(let split, let models):
            "\(split): by the class names in \(models[0]) and \(models[1]), a class has different output indices, expected the same; set them with --classes"
        }
    }
}

extension [Model] {
    /// Opens a split for at least one network. All networks get the same images.
    ///
    /// Throws what `Model.split` throws, and `SplitFailure` if the networks resize image files differently or their outputs
    /// are different classes.
    package func split(path: String, options: SplitOptions = SplitOptions()) throws -> Split {
        for model in self { try naming(model.path) { try model.checkGraph() } }
        // A file without class names is assumed to have the same classes as the others.
        let first = first { $0.classNames != nil } ?? self[0]
        let split = try first.split(path: path, options: options)
        if options.requiresLabels, !options.ignoresOutputs, split.unplacedClasses != nil {
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

extension Split {
    /// The classes by name, for another split of the same data; nil where they have no names.
    package var classIndices: ClassIndices? {
        get throws { try classNames.map { try ClassIndices(names: $0, source: file) } }
    }
}

extension Model {
    /// The names of the outputs, where the file has some.
    var classNames: [String]? {
        newHead.map(\.classNames) ?? checkpoint.classNames.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Opens a split for this network. Image files are resized to its input. If labels are needed and the network's file has
    /// class names, the split's class names are looked up among them.
    ///
    /// Throws `DatasetError`, `SplitFailure` if the split does not fit the network, and `EvaluationRefusal` if the network
    /// cannot be computed.
    package func split(path: String, options: SplitOptions = SplitOptions()) throws -> Split {
        try naming(self.path) { try checkGraph() }
        let named = try (options.requiresLabels && !options.ignoresOutputs ? classNames : nil).map { names in
            try ClassIndices(names: names, source: self.path)
        }
        let split = try Split(
            path: path, sources: options.sources, form: arrayForm, layout: options.layout,
            scale: options.scale,
            channels: options.channels, requiresLabels: options.requiresLabels,
            transform: try transform(options), classes: options.classes ?? named)
        let channels = network.input.channels
        if split.transform == nil {
            guard options.resize == nil, options.crop == nil, options.interpolation == nil else {
                throw SplitFailure.sizeIsFixed(split: path, size: "\(split.shape.mapExtent)")
            }
            if split.channels != channels, [1, 3].contains(channels), [1, 3].contains(split.channels) {
                throw SplitFailure.channelsDiffer(
                    split: path, found: split.channels, model: self.path, expected: channels)
            }
        } else if network.input.dimensions != 2 {
            let found = arrayForm.description(network.input.ownExtents)
            throw SplitFailure.notOfImages(split: path, model: self.path, input: found)
        } else if ![1, 3].contains(channels) {
            throw SplitFailure.noImageChannels(model: self.path, channels: channels)
        }
        if options.requiresLabels, !options.ignoresOutputs, split.unplacedClasses != nil {
            _ = try classes(of: split)
        }
        return split
    }

    /// How image files are resized to the network's size.
    ///
    /// | network | resized | crop | interpolation |
    /// |---|---|---|---|
    /// | PyTorch's names | shorter side to 8/7 of the crop: 256 for 224 (torchvision) | 224×224 | bilinear |
    /// | of these, CIFAR ResNets | to 32×32 | – | bilinear |
    /// | Keras | to its input, else 224×224 | – | nearest: `keras.utils.load_img(target_size:)` |
    /// | Big Transfer | to 480×480 (its paper's for photographs) | – | bilinear |
    ///
    /// A converted file keeps the defaults of the original network. A crop without a size is taken from images whose
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

    /// The ImageNet convention: the crop is 7/8 of the shorter side.
    private static func cropped(_ crop: Extent, _ interpolation: Interpolation) -> ImageTransform {
        ImageTransform(
            shorterSide: max(crop.height, crop.width) * 8 / 7, crop: crop, interpolation: interpolation)
    }

    /// The input size in the file, otherwise the family's default; 1000 steps, and torchvision's
    /// 16×112×112 for volumes.
    var inputSize: Extent {
        if let size = network.input.extent { return size }
        switch network.input.dimensions {
        case 1: return Extent([1000])
        case 3: return Extent([16, 112, 112])
        default: break
        }
        switch imageFamily {
        case .bit: return Extent(480)
        case .torch: return Extent(beginsWithStride ? 224 : 32)
        case .keras, .kerasResNet, .kerasResNetV2: return Extent(224)
        }
    }

    /// The family whose preprocessing defaults apply: for a converted network the original's.
    var imageFamily: Network.Family {
        note?.family.flatMap(Network.Family.init(rawValue:)) ?? network.family
    }

    /// Whether the first convolution takes every second pixel, as all networks but those for CIFAR do.
    private var beginsWithStride: Bool {
        for node in network.nodes {
            if case .convolution(let convolution) = node.operation {
                return convolution.strides != Extent(1)
            }
        }
        return true
    }
}
