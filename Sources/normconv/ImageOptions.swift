import ArgumentParser
import Foundation
import NormConvKit

/// Options for the image files of a split.
struct ImageOptions: ParsableArguments {
    @Option(
        help: """
            Resize image files: N for the shorter side, or HxW. Default: shorter side 256 for PyTorch networks, the input \
            size for Keras networks, 480x480 for BiT.
            """)
    var resize: ImageTransform.Resize?

    @Option(help: "Size of the center crop, N or HxW. Default: 224 for PyTorch networks, otherwise no crop.")
    var crop: Extent?

    @Option(
        help: """
            nearest, bilinear or bicubic, as in Pillow 13; the last two are antialiased. Default: nearest for Keras networks \
            (as keras.utils.load_img), otherwise bilinear.
            """)
    var interpolation: Interpolation?

    @Flag(
        help: "Ignore the EXIF orientation of photographs, as torchvision and Keras do.")
    var ignoreOrientation = false

    @Flag(
        help:
            "Decode large JPEG files at 1/2, 1/4 or 1/8 of their size. Faster; pixel values differ slightly.")
    var fastDecode = false

    @Flag(help: "Leave out image files that cannot be read. This reads all files once before the run.")
    var skipBroken = false

    @Option(
        help: """
            The folder that the paths of a list start from. Default: the list's folder, or a folder 'images' in it or next to \
            it.
            """, completion: .directory)
    var imageRoot: String?

    /// Whether one of them was given.
    var areGiven: Bool {
        resize != nil || crop != nil || interpolation != nil || ignoreOrientation || fastDecode || skipBroken
            || imageRoot != nil
    }

    /// Opens a split for networks. `preprocessing` is that of all of them; nil for each one's own.
    func split(
        _ path: String, for models: [Model], options: SplitOptions = SplitOptions(),
        preprocessing: Preprocessing? = nil, quiet: Bool
    ) throws -> Split {
        var options = options
        options.resize = resize
        options.crop = crop
        options.interpolation = interpolation
        options.followsOrientation = !ignoreOrientation
        options.decodesReduced = fastDecode
        options.imageRoot = imageRoot
        let split = try models.split(path: path, options: options)
        let assumptions = split.assumptions(
            under: preprocessing.map { [$0] } ?? models.map(\.preprocessing))
        if !quiet, !assumptions.isEmpty {
            Terminal.note("warning: \(path): assumed: \(assumptions.joined(separator: "; "))")
        }
        guard skipBroken else { return split }
        let progress = ProgressLine("reading", total: split.count, isOn: !quiet)
        defer { progress.finish() }
        let sound = try split.withoutBrokenImages(progress: progress.advance)
        progress.finish()
        if !quiet {
            for image in sound.broken.prefix(3) { Terminal.note("left out: \(image.reason)") }
            let more = sound.broken.count - 3
            if more > 0 {
                Terminal.note("left out: … and \(Formatting.grouped(more)) more (--json lists them)")
            }
        }
        return sound
    }
}

extension Extent: ExpressibleByArgument {
    /// `224` or `224x192`, rows first.
    public init?(argument: String) {
        let sides = argument.lowercased().split(separator: "x", omittingEmptySubsequences: false).map {
            Int($0)
        }
        guard let height = sides[0], let width = sides.count == 2 ? sides[1] : height, sides.count <= 2,
            1...16384 ~= height, 1...16384 ~= width
        else { return nil }
        self.init(height: height, width: width)
    }
}

extension ImageTransform.Resize: ExpressibleByArgument {
    /// `256` for the shorter side, `224x224` for both.
    package init?(argument: String) {
        guard let extent = Extent(argument: argument) else { return nil }
        self = argument.lowercased().contains("x") ? .exact(extent) : .shorterSide(extent.height)
    }
}

extension Interpolation: ExpressibleByArgument {}

/// How the values of image arrays become pixels.
struct PixelOptions: ParsableArguments {
    @Option(
        help: """
            Range of images that are not uint8: bytes (0…255), unit (0…1), or the factor that takes the values to 0…255, such \
            as 0.0038910506 for 16 bits.
            """)
    var scale: PixelScale?

    @Option(
        help: """
            Read image arrays as rgb (grey values are repeated) or as gray (brightness, ITU-R 601), for a network that takes \
            the other one.
            """)
    var channels: ChannelsArgument?

    /// Whether one of them was given.
    var areGiven: Bool { scale != nil || channels != nil }

    /// Takes them over.
    func apply(to options: inout SplitOptions) {
        options.scale = scale ?? .bytes
        options.channels = channels?.count
    }
}

