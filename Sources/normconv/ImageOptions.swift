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

    /// Whether one of them was given.
    var areGiven: Bool {
        resize != nil || crop != nil || interpolation != nil || ignoreOrientation || fastDecode || skipBroken
    }

    /// Opens a split for networks.
    func split(
        _ path: String, for models: [Model], options: SplitOptions = SplitOptions(), quiet: Bool
    ) throws -> Split {
        var options = options
        options.resize = resize
        options.crop = crop
        options.interpolation = interpolation
        options.followsOrientation = !ignoreOrientation
        options.decodesReduced = fastDecode
        let split = try models.split(path: path, options: options)
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

/// Options for the arrays of a split.
struct ArrayOptions: ParsableArguments {
    static let layoutHelp: ArgumentHelp =
        "Order of the dimensions of image arrays: nhwc or nchw. Needed only if the shape is ambiguous."
    static let scaleHelp: ArgumentHelp = "Range of float images: bytes (0…255) or unit (0…1)."

    @Option(help: layoutHelp)
    var layout: ImageLayout?

    @Option(help: scaleHelp)
    var scale = PixelScale.bytes

    /// What a split is opened with.
    var splitOptions: SplitOptions {
        var options = SplitOptions()
        options.layout = layout
        options.scale = scale
        return options
    }
}

/// Options for the arrays and labels of a split.
struct LabelledSplitOptions: ParsableArguments {
    @OptionGroup var arrays: ArrayOptions

    @Option(
        help: """
            A text file with a line 'NAME INDEX' for each class of the split, or with the names of all outputs in order. \
            Default: the names in the network's file, otherwise the split's order if the numbers of classes are equal.
            """, completion: .file())
    var classes: String?

    /// What a split is opened with.
    var splitOptions: SplitOptions {
        get throws {
            var options = arrays.splitOptions
            options.classes = try classes.map(ClassIndices.init(path:))
            return options
        }
    }
}
