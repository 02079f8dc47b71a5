import Conversion
import Foundation
import Tensors

/// What synthetic images are to show the network: each a mixture of two classes, from a half of each to the whole of one.
///
/// Statistics alone give images that all look alike to the classifier, and whole classes give images that it is surer of than of
/// photographs. Mixtures lie at all distances from the borders between classes, so that another network agrees on about
/// as many of them as on photographs.
struct ClassTargets: Sendable {
    /// The number of outputs; a single one tells two classes by its sign.
    let outputs: Int
    /// What an image's cross-entropy counts.
    let weight: Float

    /// Shares of the better class.
    private static let shares = 16

    /// About 0.618 of a number, without a common divisor: multiples of it go through all numbers, far apart.
    private static func stride(_ count: Int) -> Int {
        var stride = max(1, count * 618 / 1000)
        while greatestCommonDivisor(stride, count) > 1 { stride += 1 }
        return stride
    }

    /// The two classes of an image, and the share of the first.
    func mixture(_ image: Int) -> (first: Int, second: Int, share: Float) {
        let classes = max(outputs, 2)
        let (turn, place) = image.quotientAndRemainder(dividingBy: classes)
        // Few images show classes from everywhere, and a class has another partner and share in each turn.
        let first = place * Self.stride(classes) % classes
        let second = (first + 1 + (turn + 3 * place) % (classes - 1)) % classes
        let step = Float((7 * image + 5 * turn) % Self.shares) + 0.5
        return (first, second, 0.5 + 0.5 * step / Float(Self.shares))
    }

    /// Adds the gradient of the mean cross-entropy of some images with respect to their outputs, [images, outputs].
    func add(
        _ images: Range<Int>, _ values: UnsafeBufferPointer<Float>,
        _ gradient: UnsafeMutableBufferPointer<Float>
    ) {
        let factor = weight / Float(images.count)
        for (row, image) in images.enumerated() {
            let (first, second, share) = mixture(image)
            let own = values[row * outputs..<(row + 1) * outputs]
            if outputs == 1 {
                let wanted = first == 1 ? share : 1 - share
                gradient[row] += factor * (1 / (1 + exp(-values[row])) - wanted)
                continue
            }
            let most = own.max() ?? 0
            let sum = own.reduce(0) { $0 + exp($1 - most) }
            for place in own.indices {
                let output = place - own.startIndex
                let wanted = output == first ? share : output == second ? 1 - share : 0
                gradient[place] += factor * (exp(values[place] - most) / sum - wanted)
            }
        }
    }

    /// Share of images whose outputs, [images, outputs], are highest for their first class.
    func recognized(in values: [Float]) -> Double {
        let images = values.count / max(outputs, 1)
        let found = (0..<images).count { image in
            let own = values[image * outputs..<(image + 1) * outputs]
            let (first, _, _) = mixture(image)
            if outputs == 1 { return (values[image] > 0) == (first == 1) }
            return own.indices.max { own[$0] < own[$1] }.map { $0 - own.startIndex } == first
        }
        return Double(found) / Double(max(images, 1))
    }
}