/// `--channels`.
enum ChannelsArgument: String, ExpressibleByArgument, CaseIterable {
    case rgb, gray

    /// The number of channels.
    var count: Int { self == .rgb ? 3 : 1 }
}

extension CompletionKind {
    /// The names of `--preprocess`.
    static var preprocessing: CompletionKind { .list(["raw", "unit", "torch", "caffe", "tf"]) }
}

extension PixelScale: ExpressibleByArgument {
    /// The values that are words.
    public static var defaultCompletionKind: CompletionKind { .list(["bytes", "unit"]) }

    /// `bytes`, `unit`, or a positive number.
    public init?(argument: String) {
        switch argument {
        case "bytes": self = .bytes
        case "unit": self = .unit
        default:
            guard let factor = Float(argument), factor > 0, factor.isFinite else { return nil }
            self = .factor(factor)
        }
    }
}

/// Options for the arrays of a split.
struct ArrayOptions: ParsableArguments {
    static let layoutHelp: ArgumentHelp =
        "Order of the dimensions of arrays: nhwc (channels last) or nchw (channels first). Needed only if the shape is ambiguous."
    static let imagesHelp: ArgumentHelp =
        "The array of images, if its name does not say it: 'arr_0' in an .npz file, 'group/name' in HDF5."

    @Option(help: layoutHelp)
    var layout: ImageLayout?

    @OptionGroup var pixels: PixelOptions

    /// What a split is opened with.
    var splitOptions: SplitOptions {
        var options = SplitOptions()
        options.layout = layout
        pixels.apply(to: &options)
        return options
    }
}

/// Options for the arrays and labels of a split.
struct LabelledSplitOptions: ParsableArguments {
    @OptionGroup var arrays: ArrayOptions

    @Option(name: [.customLong("images"), .customLong("image-array")], help: ArrayOptions.imagesHelp)
    var images: String?

    @Option(
        help: """
            Where the labels are, if not beside the images: the file of the labels, the name of an array, or FILE:NAME. What \
            exists as a file is a file.
            """, completion: .file())
    var labels: String?

    @Option(
        help: """
            A text file with a line 'NAME INDEX' for each class of the split, or with the names of all outputs in order. \
            Default: the names in the network's file, otherwise the split's order if the numbers of classes are equal.
            """, completion: .file())
    var classes: String?

    /// The files that are read besides the split.
    var inputs: [String] { [classes, labels.flatMap { Self.source($0).file }].compactMap { $0 } }

    /// What a split is opened with.
    var splitOptions: SplitOptions {
        get throws {
            var options = arrays.splitOptions
            options.imagesName = images
            (options.labelsFile, options.labelsName) = labels.map(Self.source) ?? (nil, nil)
            options.classes = try classes.map(ClassIndices.init(path:))
            return options
        }
    }

    /// The file and the array that `--labels` names.
    private static func source(_ text: String) -> (file: String?, name: String?) {
        let exists = { (path: String) in FileManager.default.fileExists(atPath: path) }
        if exists(text) { return (text, nil) }
        guard let colon = text.lastIndex(of: ":"), exists(String(text[..<colon])) else { return (nil, text) }
        return (String(text[..<colon]), String(text[text.index(after: colon)...]))
    }
}

extension ImageOptions {
    /// Opens the labelled images of a training. With a new head, classes are those of the training images.
    func trainingSplits(
        _ data: String, _ validation: String, for model: Model, _ labels: LabelledSplitOptions,
        keepsHead: Bool,
        preprocessing: Preprocessing?, quiet: Bool
    ) throws -> (training: Split, validation: Split) {
        let options = try labels.splitOptions
        let training = try split(
            data, for: [model], options: options.forTraining(keepsHead: keepsHead),
            preprocessing: preprocessing, quiet: quiet)
        let other = try split(
            validation, for: [model],
            options: options.forValidation(beside: training, keepsHead: keepsHead),
            preprocessing: preprocessing, quiet: quiet)
        return (training, other)
    }

    /// Opens images whose labels, if there are any, are not read. Of data sets of several parts, it is the training part.
    func unlabelledSplit(
        _ path: String, for model: Model, _ labels: LabelledSplitOptions, preprocessing: Preprocessing?,
        quiet: Bool
    ) throws -> Split {
        var options = try labels.splitOptions
        (options.labelsFile, options.labelsName, options.classes) = (nil, nil, nil)
        (options.requiresLabels, options.takesTrainingPart) = (false, true)
        return try split(path, for: [model], options: options, preprocessing: preprocessing, quiet: quiet)
    }
}
