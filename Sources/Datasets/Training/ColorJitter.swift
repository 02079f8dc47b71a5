import Tensors

/// Random changes of an image's colours in random order, torchvision's `ColorJitter`.
///
/// Factors of brightness, contrast and saturation lie between 1 minus the strength (at least 0) and 1 plus it, shifts
/// of the hue between its negative and itself, in turns of the colour circle. A strength of 0 leaves that property.
package struct ColorJitter: Sendable, Equatable, CustomStringConvertible {
    /// How far the factor of the brightness may lie from 1.
    package var brightness: Double
    /// How far the factor of the contrast may lie from 1.
    package var contrast: Double
    /// How far the factor of the saturation may lie from 1.
    package var saturation: Double
    /// How far the hue may be shifted, at most 0.5.
    package var hue: Double

    /// A jitter of these strengths.
    package init(brightness: Double = 0, contrast: Double = 0, saturation: Double = 0, hue: Double = 0) {
        (self.brightness, self.contrast, self.saturation, self.hue) = (brightness, contrast, saturation, hue)
    }

    /// Parses one strength for brightness, contrast and saturation, as in `0.4`, or torchvision's four, as in
    /// `0.4:0.4:0.4:0.1`. Nil for other texts.
    package init?(parsing text: String) {
        let numbers = text.split(separator: ":", omittingEmptySubsequences: false).map { Double($0) }
        let strengths = numbers.compactMap { $0 }
        guard strengths.count == numbers.count else { return nil }
        switch strengths.count {
        case 1: self.init(brightness: strengths[0], contrast: strengths[0], saturation: strengths[0])
        case 4:
            self.init(
                brightness: strengths[0], contrast: strengths[1], saturation: strengths[2], hue: strengths[3])
        default: return nil
        }
    }

    /// As text: `color jitter 0.4:0.4:0.4:0.1`, the strengths in torchvision's order.
    package var description: String { "color jitter \(brightness):\(contrast):\(saturation):\(hue)" }

    /// The changes of one image. Draws in torchvision's order: that of the changes, then a factor for each that there
    /// is.
    func drawn(using random: inout SplitMix64) -> [ColorAdjustment] {
        let order = [0, 1, 2, 3].shuffled(using: &random)
        func factor(_ strength: Double) -> Double? {
            strength == 0 ? nil : random.uniform(max(0, 1 - strength)...1 + strength)
        }
        let changes = [
            factor(brightness).map(ColorAdjustment.brightness),
            factor(contrast).map(ColorAdjustment.contrast),
            factor(saturation).map(ColorAdjustment.saturation),
            hue == 0 ? nil : .hue(random.uniform(-hue...hue)),
        ]
        return order.compactMap { changes[$0] }
    }
}
