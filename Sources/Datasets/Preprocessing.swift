/// What is done to pixels of 0…255 before a network sees them.
///
/// All in Float, in this order, as numpy and torchvision do: divide, subtract the mean, divide by the deviation.
public struct Preprocessing: Sendable, Equatable {
    /// As the command spells it; `init(_:)` reads it back.
    public let name: String
    /// Divides the pixels first: 255, 127.5 or 1.
    let divisor: Float
    /// Subtracted per channel of the result; one value for all channels, or one for each.
    let mean: [Float]
    /// Divides per channel of the result, likewise.
    let deviation: [Float]
    /// Turns RGB to BGR.
    let reversesChannels: Bool

    private init(
        named name: String, divisor: Float = 1, mean: [Float] = [0], deviation: [Float] = [1],
        reverses: Bool = false
    ) {
        self.name = name
        self.divisor = divisor
        self.mean = mean
        self.deviation = deviation
        reversesChannels = reverses
    }

    /// The pixels as they are.
    public static let raw = Preprocessing(named: "raw")
    /// x / 255.
    public static let unit = Preprocessing(named: "unit", divisor: 255)
    /// (x / 255 − mean) / deviation with torchvision's ImageNet values.
    public static let torch = Preprocessing(
        named: "torch", divisor: 255, mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225])
    /// BGR minus the ImageNet means, as keras.applications' ResNets take it.
    public static let caffe = Preprocessing(
        named: "caffe", mean: [103.939, 116.779, 123.68], reverses: true)
    /// x / 127.5 − 1, as keras.applications' ResNetV2s take it.
    public static let tf = Preprocessing(named: "tf", divisor: 127.5, mean: [1])

    /// `raw`, `unit`, `torch`, `caffe`, `tf`, or `MEAN,STD` on the scale of 0…1, with one value each or one for
    /// each channel between colons: `0.5,0.25`, `0.49:0.48:0.45,0.25:0.24:0.26`.
    public init(_ text: String) throws(DatasetError) {
        let presets: [Preprocessing] = [.raw, .unit, .torch, .caffe, .tf]
        if let preset = presets.first(where: { $0.name == text }) {
            self = preset
            return
        }
        let parts: [[Float]] = text.split(separator: ",", omittingEmptySubsequences: false).map { part in
            part.split(separator: ":", omittingEmptySubsequences: false).map { Float($0) ?? .nan }
        }
        guard parts.count == 2, (parts[0] + parts[1]).allSatisfy(\.isFinite), parts[1].allSatisfy({ $0 > 0 }),
            parts[0].count == parts[1].count || parts[0].count == 1 || parts[1].count == 1
        else { throw .unknownPreprocessing(text) }
        self.init(named: text, divisor: 255, mean: parts[0], deviation: parts[1])
    }

    /// Throws `DatasetError.wrongChannels` where the values are for another number of channels.
    func check(channels: Int) throws(DatasetError) {
        let expected = max(mean.count, deviation.count)
        guard expected == 1 || expected == channels else {
            throw .wrongChannels(preprocessing: name, found: channels, expected: expected)
        }
    }

    /// What becomes of a pixel in a channel of the result.
    func apply(_ pixel: Float, channel: Int) -> Float {
        let mean = mean.count == 1 ? mean[0] : mean[channel]
        let deviation = deviation.count == 1 ? deviation[0] : deviation[channel]
        let scaled = divisor == 1 ? pixel : pixel / divisor
        return (scaled - mean) / deviation
    }

    /// What becomes of each of the 256 byte values, [channels of the result, 256].
    func table(channels: Int) -> [Float] {
        (0..<channels).flatMap { channel in (0..<256).map { apply(Float($0), channel: channel) } }
    }
}

extension Preprocessing: CustomStringConvertible {
    /// As the command spells it.
    public var description: String { name }
}
