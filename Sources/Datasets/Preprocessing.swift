/// What is done to pixels before the network. Every operation is in Float32, rounded to nearest, in the
/// order written, as NumPy and PyTorch do it: results are equal bit by bit.
///
/// | text | a pixel x of 0…255 becomes |
/// |---|---|
/// | `raw` | x |
/// | `unit` | x / 255 |
/// | `torch` | (x / 255 − mean) / std with ImageNet's values per colour (torchvision) |
/// | `caffe` | colours in the order blue, green, red; x − ImageNet's mean (keras.applications ResNet50) |
/// | `tf` | x / 127.5 − 1 (keras.applications ResNet50V2) |
/// | `MEAN,STD` | (x / 255 − MEAN) / STD; each one number, or one per channel as in `0.4914:0.4822:0.4465` |
///
/// On images that are stored as 0…1, steps that divide by 255 are left out, and `caffe` and `tf` multiply by 255
/// first.
public struct Preprocessing: Sendable, Equatable, CustomStringConvertible {
    /// The text that `init(parsing:)` takes.
    public let description: String
    let operation: Operation

    enum Operation: Sendable, Equatable {
        case raw
        case unit
        case standardize(mean: [Float], std: [Float])
        case caffe(mean: [Float])
        case tf
    }

    /// Pixels as they are.
    public static let raw = Preprocessing(description: "raw", operation: .raw)
    /// Pixels scaled to 0…1.
    public static let unit = Preprocessing(description: "unit", operation: .unit)
    /// torchvision's ImageNet normalization, for three channels.
    public static let torch = Preprocessing(
        description: "torch",
        operation: .standardize(mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225]))
    /// Blue, green, red minus ImageNet's means, for three channels.
    public static let caffe = Preprocessing(
        description: "caffe", operation: .caffe(mean: [103.939, 116.779, 123.68]))
    /// torchvision's normalization of videos by the statistics of Kinetics-400, for three channels.
    package static let kinetics = Preprocessing(
        description: "0.43216:0.394666:0.37645,0.22803:0.22145:0.216989",
        operation: .standardize(
            mean: [0.43216, 0.394666, 0.37645], std: [0.22803, 0.22145, 0.216989]))
    /// Pixels scaled to −1…1.
    public static let tf = Preprocessing(description: "tf", operation: .tf)

    /// The accepted texts.
    public static let forms =
        "raw, unit, torch, caffe, tf or MEAN,STD (numbers, or one per channel: 0.5:0.4:0.3)"

    private init(description: String, operation: Operation) {
        (self.description, self.operation) = (description, operation)
    }

    /// Parses `raw`, `unit`, `torch`, `caffe`, `tf` or `MEAN,STD`. Throws if a pixel would not be finite.
    package init(parsing text: String) throws(DatasetError) {
        if let preset = [Self.raw, .unit, .torch, .caffe, .tf].first(where: { $0.description == text }) {
            self = preset
            return
        }
        let parts = text.split(separator: ",", omittingEmptySubsequences: false).map(Self.numbers)
        guard parts.count == 2, let mean = parts[0], let std = parts[1], std.allSatisfy({ $0 > 0 }),
            mean.count == std.count || mean.count == 1 || std.count == 1
        else { throw .unknownPreprocessing(found: text, expected: Self.forms) }
        self.init(description: text, operation: .standardize(mean: mean, std: std))
        // The smallest and largest pixel give the largest results.
        let ends = (0..<(channels ?? 1)).flatMap { channel in
            [0, 1].map { apply($0, channel: channel, scale: .unit) }
        }
        guard ends.allSatisfy(\.isFinite) else { throw .overflowingPreprocessing(found: text) }
    }

    private static func numbers(_ text: Substring) -> [Float]? {
        let values = text.split(separator: ":", omittingEmptySubsequences: false).map { Float($0) }
        let numbers = values.compactMap { $0 }.filter(\.isFinite)
        return numbers.count == values.count ? numbers : nil
    }

    /// The required number of channels; nil for any.
    public var channels: Int? {
        switch operation {
        case .raw, .unit, .tf: nil
        case .caffe(let mean): mean.count
        case .standardize(let mean, let std):
            mean.count == 1 && std.count == 1 ? nil : max(mean.count, std.count)
        }
    }

    /// Throws if this requires another number of channels.
    func check(channels found: Int, file: String, object: String) throws(DatasetError) {
        if let expected = channels, expected != found {
            throw .wrongChannels(
                file: file, object: object, found: found, preprocessing: description, expected: expected)
        }
    }

    /// The results for black and for white pixels of a channel. Between them the result is linear.
    package func limits(channel: Int) -> (black: Float, white: Float) {
        (apply(0, channel: channel, scale: .bytes), apply(255, channel: channel, scale: .bytes))
    }

    /// The image channel of output channel `channel`.
    func source(of channel: Int) -> Int {
        if case .caffe(let mean) = operation { mean.count - 1 - channel } else { channel }
    }

    /// The value of output channel `channel` for a pixel stored on the given scale.
    func apply(_ x: Float, channel: Int, scale: PixelScale) -> Float {
        switch operation {
        case .raw: x
        case .unit: scale.unit(x)
        case .standardize(let mean, let std):
            (scale.unit(x) - mean[mean.count == 1 ? 0 : channel]) / std[std.count == 1 ? 0 : channel]
        case .caffe(let mean): scale.bytes(x) - mean[channel]
        case .tf: scale.bytes(x) / 127.5 - 1
        }
    }
}

/// The range of images that are no bytes.
public enum PixelScale: Sendable, Equatable {
    /// 0…255, as uint8 images always are.
    case bytes
    /// 0…1
    case unit
    /// Values that this factor takes to 0…255, as 1/257 does 16-bit images. Applies to images of any type, in Float32.
    case factor(Float)

    /// The factor, if there is one.
    var factor: Float? { if case .factor(let factor) = self { factor } else { nil } }

    func unit(_ x: Float) -> Float { self == .unit ? x : x / 255 }
    func bytes(_ x: Float) -> Float { self == .unit ? x * 255 : x }
    var range: ClosedRange<Float> { self == .unit ? 0...1 : 0...255 }
}
