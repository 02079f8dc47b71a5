import Tensors

/// How a training image is drawn anew each time it is read: what is cut from it, whether it is flipped, and its
/// colours.
package struct Augmentation: Sendable, Equatable, CustomStringConvertible {
    /// What is cut from an image.
    package enum Crop: Sendable, Equatable {
        /// The same as for evaluation; nothing is random.
        case center
        /// Resized, then cropped to `size` at a random position (torchvision's Resize and RandomCrop).
        case random(resize: ImageTransform.Resize, size: Extent)
        /// As for evaluation, with a margin, cropped back to its size at a random position (torchvision's RandomCrop with
        /// padding). The margin is black, or shows the image mirrored at its edge (padding_mode="reflect").
        case padded(margin: Int, isMirrored: Bool = false)
        /// A part with a random share of the area within `scale` and a random width/height within `ratio`, resized to
        /// `size` (RandomResizedCrop).
        case resized(size: Extent, scale: ClosedRange<Double>, ratio: ClosedRange<Double>)
    }

    /// What is cut from an image.
    package var crop: Crop
    /// Whether half of the images are flipped left to right.
    package var flips: Bool
    /// Random colours; nil leaves them.
    package var jitter: ColorJitter?

    /// An augmentation of these parts.
    package init(crop: Crop, flips: Bool, jitter: ColorJitter? = nil) {
        (self.crop, self.flips, self.jitter) = (crop, flips, jitter)
    }

    /// Images as for evaluation.
    package static let none = Augmentation(crop: .center, flips: false)

    /// The usual one for CIFAR: a margin of four pixels, flips (He et al. 2016).
    package static let cifar = Augmentation(crop: .padded(margin: 4), flips: true)

    /// The usual one for ImageNet: 8 to 100 % of the area, ratios of 3/4 to 4/3, flips (Szegedy et al. 2015).
    package static func imageNet(_ size: Extent) -> Augmentation {
        Augmentation(crop: .resized(size: size, scale: 0.08...1, ratio: 3.0 / 4...4.0 / 3), flips: true)
    }

    /// That of BiT-HyperRule (Kolesnikov et al. 2020): images of less area than 96×96 are resized to 160×160 and
    /// cropped to 128×128, others to 512×512 and 480×480; flips.
    package static func bit(for original: Extent) -> Augmentation {
        let isSmall = original.height * original.width < 96 * 96
        let (resize, size) = isSmall ? (160, 128) : (512, 480)
        return Augmentation(crop: .random(resize: .exact(Extent(resize)), size: Extent(size)), flips: true)
    }

    /// As text: `random resized crop 224×224, scale 0.08…1, ratio 0.75…1.3333, flips`.
    package var description: String {
        var parts: [String] = []
        switch crop {
        case .center: break
        case .random(.shorterSide(let side), let size):
            parts = ["shorter side \(side)", "random crop \(size)"]
        case .random(.exact(let resized), let size): parts = ["resized to \(resized)", "random crop \(size)"]
        case .padded(let margin, let isMirrored):
            parts = ["random crop with a \(isMirrored ? "mirrored " : "")margin of \(margin)"]
        case .resized(let size, let scale, let ratio):
            parts = ["random resized crop \(size)", "scale \(Self.text(scale))", "ratio \(Self.text(ratio))"]
        }
        if flips { parts.append("flips") }
        if let jitter { parts.append("\(jitter)") }
        return parts.isEmpty ? "none" : parts.joined(separator: ", ")
    }

    private static func text(_ range: ClosedRange<Double>) -> String {
        [range.lowerBound, range.upperBound].map { bound in
            let rounded = (bound * 1e4).rounded() / 1e4
            return Int(exactly: rounded).map(String.init) ?? "\(rounded)"
        }.joined(separator: "…")
    }

    /// The size of the drawn images, and how files are decoded and resized for it, where `evaluation` does so
    /// otherwise.
    func transform(from evaluation: ImageTransform) -> ImageTransform {
        switch crop {
        case .center, .padded: return evaluation
        case .random(let resize, let size): return evaluation.replacing(resize, crop: size)
        case .resized(let size, let scale, let ratio):
            // The smallest part of a decoded image is no smaller than what it is resized to.
            let least = (scale.lowerBound * min(ratio.lowerBound, 1 / ratio.upperBound)).squareRoot()
            let side = min(Double(max(size.height, size.width)) / least, 0x1p20)
            return evaluation.replacing(.shorterSide(Int(side.rounded(.up))), crop: size)
        }
    }
}
