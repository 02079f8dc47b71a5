import ArgumentParser
import Foundation
import NormConvKit

/// How image files of a split are read.
struct ImageOptions: ParsableArguments {
    @Option(
        help: """
            Size that image files are brought to: N for the shorter side, or HxW. Default: the network's: shorter side \
            256 for PyTorch's, the input's for Keras', 480x480 for BiT.
            """)
    var resize: ImageTransform.Resize?

    @Option(
        help: "What is cut out of their middle, N or HxW. Default: 224 for PyTorch's networks, else nothing.")
    var crop: Extent?

    @Option(
        help: """
            nearest, bilinear or bicubic, the latter two antialiased, all as Pillow 13. Default: bilinear; nearest for Keras' \
            networks, as keras.utils.load_img.
            """)
    var interpolation: Interpolation?

    @Flag(
        help: "Take photographs as they are stored, as torchvision and Keras do; EXIF says which side is up.")
    var ignoreOrientation = false

    @Flag(
        help: "Decode large JPEG files at 1/2, 1/4 or 1/8 of their size: faster, with slightly other values.")
    var fastDecode = false

    @Flag(help: "Leave out image files that cannot be read; all are read once before to find them.")
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
    package init?(argument: String) {
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

/// How the arrays of a split are read.
struct ArrayOptions: ParsableArguments {
    static let layoutHelp: ArgumentHelp =
        "Order of the images' dimensions, where 1 or 3 channels do not tell it: nhwc or nchw."
    static let scaleHelp: ArgumentHelp = "What float images hold: bytes (0…255) or unit (0…1)."

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

/// How the arrays and labels of a split are read.
struct LabelledSplitOptions: ParsableArguments {
    @OptionGroup var arrays: ArrayOptions

    @Option(
        help: """
            A text file: a line 'NAME INDEX' for each class of the split, or the names of all outputs in order. \
            Default: names that the network's file has, else the split's order, which has to have as many classes.
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
